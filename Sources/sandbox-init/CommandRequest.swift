import CInit
import CInitPlan

/// The request as the launcher sent it, and the last steps to the command.
struct CommandRequest {
    private let header: UnsafePointer<init_command>
    private let base: UnsafePointer<UInt8>
    private let descriptors: (Int32, Int32, Int32, Int32)

    static func receive(_ failure: Failure) -> CommandRequest {
        let memory = init_command_memory()
        var descriptors: (Int32, Int32, Int32, Int32) = (-1, -1, -1, -1)
        var count: Int32 = 0
        let received = withUnsafeMutableBytes(of: &descriptors) {
            init_receive(
                INIT_COMMAND_SOCKET, memory, UInt(INIT_MAXIMUM_COMMAND),
                $0.baseAddress!.assumingMemoryBound(to: Int32.self), &count)
        }
        failure.require(init_stage_command_receive, received)
        let request = memory.withMemoryRebound(to: init_command.self, capacity: 1) {
            CommandRequest(header: UnsafePointer($0), base: UnsafePointer(memory), descriptors: descriptors)
        }
        let whole =
            received >= MemoryLayout<init_command>.size && request.header.pointee.bytes == UInt32(received)
            && count == 3 + Int32(request.header.pointee.has_executable)
        failure.require(init_stage_command_receive, whole ? 0 : -Int(Errno.invalid))
        return request
    }

    /// pid 1 has something to do for this request, or was not ready when it came.
    var awaitsInit: Bool { header.pointee.awaits_init != 0 }

    /// 0, 1 and 2 and nothing else: all others are closed by execve(2), also those that nobody knows of.
    func takeDescriptors(_ failure: Failure) {
        failure.require(init_stage_command_descriptors, System.call(__NR_dup3, Int(descriptors.0), 0, 0))
        failure.require(init_stage_command_descriptors, System.call(__NR_dup3, Int(descriptors.1), 1, 0))
        failure.require(init_stage_command_descriptors, System.call(__NR_dup3, Int(descriptors.2), 2, 0))
        failure.require(
            init_stage_command_descriptors,
            System.call(__NR_close_range, 3, 0xffff_ffff, Flag.closeOnExec))
        guard header.pointee.terminal != 0 else { return }
        failure.require(init_stage_command_terminal, System.call(__NR_ioctl, 0, Flag.setControllingTerminal, 0))
    }

    func setLimits(_ failure: Failure) {
        let limits = header.pointee
        failure.require(init_stage_command_limits, init_set_limit(ResourceLimit.openFiles, limits.open_files))
        failure.require(init_stage_command_limits, init_set_limit(ResourceLimit.fileSize, limits.file_size))
        set(ResourceLimit.cpu, limits.cpu_seconds, failure)
        set(ResourceLimit.processes, limits.processes, failure)
        set(ResourceLimit.data, limits.data, failure)
    }

    private func set(_ limit: Int32, _ value: UInt64, _ failure: Failure) {
        guard value != .max else { return }
        failure.require(init_stage_command_limits, init_set_limit(limit, value))
    }

    func enterDirectory(_ failure: Failure) {
        let workspace: StaticString = "/sandbox/workspace"
        failure.require(init_stage_command_directory, System.call(__NR_chdir, System.address(workspace)))
        failure.require(
            init_stage_command_directory, System.call(__NR_chdir, System.address(base + Int(header.pointee.directory))))
    }

    func execute(_ failure: Failure) -> Never {
        let pointers = init_string_pointers()
        let argumentCount = Int(header.pointee.argument_count)
        let variableCount = Int(header.pointee.variable_count)
        guard argumentCount > 0, argumentCount + variableCount <= Int(INIT_MAXIMUM_STRINGS) else {
            failure.end(init_stage_command_receive, error: Errno.tooBig)
        }
        collect(argumentCount, at: header.pointee.arguments, into: pointers, failure)
        let variables = pointers + argumentCount + 1
        collect(variableCount, at: header.pointee.variables, into: variables, failure)
        failure.tellExecution()
        _ = init_block_signals(0)
        if header.pointee.has_executable != 0 { executeDescriptor(arguments: pointers, variables: variables, failure) }
        guard let program = pointers[0] else { failure.end(init_stage_command_receive, error: Errno.invalid) }
        #if SANDBOX_FAULTS
            failure.require(init_stage_command_execute, 0)
        #endif
        failure.end(
            init_stage_command_execute,
            error: ProgramSearch.execute(program, arguments: pointers, variables: variables))
    }

    /// The launcher's own program, where the policy's file system need not have any. Where the policy denies execveat(2),
    /// the same file by its name in /proc.
    private func executeDescriptor(
        arguments: ProgramSearch.Strings, variables: ProgramSearch.Strings, _ failure: Failure
    ) -> Never {
        let empty: StaticString = ""
        let result = System.call(
            __NR_execveat, Int(descriptors.3), System.address(empty), System.address(arguments),
            System.address(variables), Flag.emptyPathAt)
        guard result == -Int(Errno.notPermitted) else {
            failure.end(init_stage_command_execute, error: Int32(-result))
        }
        // The policy's message is not needed any more; its memory is.
        let path = init_prepare_memory()
        let directory: StaticString = "/proc/self/fd/"
        let length = directory.utf8CodeUnitCount
        for index in 0..<length { path[index] = directory.utf8Start[index] }
        // One of the first descriptors of this process: a single digit, or two.
        let number = Int(descriptors.3)
        let digits = number < 10 ? 1 : 2
        path[length] = 48 + UInt8(truncatingIfNeeded: digits == 1 ? number : number / 10)
        path[length + 1] = 48 + UInt8(truncatingIfNeeded: number % 10)
        path[length + digits] = 0
        failure.end(
            init_stage_command_execute,
            error: ProgramSearch.execute(
                UnsafeRawPointer(path).assumingMemoryBound(to: CChar.self), arguments: arguments, variables: variables))
    }

    /// Points at each of `count` NUL-terminated strings that follow one another, none past the message's end.
    private func collect(
        _ count: Int, at offset: UInt32, into pointers: UnsafeMutablePointer<UnsafePointer<CChar>?>, _ failure: Failure
    ) {
        let end = Int(header.pointee.bytes)
        var position = Int(offset)
        for index in 0..<count {
            guard position < end else { failure.end(init_stage_command_receive, error: Errno.invalid) }
            pointers[index] = UnsafeRawPointer(base + position).assumingMemoryBound(to: CChar.self)
            while position < end && base[position] != 0 { position += 1 }
            guard position < end else { failure.end(init_stage_command_receive, error: Errno.invalid) }
            position += 1
        }
        pointers[count] = nil
    }
}
