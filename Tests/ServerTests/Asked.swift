import Files
import Foundation
import HTTPTypes
import Hummingbird
import Imaging
import Logging
import NIOCore
import NIOEmbedded
import Segmentation
import TensorFiles

@testable import Server

/// A server without a socket: requests go to its router.
struct AskedServer {
    let server: Server
    let folder: URL
    private let responder: RouterResponder<ServerContext>

    struct Answer {
        let status: Int
        let headers: HTTPFields
        let bytes: [UInt8]

        var type: String { headers[.contentType] ?? "" }
        var json: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any] ?? [:] }
        var detail: String { json["detail"] as? String ?? "" }
    }

    /// - Parameter folder: the folder of jobs; nil makes a new one.
    init(
        tokens: [String] = [], models: [ServedModel]? = nil, folder: URL? = nil, program: String = "/bin/false",
        limits change: (inout ServerLimits) -> Void = { _ in }
    ) throws {
        self.folder = folder ?? FileManager.default.temporaryDirectory.appending(path: "server-\(UUID().uuidString)")
        var configuration = ServerConfiguration(
            access: try Access(tokens: tokens), data: self.folder, models: ServedModels(try models ?? [Self.pictures()]),
            program: URL(filePath: program))
        change(&configuration.limits)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        server = try Server(configuration, metrics: MetricsStore(), logger: logger)
        responder = server.router().buildResponder()
    }

    static let shipped = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Weights/isic17.safetensors")

    private static let shippedModel = Result { try ServedModel(shipped) }

    static func pictures() throws -> ServedModel { try shippedModel.get() }

    /// The shipped network as if it were trained on volumes, of 96×96 pixels, which is fast. Its
    /// file is written once for all tests.
    static func volumes() throws -> ServedModel { try volumeModel.get() }

    private static let volumeModel = Result {
        var weights = try WeightsFile.read(shipped)
        weights.metadata["input"] = .string("volumes")
        weights.metadata["image_size"] = .integer(96)
        let folder = FileManager.default.temporaryDirectory.appending(path: "vmunet-server-tests")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let url = folder.appending(path: "volumes.safetensors")
        try WeightsFile.write(weights, to: url)
        return try ServedModel(url)
    }

    func ask(
        _ method: HTTPRequest.Method, _ path: String, headers: HTTPFields = [:], body: RequestBody
    ) async throws -> Answer {
        let head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path, headerFields: headers)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        logger[metadataKey: "hb.request.id"] = "1"
        let context = ServerContext(source: .init(channel: EmbeddedChannel(), logger: logger))
        let response = try await responder.respond(to: Request(head: head, body: body), context: context)
        let collector = Collector()
        try await response.body.write(collector)
        return Answer(status: response.status.code, headers: response.headers, bytes: collector.bytes)
    }

    func ask(_ method: HTTPRequest.Method, _ path: String, headers: HTTPFields = [:], body: [UInt8] = []) async throws -> Answer {
        var headers = headers
        if headers[.contentLength] == nil, !body.isEmpty { headers[.contentLength] = "\(body.count)" }
        return try await ask(method, path, headers: headers, body: RequestBody(buffer: ByteBuffer(bytes: body)))
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }

    private final class Collector: ResponseBodyWriter {
        var bytes: [UInt8] = []
        func write(_ buffer: ByteBuffer) async throws { bytes += buffer.readableBytesView }
        func finish(_ trailingHeaders: HTTPFields?) async throws {}
    }

    /// A picture with a dark spot.
    static func spot(width: Int = 96, height: Int = 64) -> Picture {
        var pixels: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                let isInside = (x - width / 2) * (x - width / 2) + (y - height / 2) * (y - height / 2) < height * height / 12
                pixels += isInside ? [90, 50, 40] : [220, 180, 160]
            }
        }
        return Picture(width: width, height: height, channels: 3, pixels: pixels)
    }
}
