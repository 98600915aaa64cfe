// pid 1 of a sandbox: no libc, no heap, no runtime, one thread. The launcher executes it by descriptor; what it is told
// is in CInitPlan's init_plan.h.
//
// The order matters. Until `Identity.take()` this process is the host's uid 0 as an owner of files, so before it there
// is no tenant's byte, no path and no fork.
import CInit
import CInitPlan

func runSandbox() -> Never {
    Container.enter()
    let isContainer = Identity.take() == INIT_WORD_CONTAINER
    Isolation.complete(isContainer: isContainer)
    let prepare = Prepare.receive()
    if !isContainer { FileSystems.mount(prepare) }
    let command = CommandProcess.start(prepare)
    System.close(INIT_COMMAND_SOCKET)
    // After the fork: the command's process confines itself meanwhile.
    if !isContainer { FileSystems.mountWorkspace(prepare) }
    var supervisor = Supervisor(command, prepare)
    Report.send(init_report_ready)
    supervisor.serve()
}

runSandbox()
