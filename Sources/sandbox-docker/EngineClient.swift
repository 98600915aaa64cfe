import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// The Docker Engine API over its Unix socket, one connection a request: to connect costs less than to know whether a kept
/// connection still lives.
struct EngineClient: Sendable {
    let socket: String
    /// What every patience is divided by: tests have less of it.
    var haste: Int64 = 1

    /// Bytes of an answer that are read. The progress of fetching an image is the longest.
    private static let maximumAnswer = 32 << 20

    struct Request: Sendable {
        var method: HTTPMethod
        /// With the query, without the version.
        var path: String
        var body: [UInt8]?
        /// How long the engine may take in all.
        var patience: TimeAmount

        init(_ method: HTTPMethod, _ path: String, body: [UInt8]? = nil, patience: TimeAmount = .seconds(10)) {
            self.method = method
            self.path = path
            self.body = body
            self.patience = patience
        }

        /// Without the query, which is long and nobody's to read.
        var words: String { "\(method.rawValue) \(path.prefix { $0 != "?" })" }
    }

    struct Answer: Sendable {
        var status: Int
        var apiVersion: String?
        var body: [UInt8]
    }

    /// - Parameter version: "1.41"; `nil` for what has none.
    func ask(_ request: Request, version: String?) async throws(EngineFailure) -> Answer {
        do {
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            return try await ask(request, version: version, on: loop).get()
        } catch let failure as EngineFailure {
            throw failure
        } catch let error as IOError {
            throw .unreachable(errno: error.errnoCode)
        } catch is ChannelError {
            throw .slow("answer \(request.words)")
        } catch SocketAddressError.unixDomainSocketPathTooLong {
            throw .unreachable(errno: ENAMETOOLONG)
        } catch {
            throw .incomprehensible("\(error)")
        }
    }

    private func ask(_ request: Request, version: String?, on loop: any EventLoop) -> EventLoopFuture<Answer> {
        let promise = loop.makePromise(of: Answer.self)
        let deadline = loop.scheduleTask(in: .nanoseconds(request.patience.nanoseconds / haste)) {
            promise.fail(EngineFailure.slow("answer \(request.words)"))
        }
        ClientBootstrap(group: loop)
            .connectTimeout(.seconds(2))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(NIOHTTPClientResponseAggregator(maxContentLength: Self.maximumAnswer))
                    try pipeline.addHandler(AnswerHandler(promise))
                }
            }
            .connect(unixDomainSocketPath: socket)
            .whenComplete { result in
                switch result {
                case .success(let channel):
                    promise.futureResult.whenComplete { _ in
                        deadline.cancel()
                        channel.close(promise: nil)
                    }
                    Self.write(request, version, to: channel)
                case .failure(let error):
                    deadline.cancel()
                    promise.fail(error)
                }
            }
        return promise.futureResult
    }

    private static func write(_ request: Request, _ version: String?, to channel: any Channel) {
        let uri = (version.map { "/v\($0)" } ?? "") + request.path
        var head = HTTPRequestHead(version: .http1_1, method: request.method, uri: uri)
        head.headers.add(name: "Host", value: "docker")
        head.headers.add(name: "Connection", value: "close")
        if let body = request.body {
            head.headers.add(name: "Content-Type", value: "application/json")
            head.headers.add(name: "Content-Length", value: "\(body.count)")
        } else if request.method == .POST {
            head.headers.add(name: "Content-Length", value: "0")
        }
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        if let body = request.body {
            channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
        }
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    }
}

private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = NIOHTTPClientResponseFull

    private let promise: EventLoopPromise<EngineClient.Answer>

    init(_ promise: EventLoopPromise<EngineClient.Answer>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let response = unwrapInboundIn(data)
        promise.succeed(
            EngineClient.Answer(
                status: Int(response.head.status.code), apiVersion: response.head.headers.first(name: "Api-Version"),
                body: response.body.map { Array($0.readableBytesView) } ?? []))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error is IOError ? error : EngineFailure.incomprehensible("\(error)"))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { promise.fail(EngineFailure.closed) }
}
