import NIOCore

/// Answers that are awaited together, for as long as anybody has patience for them.
final class Question {
    private var missing: Int
    private var then: (() -> Void)?
    var patience: Scheduled<Void>?

    init(count: Int, then: @escaping () -> Void) {
        missing = count
        self.then = then
    }

    func answered() {
        missing -= 1
        if missing == 0 { giveUp() }
    }

    func giveUp() {
        patience?.cancel()
        let body = then
        then = nil
        body?()
    }
}

extension Engine {
    /// Questions of one client that wait at once; more are answered with what is known.
    private static let maximumQuestions = 16

    /// A question that calls `then` once: after so many answers, or when the launcher takes too long. `nil` where the client
    /// has too many open; then nothing is called.
    func question(awaiting count: Int, of client: Client, then: @escaping () -> Void) -> Question? {
        guard client.questions < Self.maximumQuestions else { return nil }
        client.questions += 1
        let question = Question(count: count) {
            client.questions -= 1
            then()
        }
        question.patience = loop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(limits.sampleNanoseconds))) {
            question.giveUp()
        }
        return question
    }
}
