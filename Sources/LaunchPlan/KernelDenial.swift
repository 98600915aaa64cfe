/// Something that the sandbox itself refused to the command: what the kernel, the filter or pid 1 told, and nothing that
/// was concluded from it.
package struct KernelDenial: Sendable, Equatable {
    package enum Kind: UInt8, Sendable {
        /// A system call: `subject` is its name, `arguments` are its first three.
        case call = 1
        /// A call of another architecture: "i386 call 11".
        case legacyCall = 2
        /// A program: `subject` is its path as it was given to execve(2).
        case execution = 3
        /// A connection: `subject` is "192.0.2.1:443".
        case connection = 4
        /// A file that Landlock kept: `subject` is its path, `right` what was asked.
        case path = 5
    }

    package var kind: Kind
    package var subject: String
    /// Of a path: Landlock's word for the right, "fs.write_file".
    package var right: String
    package var arguments: [UInt64]
    /// How often; at least, where the sandbox was killed before it could count.
    package var count: UInt64

    package init(kind: Kind, subject: String, right: String = "", arguments: [UInt64] = [], count: UInt64) {
        self.kind = kind
        self.subject = subject
        self.right = right
        self.arguments = arguments
        self.count = count
    }

    /// How many a report carries. The first ones tell what is wrong.
    package static let maximumCount = 40
    /// Bytes of a subject.
    package static let maximumSubjectBytes = 255

    func encode(to writer: inout BinaryWriter) {
        writer.put(kind.rawValue)
        // The name of an abstract socket begins with a NUL, which no string of this protocol may have.
        let bytes = subject.utf8.prefix(Self.maximumSubjectBytes).map { $0 == 0 ? UInt8(ascii: "@") : $0 }
        writer.put(String(decoding: bytes, as: UTF8.self))
        writer.put(right)
        writer.put(UInt8(arguments.count))
        for argument in arguments { writer.put(argument) }
        writer.put(count)
    }

    init(from reader: inout BinaryReader) throws(PlanError) {
        guard let kind = Kind(rawValue: try reader.integer()) else { throw .badValue("denial") }
        self.kind = kind
        // A cut character takes up to three bytes for each of its own.
        subject = try reader.string("denied subject", maximum: Self.maximumSubjectBytes + 9)
        right = try reader.string("denied right", maximum: 64)
        let number = try reader.integer(UInt8.self)
        guard number <= 6 else { throw .tooLarge("arguments") }
        arguments = []
        for _ in 0..<number { arguments.append(try reader.integer()) }
        count = try reader.integer()
    }

    static func encode(_ denials: [KernelDenial], to writer: inout BinaryWriter) {
        let sent = denials.prefix(maximumCount)
        writer.put(UInt8(sent.count))
        for denial in sent { denial.encode(to: &writer) }
    }

    static func list(from reader: inout BinaryReader) throws(PlanError) -> [KernelDenial] {
        let number = try reader.integer(UInt8.self)
        guard number <= maximumCount else { throw .tooLarge("denials") }
        var denials: [KernelDenial] = []
        for _ in 0..<number { denials.append(try KernelDenial(from: &reader)) }
        return denials
    }
}
