import Foundation
import Glibc
import LinuxSystem
import SandboxTestSupport

/// A directory with two sides: `roots`, which is the attacker's own, and `outside`, which everybody may read and write and
/// which no policy of these tests allows. Only the launcher stands between them.
final class Canaries {
    let directory = TemporaryDirectory()
    var path: String { directory.path }

    init() throws {
        chmod(path, 0o755)
        for name in [
            "roots", "roots/w", "roots/m", "roots/m/w", "away", "p", "p/root", "p/root/w", "p/other", "p/other/w",
        ] {
            try directory.makeDirectory(name)
            chown("\(path)/\(name)", Attacker.uid, Attacker.uid)
        }
        for name in ["roots/w", "roots/m/w", "p/root/w"] { try directory.write("\(name)/marker", "inside") }
        for name in ["outside", "outside/w"] {
            try directory.makeDirectory(name)
            chmod("\(path)/\(name)", 0o777)
            try directory.write("\(name)/marker", "secret")
            chmod("\(path)/\(name)/marker", 0o666)
        }
        // The attacker's own, and outside the roots none the less.
        try directory.write("p/other/w/marker", "secret")
        try directory.write("roots/file", "inside")
        chown("\(path)/roots/file", Attacker.uid, Attacker.uid)
    }

    func link(_ name: String, to target: String) {
        symlink(target, "\(path)/\(name)")
        lchown("\(path)/\(name)", Attacker.uid, Attacker.uid)
    }

    /// Everything about the outside that a process could have changed; reading it is seen by what it printed.
    func outside() throws -> [String] {
        var states = [try state("outside")]
        for name in try FileManager.default.subpathsOfDirectory(atPath: "\(path)/outside").sorted() {
            states.append(try state("outside/\(name)"))
        }
        states.append(try state("p/other/w"))
        states.append(try state("p/other/w/marker"))
        return states
    }

    private func state(_ name: String) throws -> String {
        var status = stat()
        guard lstat("\(path)/\(name)", &status) == 0 else { throw SystemError("look at", name, errno: errno) }
        let contents = status.st_mode & S_IFMT == S_IFREG ? try directory.read(name) : ""
        let times = [status.st_mtim, status.st_ctim].map { "\($0.tv_sec).\($0.tv_nsec)" }
        return "\(name) \(status.st_ino) \(status.st_mode) \(status.st_uid) \(status.st_gid) \(times) \(contents)"
    }
}
