import Glibc

/// 128 random bits from the kernel, in hexadecimal: who does not know a run's id cannot name it.
func runIdentifier() -> String {
    var bytes = (UInt64(0), UInt64(0))
    withUnsafeMutableBytes(of: &bytes) {
        precondition(getentropy($0.baseAddress!, $0.count) == 0, "the kernel has no random numbers")
    }
    return String(unsafeUninitializedCapacity: 32) { text in
        withUnsafeBytes(of: bytes) {
            for (index, byte) in $0.enumerated() {
                text[2 * index] = hexadecimal(byte >> 4)
                text[2 * index + 1] = hexadecimal(byte & 15)
            }
        }
        return 32
    }
}

private func hexadecimal(_ digit: UInt8) -> UInt8 {
    digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
}
