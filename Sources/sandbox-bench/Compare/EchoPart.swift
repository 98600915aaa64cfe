import LinuxSystem

/// One byte to `cat` and back, as somebody waits who types into a program or speaks a protocol with it.
struct EchoPart {
    let context: CompareContext

    func measure() throws -> CompareReport {
        let pipe = try PlainPipe(Program("/bin/cat"))
        let client = try context.service.plainClient()
        var run = try PlainInput(client, context.service.request(["cat"], stdin: true))
        var times: (pipe: [UInt64], ours: [UInt64]) = ([], [])
        let byte: [UInt8] = [0x61]
        for index in 0..<context.sizes.echoes + 20 {
            let start = monotonicNanoseconds()
            try byte.withUnsafeBytes { try pipe.write($0) }
            try pipe.readByte()
            let middle = monotonicNanoseconds()
            try run.send(1)
            try run.waitForOutput()
            let end = monotonicNanoseconds()
            guard index >= 20 else { continue }
            times.pipe.append(middle - start)
            times.ours.append(end - middle)
        }
        try run.close()
        try run.waitForEnd()
        try pipe.end()
        let (plain, ours) = (Distribution(times.pipe), Distribution(times.ours))
        let table = CompareReport.Table(
            title: "echo: one byte there and back",
            rows: [
                .init(name: "cat behind plain pipes", runs: times.pipe.count, times: plain, yardstick: plain.p50),
                .init(name: "cat in a sandbox", runs: times.ours.count, times: ours, yardstick: plain.p50),
            ])
        let added = (Double(ours.p50) - Double(plain.p50)) / 1000
        return CompareReport(figures: [Figure(.echo, added)], tables: [table])
    }
}
