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

    /// The most time from the connection to the end of the first request's head.
    private static let headTime = TimeAmount.seconds(20)
    /// The most time for reading another 32 KB of an answer.
    private static let readingTime = TimeAmount.seconds(60)
    /// The most time for ending a body that was refused. Clients see the answer before the
    /// connection closes.
    private static let refusedBodyTime = TimeAmount.seconds(30)

    private var isReadingBody = false
    private var awaitedHead: Scheduled<Void>?
    private var awaitedReading: Scheduled<Void>?
    private var awaitedEnd: Scheduled<Void>?

    func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { awaitHead(context) } }

    func channelActive(context: ChannelHandlerContext) {
        awaitHead(context)
        context.fireChannelActive()
    }

    private func awaitHead(_ context: ChannelHandlerContext) {
        if awaitedHead == nil { awaitedHead = closing(context, after: Self.headTime) }
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
        case .body:
            // Nobody else reads the rest of a refused body, and most clients send all of it before
            // they look at the answer.
            guard awaitedEnd == nil else { return }
        case .end:
            awaitedEnd?.cancel()
            awaitedEnd = nil
            isReadingBody = false
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        if awaitedEnd != nil { context.read() }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data), isReadingBody, awaitedEnd == nil {
            awaitedEnd = closing(context, after: Self.refusedBodyTime)
            context.read()
        }
        context.write(data, promise: promise)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        awaitedReading?.cancel()
        awaitedReading = context.channel.isWritable ? nil : closing(context, after: Self.readingTime)
        context.fireChannelWritabilityChanged()
    }

    private func closing(_ context: ChannelHandlerContext, after time: TimeAmount) -> Scheduled<Void> {
        let channel = context.channel
        return context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }
}
