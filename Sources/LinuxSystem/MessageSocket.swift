import CSandbox
import Glibc

/// Whole messages with descriptors over a SOCK_SEQPACKET socket, `unix(7)`.
package enum MessageSocket {
    /// A received message. Its descriptors are the receiver's to close; `closeAll` does.
    package struct Message: Sendable {
        package var bytes: [UInt8]
        package var descriptors: [Int32]

        package func closeAll() {
            for descriptor in descriptors { close(descriptor) }
        }
    }

    /// Sends one message. The descriptors stay the sender's.
    ///
    /// With `wait: false` a full socket is the error EAGAIN, and nothing was sent.
    package static func send(
        _ bytes: [UInt8], descriptors: [Int32] = [], over socket: Int32, wait: Bool = true
    ) throws(SystemError) {
        try system("send a message") {
            bytes.withUnsafeBytes { buffer in
                sandbox_send(
                    socket, buffer.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!, buffer.count, descriptors,
                    descriptors.count, wait ? 0 : Int32(MSG_DONTWAIT))
            }
        }
    }

    /// Receives one message into memory of the caller's, as large as the largest message: who waits for large ones and gets
    /// small ones asks for no memory each time.
    package static func receive(
        from socket: Int32, into buffer: UnsafeMutableRawBufferPointer, wait: Bool = true
    ) throws(SystemError) -> Message? {
        var descriptors = [Int32](repeating: -1, count: Int(SANDBOX_MAXIMUM_DESCRIPTORS))
        var descriptorCount = 0
        let flags = wait ? 0 : Int32(MSG_DONTWAIT)
        let received = sandbox_receive(
            socket, buffer.baseAddress!, buffer.count, &descriptors, &descriptorCount, flags)
        guard received >= 0 else {
            if errno == ECONNRESET { return nil }
            throw SystemError("receive a message", errno: errno)
        }
        if received == 0 && descriptorCount == 0 { return nil }
        return Message(bytes: Array(buffer.prefix(received)), descriptors: Array(descriptors.prefix(descriptorCount)))
    }

    /// Receives one message of at most `maximum` bytes; a larger one is EMSGSIZE and lost, its descriptors closed.
    ///
    /// Returns `nil` at the end of the connection. With `wait: false` an empty socket is the error EAGAIN.
    package static func receive(
        from socket: Int32, maximum: Int, wait: Bool = true
    ) throws(SystemError) -> Message? {
        var descriptors = [Int32](repeating: -1, count: Int(SANDBOX_MAXIMUM_DESCRIPTORS))
        var descriptorCount = 0
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: maximum) { buffer, count in
            let flags = wait ? 0 : Int32(MSG_DONTWAIT)
            let received = sandbox_receive(
                socket, buffer.baseAddress!, maximum, &descriptors, &descriptorCount, flags)
            if received < 0 { failure = SystemError("receive a message", errno: errno) }
            count = max(0, received)
        }
        if let failure {
            if failure.errno == ECONNRESET { return nil }
            throw failure
        }
        if bytes.isEmpty && descriptorCount == 0 { return nil }
        return Message(bytes: bytes, descriptors: Array(descriptors.prefix(descriptorCount)))
    }

    /// Makes room for messages of `bytes`, beyond the host's maximum while this process may.
    package static func growBuffers(of socket: Int32, to bytes: Int) throws(SystemError) {
        try system("grow socket buffers") { sandbox_grow_buffers(socket, Int32(bytes)) }
    }
}
