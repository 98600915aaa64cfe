import SandboxModel
import SandboxPolicy
import Testing

/// One policy, read without the others.
@Suite struct AloneTests {
    private func input(_ name: String, _ text: String) -> PolicyInput {
        PolicyInput(name: name, contents: Array(text.utf8))
    }

    @Test func `it is what it is among all`() throws {
        let all = try builtIn.get()
        for name in all.names {
            let alone = try #require(PolicySet.alone(name, of: []))
            #expect(alone.names == [name] && alone[name]?.digest == all[name]?.digest)
        }
    }

    @Test func `its parents come from files first, and files that are none of them are not read`() throws {
        let parent = input("default", minimal.replacing("timeout: 10s", with: "timeout: 7s"))
        let child = input("child", "version: 1\nextends: default\ndescription: d\n")
        let broken = input("broken", "version: 7\nnonsense: [")
        let alone = try #require(PolicySet.alone("child", of: [broken, child, parent]))
        #expect(alone.names == ["child"] && alone["child"]?.limits.wallMilliseconds == 7000)
        let whole = try PolicySet.load([child, parent], over: try builtIn.get())
        #expect(alone["child"]?.digest == whole["child"]?.digest)
    }

    @Test func `what is missing, wrong or given twice is left to whoever reads all`() {
        let child = input("child", "version: 1\nextends: default\n")
        #expect(PolicySet.alone("none", of: [child]) == nil)
        #expect(PolicySet.alone("child", of: [input("child", "version: 1\nextends: none\n")]) == nil)
        #expect(PolicySet.alone("child", of: [input("child", "version: 1\nextends: child\n")]) == nil)
        #expect(PolicySet.alone("child", of: [input("child", "version: 1\nextends: default\nx: 1\n")]) == nil)
        #expect(PolicySet.alone("child", of: [child, input("default", "version: 2\n")]) == nil)
        #expect(PolicySet.alone("child", of: [child, child]) == nil)
    }
}
