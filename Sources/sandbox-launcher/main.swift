// The only code that runs as root: one thread, no Foundation, no package. It assumes that sandboxd, at the other end of
// descriptor 3, has been taken over, and does nothing for it that the policy it names does not allow.
import Glibc
import LaunchPlan
import LinuxSystem
import SeccompFilter

/// Where sandboxd's socket is.
let controlDescriptor: Int32 = 3

func launch() throws(LaunchFailure) -> Never {
    Heap.mergeAtOnce()
    let host = try Host.prepare(control: controlDescriptor, isService: isService)
    var waiting = pollfd(fd: controlDescriptor, events: Int16(POLLIN), revents: 0)
    // While sandboxd reads its policies: the tables and pages that the first filter needs.
    if poll(&waiting, 1, 0) == 0 { _ = try? FilterCompiler.compile(FilterRequest()) }
    let open = try at(.descriptors) { () throws(SystemError) in try openDescriptors() }
    var loop = try ControlLoop(control: controlDescriptor, host: host, open: open)
    try loop.run()
}

// As sandboxd starts it, it has no other arguments. What asks is `sandboxctl doctor`: whether all programs are of one version.
let isService = CommandLine.arguments.dropFirst() == [LauncherCommand.serviceOption]
if CommandLine.argc > 1, !isService {
    let text = "sandbox-launcher \(ProductVersion.text)\n"
    _ = text.withCString { write(1, $0, strlen($0)) }
    exit(0)
}
do {
    try launch()
} catch {
    let text = "sandbox-launcher: \(error.stage.name): \(error.subject): \(errnoName(error.errno))\n"
    _ = text.withCString { write(2, $0, strlen($0)) }
    exit(70)
}
