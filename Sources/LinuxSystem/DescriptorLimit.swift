import Glibc

/// How many descriptors this process may have, `RLIMIT_NOFILE` of getrlimit(2).
package enum DescriptorLimit {
    package static var current: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return Int(min(limit.rlim_cur, rlim_t(Int32.max)))
    }
}
