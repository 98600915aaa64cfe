import Glibc

/// Names of users, each looked up once.
struct UserNames {
    private var names: [UInt32: String] = [:]

    /// The user's name; the number of one who has none.
    mutating func of(_ uid: UInt32) -> String {
        if let known = names[uid] { return known }
        let name = Self.lookUp(uid) ?? "\(uid)"
        names[uid] = name
        return name
    }

    /// From the host's user database, wherever that is.
    private static func lookUp(_ uid: UInt32) -> String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16 << 10)
        guard getpwuid_r(uid, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name else {
            return nil
        }
        return String(cString: name).cleaned(atMost: 40)
    }
}
