import Files
import Foundation
import HTTPTypes
import Hummingbird
import Imaging
import NIOCore
import Segmentation

/// `/v1/models` and `/v1/predict`.
struct PictureRoutes {
    let models: ServedModels
    let limits: ServerLimits
    let queue: PictureQueue
    let admission: Admission
    let audit: AuditLog?

    init(models: ServedModels, limits: ServerLimits, audit: AuditLog?) {
        (self.models, self.limits, self.audit) = (models, limits, audit)
        queue = PictureQueue(models.all[0].segmenter.network, sharedPixels: limits.sharedPixels)
        admission = Admission(most: limits.waitingPictures, amount: limits.pictureMemory, perClient: limits.requestsPerClient)
    }

    func add(to routes: RouteTable) {
        routes.add("/v1/models", [.get: { _, _ in Response.json(["models": models.all.map(\.listed)]) }])
        routes.add("/v1/predict", [.post: predict, .put: predict])
    }

    private struct Answer: Encodable {
        let model: String
        let digest: String
        let version: String
        let width: Int, height: Int
        let threshold: Double?
        let classes: [PredictionRecord.ClassAmount]

        private enum CodingKeys: String, CodingKey {
            case model, digest = "weights_sha256", version, width, height, threshold, classes
        }
    }

    @Sendable private func predict(_ request: Request, _ context: ServerContext) async throws -> Response {
        let query = try request.query(["model", "threshold"])
        try request.requirePlainBody()
        let model = try models.chosen(query.get("model"))
        let segmenter = try model.segmenter.with(query)
        let accepts = Accept(request.headers[.accept])
        guard let type = accepts.best(["image/png", "application/json"]) else {
            throw Problem(.notAcceptable, "answers are image/png or application/json", remedy: "name one of them in Accept")
        }
        let start = ContinuousClock.now
        // A body without a declared length reserves the maximum.
        let expected = min(request.declaredLength ?? limits.pictureBytes, limits.pictureBytes)
        let answer = try await admission.take(expected, client: context.client) {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(request.declaredLength.map { min($0, limits.pictureBytes) } ?? 0)
            try await request.readBody(upTo: limits.pictureBytes, limits) { bytes += $0.readableBytesView }
            let pixels = try check(bytes, for: model)
            let work = PictureWork(bytes: bytes, segmenter: segmenter, wantsMask: type == "image/png")
            return try await queue.run(work, pixels: pixels, client: context.client)
        }
        await audit?.add(
            .init(
                client: context.client, action: "predict", subject: context.id, weights: model.digest,
                seconds: (ContinuousClock.now - start) / .seconds(1)))
        guard type == "application/json" else { return .bytes(answer.mask, type: type) }
        return .json(
            Answer(
                model: model.name, digest: model.digest, version: Provenance.version, width: answer.width, height: answer.height,
                threshold: segmenter.network.classes == 1 ? segmenter.shownThreshold : nil, classes: answer.classes))
    }

    /// The picture's number of pixels, from its header. Throws ``Problem`` if it is not a picture,
    /// too large, or not for these weights.
    private func check(_ bytes: [UInt8], for model: ServedModel) throws -> Int {
        let info: PictureInfo
        do { info = try PictureFile.info(bytes, name: PictureWork.name) } catch {
            switch error {
            case .notAPicture, .unsupported: throw Problem(.unsupportedMediaType, error.problem, remedy: error.remedy)
            case .tooLarge: throw Problem(.contentTooLarge, error.problem, remedy: error.remedy)
            default: throw Problem(error)
            }
        }
        let pixels = info.width * info.height
        guard pixels <= limits.picturePixels else {
            throw Problem(
                .contentTooLarge, "has \(info.width)×\(info.height) pixels, more than the \(limits.picturePixels) that this server takes",
                remedy: "send a smaller picture")
        }
        guard model.segmenter.metadata.input != .volumes else {
            throw Problem(.unprocessableContent, "these weights were trained on volumes", remedy: "POST volumes to /v1/jobs")
        }
        return pixels
    }
}

extension Segmenter {
    /// Applies the request's `?threshold=`, if any.
    func with(_ query: Parameters) throws -> Segmenter {
        guard let text = query.get("threshold") else { return self }
        guard network.classes == 1 else {
            throw Problem(.badRequest, "threshold: these weights have several classes, which no threshold divides", remedy: "leave it out")
        }
        guard let threshold = Double(text), Self.thresholds.contains(threshold), let copy = with(threshold: threshold) else {
            throw Problem(.badRequest, "threshold: expected a number from \(Self.thresholds.lowerBound) to \(Self.thresholds.upperBound)")
        }
        return copy
    }

    /// Single precision tells these from 0 and 1.
    static let thresholds = 0.000001...0.999999
}
