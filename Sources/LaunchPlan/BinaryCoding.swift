/// Why bytes are not a message of the launcher's protocol.
package enum PlanError: Error, Equatable, Sendable {
    case truncated
    case trailingBytes(Int)
    case unknownMessage(UInt8)
    /// A count or a length above its bound; the name says of what.
    case tooLarge(String)
    /// A value outside its type's cases.
    case badValue(String)
    /// A string with a NUL inside, which the kernel would cut.
    case nulByte(String)
}

/// Appends little-endian values and length-prefixed strings.
package struct BinaryWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() { bytes.reserveCapacity(512) }

    package mutating func put(_ value: UInt8) { bytes.append(value) }
    package mutating func put(_ value: Bool) { bytes.append(value ? 1 : 0) }

    package mutating func put<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func put(_ value: UInt64?) {
        put(value != nil)
        put(value ?? 0)
    }

    package mutating func put(_ string: String) {
        var string = string
        string.withUTF8 {
            put(UInt32($0.count))
            bytes.append(contentsOf: $0)
        }
    }

    package mutating func put(raw: [UInt8]) {
        put(UInt32(raw.count))
        bytes.append(contentsOf: raw)
    }

    package mutating func put(_ strings: [String]) {
        put(UInt32(strings.count))
        for string in strings { put(string) }
    }
}

/// Reads what `BinaryWriter` wrote, never past the end and never more than the bounds it is given.
package struct BinaryReader: Sendable {
    private let bytes: [UInt8]
    private var offset = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        _: Value.Type = Value.self
    ) throws(PlanError) -> Value {
        let size = MemoryLayout<Value>.size
        guard size <= bytes.count - offset else { throw .truncated }
        let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Value.self) }
        offset += size
        return Value(littleEndian: value)
    }

    package mutating func bool(_ name: String) throws(PlanError) -> Bool {
        switch try integer(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw .badValue(name)
        }
    }

    package mutating func optional(_ name: String) throws(PlanError) -> UInt64? {
        let present = try bool(name)
        let value = try integer(UInt64.self)
        return present ? value : nil
    }

    package mutating func raw(_ name: String, maximum: Int) throws(PlanError) -> [UInt8] {
        Array(try slice(name, maximum: maximum))
    }

    private mutating func slice(_ name: String, maximum: Int) throws(PlanError) -> ArraySlice<UInt8> {
        let count = Int(try integer(UInt32.self))
        guard count <= maximum else { throw .tooLarge(name) }
        guard count <= bytes.count - offset else { throw .truncated }
        defer { offset += count }
        return bytes[offset..<offset + count]
    }

    /// A string without NUL. Bytes that are not UTF-8 are an error: nothing that sandboxd sends has any.
    package mutating func string(_ name: String, maximum: Int = 4096) throws(PlanError) -> String {
        let raw = try slice(name, maximum: maximum)
        guard !raw.contains(0) else { throw .nulByte(name) }
        guard let string = String(validating: raw, as: UTF8.self) else { throw .badValue(name) }
        return string
    }

    package mutating func strings(
        _ name: String, maximumCount: Int, maximumBytes: Int = 4096
    ) throws(PlanError) -> [String] {
        let count = Int(try integer(UInt32.self))
        guard count <= maximumCount else { throw .tooLarge(name) }
        var strings: [String] = []
        for _ in 0..<count { strings.append(try string(name, maximum: maximumBytes)) }
        return strings
    }

    /// Every byte must have been read: what is left over was meant by somebody.
    package func finish() throws(PlanError) {
        guard offset == bytes.count else { throw .trailingBytes(bytes.count - offset) }
    }
}

extension String {
    /// Its bytes, cut at a character's end, so that they read back as what was written.
    func cut(atMost maximum: Int) -> [UInt8] {
        let bytes = Array(utf8)
        guard bytes.count > maximum else { return bytes }
        var end = maximum
        while bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return Array(bytes[..<end])
    }
}
