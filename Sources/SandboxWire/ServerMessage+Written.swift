/// The messages that every run sends, written out: what `Codable` makes of them takes a tenth of what sandboxd does for a run.
extension ServerMessage {
    /// The same bytes as by `Codable`, which a test holds it to; `nil` for what is left to that.
    var written: [UInt8]? {
        switch self {
        case .started(let channel): Array(#"{"channel":\#(channel),"type":"started"}"#.utf8)
        case .accepted(let channel, let id, let window):
            id.utf8.allSatisfy(Self.isPlain)
                ? Array(#"{"channel":\#(channel),"id":"\#(id)","stdin_window":\#(window),"type":"accepted"}"#.utf8)
                : nil
        default: nil
        }
    }

    /// Of what a string has, nothing that would be written in another way.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
        default: false
        }
    }
}
