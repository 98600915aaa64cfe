import Glibc

/// What is fuzzed: one function over bytes that must return for every input, soon, and whose `require`s must hold.
enum FuzzTarget: String, CaseIterable {
    /// Frames and messages between clients and sandboxd.
    case wire
    /// Policy files.
    case policy
    /// Commands and events between sandboxd and the launcher.
    case plan
    /// Shell text in commands.
    case shell

    func run(_ bytes: [UInt8]) {
        switch self {
        case .wire: WireTarget.run(bytes)
        case .policy: PolicyTarget.run(bytes)
        case .plan: PlanTarget.run(bytes)
        case .shell: ShellTarget.run(bytes)
        }
    }

    /// Real inputs to start from.
    var seeds: [[UInt8]] {
        switch self {
        case .wire: WireTarget.seeds
        case .policy: PolicyTarget.seeds
        case .plan: PlanTarget.seeds
        case .shell: ShellTarget.seeds
        }
    }

    /// libFuzzer reads the command line, so the choice is in the environment: `FUZZ_TARGET=wire`.
    static let chosen: FuzzTarget = {
        guard let name = getenv("FUZZ_TARGET"), let target = FuzzTarget(rawValue: String(cString: name)) else {
            let names = allCases.map(\.rawValue).joined(separator: ", ")
            print("FUZZ_TARGET must be one of: \(names)")
            exit(2)
        }
        return target
    }()
}

/// A property that every input must have; libFuzzer keeps the input that has not.
func require(_ holds: Bool, _ property: @autoclosure () -> String) {
    if !holds { fatalError(property()) }
}

/// libFuzzer calls this once. With `FUZZ_SEEDS=DIRECTORY` the target's seeds are written there, and that is all.
@_cdecl("LLVMFuzzerInitialize")
public func initializeFuzzer(
    _: UnsafeMutablePointer<CInt>, _: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>>>
) -> CInt {
    let target = FuzzTarget.chosen
    guard let directory = getenv("FUZZ_SEEDS") else { return 0 }
    for (index, seed) in target.seeds.enumerated() {
        let path = "\(String(cString: directory))/seed-\(index)"
        guard let file = fopen(path, "w"), fwrite(seed, 1, seed.count, file) == seed.count, fclose(file) == 0 else {
            perror(path)
            exit(1)
        }
    }
    exit(0)
}

/// libFuzzer calls this with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    FuzzTarget.chosen.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
}
