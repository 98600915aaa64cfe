/// What the host's limits leave for many sandboxes.
extension HostChecks {
    static func limits(_ host: HostFacts) -> [Finding] {
        [
            number(
                host, "pid-max", "kernel.pid_max", atLeast: 65_536, wanted: "4194304",
                means:
                    "each sandbox has its pid 1 and up to limits.processes others: more than this many fork() calls fail for all"
            ),
            number(
                host, "threads-max", "kernel.threads-max", atLeast: 32_768, wanted: "131072",
                means: "threads of all sandboxes together count"),
            number(
                host, "file-max", "fs.file-max", atLeast: 131_072, wanted: "1048576",
                means: "a run holds about a dozen open files of the host's"),
            number(
                host, "nr-open", "fs.nr_open", atLeast: 65_536, wanted: "1048576",
                means:
                    "sandboxd and the launcher take a limit of 65536 descriptors: with less than this they have fewer runs at once"
            ),
            number(
                host, "journal-queue", "net.unix.max_dgram_qlen", atLeast: 100, wanted: "512",
                means:
                    "so many records wait for the journal; sandboxd drops what comes beyond, and says how many it dropped"
            ),
            descriptors(host),
        ]
    }

    private static func number(
        _ host: HostFacts, _ name: String, _ key: String, atLeast least: UInt64, wanted: String, means: String
    ) -> Finding {
        let value = host.number("/proc/sys/" + key.split(separator: ".").joined(separator: "/"))
        return Finding(
            .limits, name, found: value ?? .max >= least, .useful, value.map { "\(key) is \($0)" } ?? "not known",
            means: means,
            remedy: Remedy.sysctl([(key, wanted)]))
    }

    /// The service's, where there is one: else what whoever starts it here would give it.
    private static func descriptors(_ host: HostFacts) -> Finding {
        let units = Units(host.units)
        let isUnit = units.isServiceInstalled
        let limit = isUnit ? units.service("LimitNOFILE").map { UInt64($0) ?? .max } : host.caller.descriptors.1
        let whose = isUnit ? "LimitNOFILE of the service" : "the hard limit of this process"
        return Finding(
            .limits, "descriptors", found: limit ?? .max >= 65_536, .useful,
            limit.map { "\(whose) is \($0 == .max ? "infinity" : "\($0)")" } ?? "not known",
            means:
                "root takes what it needs unless its rights are cut down, as in a container: then runs beyond it are refused as "
                + "overloaded",
            remedy: isUnit
                ? Remedy.unit("descriptors", "LimitNOFILE=65536") : "ulimit -Hn 65536, in whatever starts sandboxd")
    }
}
