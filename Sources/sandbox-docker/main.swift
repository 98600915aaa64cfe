// The one process that speaks with a Docker Engine. The launcher starts it when a policy has `backend: docker`, as a user of its own
// in the group of the engine's socket: whoever may use that socket is root, and so nothing that parses what a client or a
// command says is in here. It makes and removes containers, as policies that root has read say, and is in no run's way: what a
// command reads and writes never comes through here.
import Glibc
import LaunchPlan
import LinuxSystem

func stop(_ reason: String) -> Never {
    let text = "sandbox-docker: \(reason)\n"
    _ = text.withCString { write(2, $0, strlen($0)) }
    exit(70)
}

let arguments = CommandLine.arguments
guard arguments.count == 3, let uid = UInt32(arguments[1]), let gid = UInt32(arguments[2]) else {
    // What asks is `sandboxctl doctor`: whether all programs are of one version.
    print("sandbox-docker \(ProductVersion.text)")
    exit(arguments.count > 1 && arguments[1] != "--version" ? 64 : 0)
}
signal(SIGPIPE, SIG_IGN)
do {
    // Before there is a second thread.
    try Privileges.drop(uid: uid, gid: gid)
} catch {
    stop("\(error)")
}
guard await Broker.serve(LauncherLink(ContainerCommand.descriptor)) else { stop("the launcher said nothing") }
exit(0)
