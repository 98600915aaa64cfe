import Glibc

/// How many times slower this host is than a processor of today: `SANDBOX_SLOWNESS`, which the virtual machine sets because its
/// processors are emulated; else 1.
///
/// A time limit that a test wants to be met by a program which has begun is multiplied by it. No test expects anything to be
/// fast.
package enum Slowness {
    package static let factor = getenv("SANDBOX_SLOWNESS").flatMap { UInt64(String(cString: $0)) } ?? 1
}
