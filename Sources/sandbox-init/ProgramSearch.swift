import CInit
import CInitPlan

/// execvp(3)'s search, inside the sandbox and with the sandbox's rights, in the environment that the command gets.
enum ProgramSearch {
    typealias Strings = UnsafeMutablePointer<UnsafePointer<CChar>?>

    /// Returns only when nothing could be executed: with the errno of the most telling attempt.
    static func execute(_ program: UnsafePointer<CChar>, arguments: Strings, variables: Strings) -> Int32 {
        if contains(program, slash) { return attempt(program, arguments, variables) }
        guard program[0] != 0 else { return Errno.noEntry }
        var path = searchPath(variables)
        var denied = false
        while true {
            let error = attempt(program, in: &path, arguments, variables)
            switch error {
            case Errno.accessDenied: denied = true
            case Errno.noEntry, Errno.notDirectory, Errno.nameTooLong: break
            default: return error
            }
            if path[0] == 0 { return denied ? Errno.accessDenied : Errno.noEntry }
            path += 1
        }
    }

    private static let slash: CChar = 47
    private static let colon: CChar = 58
    private static let longestPath = 4096

    private static func attempt(_ program: UnsafePointer<CChar>, _ arguments: Strings, _ variables: Strings) -> Int32 {
        Int32(-System.call(__NR_execve, System.address(program), System.address(arguments), System.address(variables)))
    }

    /// Tries the directory at the start of `path` and moves `path` to the colon or the end behind it.
    private static func attempt(
        _ program: UnsafePointer<CChar>, in path: inout UnsafePointer<CChar>, _ arguments: Strings, _ variables: Strings
    ) -> Int32 {
        // The policy's message is not needed any more; its memory is.
        let candidate = UnsafeMutableRawPointer(init_prepare_memory()).assumingMemoryBound(to: CChar.self)
        var length = 0
        func append(_ character: CChar) {
            if length < longestPath { candidate[length] = character }
            length += 1
        }
        while path[0] != 0 && path[0] != colon {
            append(path[0])
            path += 1
        }
        // An empty element is the current directory, as in every shell.
        if length > 0 { append(slash) }
        var rest = program
        while rest[0] != 0 {
            append(rest[0])
            rest += 1
        }
        append(0)
        return length > longestPath ? Errno.nameTooLong : attempt(UnsafePointer(candidate), arguments, variables)
    }

    private static func searchPath(_ variables: Strings) -> UnsafePointer<CChar> {
        var index = 0
        while let variable = variables[index] {
            if variable[0] == 80, variable[1] == 65, variable[2] == 84, variable[3] == 72, variable[4] == 61 {
                return variable + 5
            }
            index += 1
        }
        let standard: StaticString = "/usr/bin:/bin"
        return UnsafeRawPointer(standard.utf8Start).assumingMemoryBound(to: CChar.self)
    }

    private static func contains(_ string: UnsafePointer<CChar>, _ character: CChar) -> Bool {
        var rest = string
        while rest[0] != 0 {
            if rest[0] == character { return true }
            rest += 1
        }
        return false
    }
}
