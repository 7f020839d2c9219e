import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Closes connections whose client holds them without using them. Every connection counts towards
/// the server's limit, so each must end.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// The time that clients have for each step.
    struct Patience: Sendable {
        /// From the connection to the end of the first request's head.
        var head = TimeAmount.seconds(20)
        /// For reading another 32 KB of an answer.
        var reading = TimeAmount.seconds(60)
        /// For ending a body that was refused, so that the answer is seen before the connection
        /// closes.
        var refusedBody = TimeAmount.seconds(30)
    }

    private let patience: Patience
    private var isReadingBody = false
    private var awaitedHead: Scheduled<Void>?
    private var awaitedReading: Scheduled<Void>?
    private var awaitedEnd: Scheduled<Void>?

    init(_ patience: Patience = Patience()) { self.patience = patience }

    func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { awaitHead(context) } }

    func channelActive(context: ChannelHandlerContext) {
        awaitHead(context)
        context.fireChannelActive()
    }

    private func awaitHead(_ context: ChannelHandlerContext) {
        if awaitedHead == nil { awaitedHead = closing(context, after: patience.head) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        for task in [awaitedHead, awaitedReading, awaitedEnd] { task?.cancel() }
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            awaitedHead?.cancel()
            isReadingBody = true
        case .body: break
        case .end:
            awaitedEnd?.cancel()
            awaitedEnd = nil
            isReadingBody = false
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data), isReadingBody, awaitedEnd == nil {
            awaitedEnd = closing(context, after: patience.refusedBody)
        }
        context.write(data, promise: promise)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        awaitedReading?.cancel()
        awaitedReading = context.channel.isWritable ? nil : closing(context, after: patience.reading)
        context.fireChannelWritabilityChanged()
    }

    private func closing(_ context: ChannelHandlerContext, after time: TimeAmount) -> Scheduled<Void> {
        let channel = context.channel
        return context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }
}
