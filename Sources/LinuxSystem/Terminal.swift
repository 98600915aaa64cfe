import CSandbox
import Glibc

/// A pseudo-terminal, `pty(7)`. The command gets the terminal side by descriptor; its path is nowhere in the sandbox.
package struct Terminal: ~Copyable, Sendable {
    package var master: OwnedDescriptor
    package var terminal: OwnedDescriptor

    package init(columns: UInt16, rows: UInt16) throws(SystemError) {
        let flags = O_RDWR | O_NOCTTY | O_CLOEXEC
        let master = OwnedDescriptor(owning: try system("open", "/dev/ptmx") { open("/dev/ptmx", flags) })
        let number = master.number
        try system("unlock a terminal") { sandbox_terminal_unlock(number) }
        try Self.resize(number, columns: columns, rows: rows)
        let peer = OwnedDescriptor(owning: try system("open a terminal") { sandbox_terminal_peer(number) })
        self.master = master
        self.terminal = peer
    }

    package static func resize(_ master: Int32, columns: UInt16, rows: UInt16) throws(SystemError) {
        try system("resize a terminal") { sandbox_terminal_resize(master, columns, rows) }
    }
}
