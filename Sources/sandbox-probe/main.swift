// Measures a sandbox from inside: what it finds and what it is able to do, one fact a line. It judges nothing; the daemon
// does (SandboxEngine's ProbeJudge). Runs as the command of a sandbox of the policy, also of one where nothing of the host
// exists, so it has no libc and opens no library.
//
// Arguments, which the launcher makes out of its own copy of the policy: `read:N:PATH` and `hide:N:PATH` for the policy's
// N-th such path, `deny:N:NUMBER` for each call of its N-th entry of denied
// ones, `allow::NAME` for a call that it allows beyond the base list.
import CInit
import CInitPlan

func probe() -> Never {
    var output = Output()
    ProcessFacts.write(&output)
    FileFacts.write(&output)
    NetworkFacts.write(&output)
    KernelAttempts.make(&output)
    ProcessAttempts.make(&output)
    FileAttempts.make(&output)
    PolicyFacts.write(&output)
    // Last, because they change this process.
    LandlockFacts.write(&output)
    output.put("end\n")
    output.flush()
    System.exit(0)
}

probe()
