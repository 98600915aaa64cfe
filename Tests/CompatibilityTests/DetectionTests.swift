import SandboxTestSupport
import Testing

/// The comparison is able to fail: what differs between outside and inside is found, wherever it is.
@Suite(.needs(.root), .needs(.cgroup), .serialized, .withService)
struct DetectionTests {
    /// Writes to both streams and into the workspace, the same on both sides but for what the host's own /root decides.
    private static let script = """
        test -e /root && side=outside || side=inside
        echo "stdout"; echo "stderr" >&2; echo "file" >file; mkdir directory; ln -s target link
        %@
        """

    private func differences(_ line: String, masks: [Mask] = []) throws -> (found: [String], unused: Int) {
        let service = try #require(Service.current)
        let text = Self.script.replacing("%@", with: line)
        let task = Case(command: ["bash", "-c", text], "detection", "differs on purpose")
        let (outside, inside, _) = try Runner(task, service).run()
        let comparison = try Comparison(outside: outside, inside: inside, masks: masks)
        return (comparison.differences, comparison.unusedMasks.count)
    }

    @Test func `nothing is found where nothing differs`() throws {
        #expect(try differences("pwd; pwd >directory/path").found == [])
    }

    @Test(arguments: [
        ("echo $side", "stdout"),
        ("echo $side >&2", "stderr"),
        ("test $side = outside", "status"),
        ("kill -$(test $side = inside && echo TERM || echo INT) $$", "status"),
        ("echo $side >file", "file"),
        ("echo $side >directory/new", "directory/new"),
        ("test $side = inside || touch extra", "extra"),
        ("test $side = inside || chmod 600 file", "file"),
        ("test $side = inside || chmod 700 directory", "directory"),
        ("test $side = inside || ln -sfn other link", "link"),
        ("test $side = inside || ln file second; touch second", "second"),
        ("test $side = inside && mkfifo name || touch name", "name"),
        ("head -c 50000000 /dev/zero; echo $side", "stdout"),
    ])
    func `a difference is found`(_ line: String, _ place: String) throws {
        let found = try differences(line).found
        #expect(found.contains { $0.hasPrefix("\(place): ") }, "\(found)")
    }

    @Test func `a mask covers what it names and nothing else, and one without work is told`() throws {
        let side = Mask.text("side is \\w+", as: "side", because: "on purpose")
        #expect(try differences("echo side is $side", masks: [side]).found == [])
        #expect(try differences("echo side is $side; echo or $side", masks: [side]).found.count == 1)
        #expect(try differences("echo side is $side >&2", masks: [side]).found.count == 1)
        #expect(try differences("true", masks: [side]).unused == 1)
        let file = Mask.contents(of: ["fi*"], because: "on purpose")
        #expect(try differences("echo $side >file", masks: [file]).found == [])
        #expect(try differences("test $side = inside || chmod 600 file", masks: [file]).found.count == 1)
    }

    @Test func `every script belongs to a case`() throws {
        let used = Set(Case.all.compactMap { if case .script(let name) = $0.work { name } else { nil } })
        for directory in ["python", "shell", "git", "c", "perl", "programs"] {
            let names = try Snapshot("\(Scripts.directory)/\(directory)").entries.keys.filter { !$0.contains("/") }
            for name in names { #expect(used.contains("\(directory)/\(name)"), "\(directory)/\(name)") }
        }
    }
}
