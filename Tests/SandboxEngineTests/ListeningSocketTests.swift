import Foundation
import Glibc
import LinuxSystem
import Testing

@Suite struct ListeningSocketTests {
    private func inDirectory(_ body: (String) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: directory) }
        try body(directory.path + "/test.sock")
    }

    private func refusal(_ path: String) -> ListeningSocket.Refusal? {
        do throws(ListeningSocket.Refusal) {
            _ = try ListeningSocket(path: path, group: nil, mode: 0o600)
            return nil
        } catch {
            return error
        }
    }

    @Test func hasItsModeAndRefusesWhereSomebodyAnswers() throws {
        try inDirectory { path in
            let socket = try ListeningSocket(path: path, group: nil, mode: 0o640)
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(status.st_mode & 0o7777 == 0o640)
            let number = socket.socket.number
            try system("listen") { listen(number, 1) }
            guard case .taken? = refusal(path) else {
                Issue.record("a second daemon got the socket")
                return
            }
            _ = consume socket
        }
    }

    @Test func takesOverAStaleFileAndNothingElse() throws {
        try inDirectory { path in
            _ = try ListeningSocket(path: path, group: nil, mode: 0o600)
            #expect(refusal(path) == nil)
            unlink(path)
            #expect(FileManager.default.createFile(atPath: path, contents: Data()))
            guard case .occupied? = refusal(path) else {
                Issue.record("a file was taken for a stale socket")
                return
            }
        }
    }

    @Test func accountsAreReadFromTheirFiles() {
        let passwd = Array("root:x:0:0::/:/bin/sh\nsandboxd:x:990:991::/:/bin/false\nbad:x:y:z\n".utf8)
        #expect(AccountFiles.user("sandboxd", in: passwd) == .init(uid: 990, gid: 991))
        #expect(AccountFiles.user("bad", in: passwd) == nil)
        #expect(AccountFiles.group("agents", in: Array("agents:x:77:a,b\n".utf8)) == 77)
    }
}
