import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import Server

/// Time is the embedded event loop's, so no test waits.
@Suite struct ConnectionGuardTests {
    private static let request = HTTPRequestPart.head(HTTPRequest(method: .post, scheme: "http", authority: "a", path: "/"))
    private static let answer: [HTTPResponsePart] = [.head(HTTPResponse(status: .contentTooLarge)), .end(nil)]

    private func connected() throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(handler: ConnectionGuard())
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    /// A connection whose request was answered before its body ended.
    private func refused() throws -> EmbeddedChannel {
        let channel = try connected()
        try channel.writeInbound(Self.request)
        for part in Self.answer { try channel.writeOutbound(part) }
        return channel
    }

    @Test func connectionsWithoutAHeadAreClosed() throws {
        let channel = try connected()
        channel.embeddedEventLoop.advanceTime(by: .seconds(19))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive)
    }

    @Test func requestsThatArriveStay() throws {
        let channel = try connected()
        for part in [Self.request, .body(ByteBuffer(string: "a")), .end(nil)] { try channel.writeInbound(part) }
        channel.embeddedEventLoop.advanceTime(by: .seconds(600))
        #expect(channel.isActive)
        for part in Self.answer { try channel.writeOutbound(part) }
        channel.embeddedEventLoop.advanceTime(by: .seconds(60))
        #expect(channel.isActive)
    }

    @Test func bodiesThatWereRefusedMustEnd() throws {
        let channel = try refused()
        for _ in 0..<4 {
            try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(string: "more")))
            channel.embeddedEventLoop.advanceTime(by: .seconds(7))
        }
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(!channel.isActive)
    }

    /// A client that sends all of its body before it looks for the answer gets it.
    @Test func refusedBodiesAreReadAndDropped() throws {
        let reads = ReadCounter()
        let channel = EmbeddedChannel(handlers: [reads, ConnectionGuard()])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try channel.writeInbound(Self.request)
        try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(string: "before")))
        let before = reads.count
        for part in Self.answer { try channel.writeOutbound(part) }
        for _ in 0..<3 { try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(string: "after"))) }
        #expect(reads.count == before + 4)
        try channel.writeInbound(HTTPRequestPart.end(nil))
        #expect(reads.count == before + 4)
        var arrived: [HTTPRequestPart] = []
        while let part = try channel.readInbound(as: HTTPRequestPart.self) { arrived.append(part) }
        #expect(arrived == [Self.request, .body(ByteBuffer(string: "before")), .end(nil)])
    }

    @Test func bodiesThatEndAfterTheAnswerMayGoOn() throws {
        let channel = try refused()
        try channel.writeInbound(HTTPRequestPart.end(nil))
        channel.embeddedEventLoop.advanceTime(by: .seconds(40))
        #expect(channel.isActive)
    }

    @Test func readersThatStopAreClosed() throws {
        let channel = try connected()
        for part in [Self.request, .end(nil)] { try channel.writeInbound(part) }
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        channel.embeddedEventLoop.advanceTime(by: .seconds(50))
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        channel.embeddedEventLoop.advanceTime(by: .seconds(120))
        #expect(channel.isActive)
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        channel.embeddedEventLoop.advanceTime(by: .seconds(61))
        #expect(!channel.isActive)
    }
}

/// Counts the reads that handlers behind it ask for.
private final class ReadCounter: ChannelOutboundHandler {
    typealias OutboundIn = Never
    private(set) var count = 0

    func read(context: ChannelHandlerContext) {
        count += 1
        context.read()
    }
}
