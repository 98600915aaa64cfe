import CEscape
import Glibc

extension Attempt {
    /// Becoming somebody else.
    static let privileges: [Attempt] = [
        Attempt("setuid-root", "capabilities", "setresuid(0, 0, 0)") { _ in mustFail(call(__NR_setresuid, 0, 0, 0)) },
        Attempt("setgid-root", "capabilities", "setresgid(0, 0, 0)") { _ in mustFail(call(__NR_setresgid, 0, 0, 0)) },
        Attempt("setgroups-root", "isolate 2.5: groups kept", "setgroups([0])") { _ in
            mustFail(call(__NR_setgroups, 1, address(memory(4))))
        },
        Attempt("capability-raise", "capabilities", "capset(2) with CAP_SYS_ADMIN") { _ in
            mustFail(setCapability())
        },
        Attempt("capability-in-a-set", "capabilities", "any bit in any capability set, the bounding set too") { _ in
            let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].filter {
                status($0).contains { $0 != "0" }
            }
            return sets.isEmpty ? .stopped("all empty") : .escaped(sets.joined(separator: " "))
        },
        Attempt("ambient-capability", "capabilities", "prctl(PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN)") { _ in
            // It must be in the inheritable set, where whoever has it can put it.
            let set = setCapability()
            return set < 0 ? mustFail(set) : mustFail(call(__NR_prctl, 47, 2, 21))
        },
        Attempt("securebits", "capabilities", "prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS)") { _ in
            mustFail(call(__NR_prctl, 28, 1 << 4))
        },
        Attempt("no-new-privileges-off", "no_new_privs", "a process that may gain privileges by execve(2)") { _ in
            status("NoNewPrivs") == "1" ? .stopped("set") : .escaped("not set")
        },
        Attempt(
            "no-new-privileges-clear", "no_new_privs", "prctl(PR_SET_NO_NEW_PRIVS, 0) after it was set",
            heldAnyway: "the kernel has no way back"
        ) { _ in
            _ = call(__NR_prctl, 38, 1)
            return mustFail(call(__NR_prctl, 38, 0))
        },
        Attempt("setuid-program", "no_new_privs, nosuid", "execute a program of root's with the set-user-ID bit") { _ in
            becomes("./setuid-program")
        },
        Attempt("file-capabilities", "no_new_privs, nosuid", "execute a program with cap_sys_admin as an attribute") {
            _ in becomes("./capable-program")
        },
        Attempt("seccomp-absent", "seccomp", "a process without a filter") { _ in
            status("Seccomp") == "2" ? .stopped("filter mode") : .escaped("mode \(status("Seccomp"))")
        },
        Attempt("seccomp-allow-all", "seccomp", "a filter of one's own that allows everything, then mount(2)") { _ in
            let installed = escape_seccomp_allow_all()
            guard installed == 0 else { return .error("seccomp: \(errorName(installed))") }
            becomeRootOfNamespaces(CLONE_NEWNS)
            return mustBeRefused(call(__NR_mount, badAddress, badAddress, badAddress))
        },
        Attempt("host-user", "user namespaces", "a uid that means a user of the host") { _ in
            let map = (readFile("/proc/self/uid_map") ?? "").split(whereSeparator: \.isWhitespace).compactMap {
                UInt32($0)
            }
            guard map.count % 3 == 0, !map.isEmpty else { return .error("no map") }
            for index in stride(from: 0, to: map.count, by: 3)
            where map[index + 1] < 0x7000_0000 || map[index + 2] > 1 {
                return .escaped("\(map[index]) is \(map[index + 1]) of \(map[index + 2])")
            }
            return .stopped("only ids of nobody")
        },
    ]

    /// capset(2): CAP_SYS_ADMIN in the effective, permitted and inheritable sets, beside what is there.
    private static func setCapability() -> Int {
        let header = memory(8)
        header.storeBytes(of: 0x2008_0522, as: UInt32.self)
        let data = memory(24)
        _ = call(__NR_capget, address(header), address(data))
        for offset in [0, 4, 8] {
            let old = data.load(fromByteOffset: offset, as: UInt32.self)
            data.storeBytes(of: old | 1 << 21, toByteOffset: offset, as: UInt32.self)
        }
        return call(__NR_capset, address(header), address(data))
    }

    /// Executes a program that says who it is (`escape-probe --identity`), and compares with who asks.
    private static func becomes(_ program: String) -> Verdict {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return .error("pipe") }
        let pid = escape_fork()
        if pid == 0 {
            dup2(ends[1], 1)
            var argv: [UnsafeMutablePointer<CChar>?] = [strdup(program), strdup("--identity"), nil]
            var environment: [UnsafeMutablePointer<CChar>?] = [nil]
            execve(program, &argv, &environment)
            print("execve: \(errorName(Int(errno)))")
            fflush(nil)
            _exit(1)
        }
        close(ends[1])
        let said = readAll(Int(ends[0])).split(separator: "\n").first.map(String.init) ?? ""
        waitpid(pid, nil, 0)
        if said.hasPrefix("execve") { return .stopped(said) }
        guard said.hasPrefix("uid ") else { return .error("said \(said)") }
        // Root already has all.
        if said == "uid \(getuid()) capabilities 0000000000000000" { return .stopped(said) }
        return .escaped(said)
    }
}
