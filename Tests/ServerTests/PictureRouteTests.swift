import Foundation
import HTTPTypes
import Hummingbird
import Imaging
import NIOCore
import Segmentation
import Testing

@testable import Server

@Suite struct PictureRouteTests {
    @Test func clientsTakeTurns() {
        var queue = FairQueue<Int>()
        for number in 0..<3 { queue.add(number, of: "much") }
        queue.add(10, of: "little")
        #expect(queue.count == 4)
        #expect([queue.next(), queue.next()] == [0, 10])
        queue.add(11, of: "little")
        #expect([queue.next(), queue.next(), queue.next(), queue.next()] == [1, 11, 2, nil])
        #expect(queue.count == 0)
    }

    @Test func maskIsTheSegmentersOwn() async throws {
        let asked = try AskedServer()
        defer { asked.remove() }
        let picture = AskedServer.spot()
        let answer = try await asked.ask(.post, "/v1/predict", body: PictureFile.png(picture))
        let expected = try AskedServer.pictures().segmenter.segment(picture)
        #expect(answer.status == 200)
        #expect(answer.type == "image/png")
        #expect(try PictureFile.decode(answer.bytes, channels: 1) == expected.mask)
        #expect(expected.pixels[1] > 100)
        let byPut = try await asked.ask(.put, "/v1/predict", body: PictureFile.png(picture))
        #expect(byPut.bytes == answer.bytes)
    }

    @Test func jsonSaysWhatWasFound() async throws {
        let asked = try AskedServer()
        defer { asked.remove() }
        let picture = AskedServer.spot()
        let answer = try await asked.ask(
            .post, "/v1/predict?threshold=0.25", headers: [.accept: "application/json"], body: PictureFile.jpeg(picture, quality: 100))
        let segmenter = try #require(try AskedServer.pictures().segmenter.with(threshold: 0.25))
        let expected = try segmenter.segment(PictureFile.decode(PictureFile.jpeg(picture, quality: 100)))
        let found = try #require((answer.json["classes"] as? [[String: Any]])?.first)
        #expect(answer.json["threshold"] as? Double == 0.25)
        #expect(answer.json["width"] as? Int == 96)
        #expect(found["pixels"] as? Int == expected.pixels[1])
        #expect(answer.json["weights_sha256"] as? String == (try AskedServer.pictures().digest))
    }

    @Test(arguments: [
        ("/v1/predict?model=other", 400), ("/v1/predict?threshold=2", 400), ("/v1/predict?threshold=nan", 400),
        ("/v1/predict?threshold=x", 400), ("/v1/predict?tresh=0.5", 400), ("/v1/nothing", 404),
    ])
    func badRequests(path: String, status: Int) async throws {
        let asked = try AskedServer()
        defer { asked.remove() }
        let answer = try await asked.ask(.post, path, body: PictureFile.png(AskedServer.spot()))
        #expect(answer.status == status)
        #expect(answer.type == "application/problem+json")
        #expect(answer.json["status"] as? Int == status)
        #expect(!answer.detail.isEmpty)
    }

    @Test func badPictures() async throws {
        let asked = try AskedServer { $0.picturePixels = 10_000 }
        defer { asked.remove() }
        let png = try PictureFile.png(AskedServer.spot())
        func status(_ bytes: [UInt8], _ headers: HTTPFields = [:]) async throws -> Int {
            try await asked.ask(.post, "/v1/predict", headers: headers, body: bytes).status
        }
        #expect(try await status(png) == 200)
        #expect(try await status(Array(png.dropLast(png.count / 2))) == 422)
        #expect(try await status([]) == 422)
        #expect(try await status(Array("<html>no picture</html>".utf8)) == 415)
        #expect(try await status(PictureFile.png(AskedServer.spot(width: 200, height: 100))) == 413)
        #expect(try await status(png, [.accept: "text/html"]) == 406)
        #expect(try await status(png, [.contentLength: "999999999999"]) == 413)
    }

    @Test func bodiesEndAtTheLimit() async throws {
        let asked = try AskedServer { $0.pictureBytes = 1000 }
        defer { asked.remove() }
        let answer = try await asked.ask(.post, "/v1/predict", body: [UInt8](repeating: 7, count: 1001))
        #expect(answer.status == 413)
        #expect(answer.detail.contains("1000"))
    }

    @Test func otherMethodsSayWhichThereAre() async throws {
        let asked = try AskedServer()
        defer { asked.remove() }
        let answer = try await asked.ask(.delete, "/v1/predict")
        #expect(answer.status == 405)
        #expect(answer.headers[.allow] == "POST, PUT")
        #expect(try await asked.ask(.head, "/v1/models").status == 200)
        #expect(try await asked.ask(.init("QUERY")!, "/v1/models").status == 405)
        #expect(try await asked.ask(.init("INVENTED")!, "/v1/models").status == 501)
    }

    @Test func onePictureAtATimeOfAClient() async throws {
        let asked = try AskedServer { $0.requestsPerClient = 0 }
        defer { asked.remove() }
        let refused = try await asked.ask(.post, "/v1/predict", body: PictureFile.png(AskedServer.spot()))
        #expect(refused.status == 429)
        #expect(refused.headers[.retryAfter] == "1")
    }

    @Test func waitingPicturesRunTogether() async throws {
        let asked = try AskedServer()
        defer { asked.remove() }
        let pictures = (0..<6).map { AskedServer.spot(width: 64 + 8 * $0, height: 64) }
        let masks = try await withThrowingTaskGroup(of: (Int, [UInt8]).self) { group in
            for (index, picture) in pictures.enumerated() {
                group.addTask { (index, try await asked.ask(.post, "/v1/predict", body: PictureFile.png(picture)).bytes) }
            }
            return try await group.reduce(into: [Int: [UInt8]]()) { $0[$1.0] = $1.1 }
        }
        for (index, picture) in pictures.enumerated() {
            let mask = try PictureFile.decode(try #require(masks[index]), channels: 1)
            #expect(try mask == AskedServer.pictures().segmenter.segment(picture).mask)
        }
    }
}

@Suite struct AdmissionTests {
    private func status(_ work: () async throws -> Void) async -> Int {
        do { try await work() } catch { return (error as? Problem)?.status.code ?? 0 }
        return 200
    }

    @Test func whatExceedsALimitDoesNotBegin() async throws {
        let admission = Admission(most: 2, amount: 100, perClient: 1)
        // A client has half of the amount beside others of its own.
        let shared = Admission(most: 9, amount: 100, perClient: 9)
        try await shared.take(30, client: "a") {
            #expect(await status { try await shared.take(30, client: "a") {} } == 429)
            #expect(await status { try await shared.take(20, client: "a") {} } == 200)
            #expect(await status { try await shared.take(60, client: "b") {} } == 200)
        }
        try await admission.take(10, client: "a") {
            #expect(await status { try await admission.take(10, client: "a") {} } == 429)
            #expect(await status { try await admission.take(95, client: "b") {} } == 503)
            try await admission.take(90, client: "b") {
                #expect(admission.count == 2)
                #expect(await status { try await admission.take(0, client: "c") {} } == 503)
            }
            #expect(await status { try await admission.take(90, client: "b") {} } == 200)
        }
        #expect(admission.count == 0)
        // A single one may be larger than all together.
        #expect(await status { try await admission.take(200, client: "a") {} } == 200)
    }

    @Test func failuresGiveTheirPlaceBack() async {
        struct Failure: Error {}
        let admission = Admission(most: 1, amount: 1, perClient: 1)
        for _ in 0..<3 { #expect(await status { try await admission.take(1, client: "a") { throw Failure() } } == 0) }
        #expect(admission.count == 0)
    }
}

@Suite struct AcceptTests {
    @Test(
        arguments: [
            (nil, "image/png"), ("*/*", "image/png"), ("application/json", "application/json"), ("image/*", "image/png"),
            ("image/png;q=0.1, application/json;q=0.9", "application/json"), ("text/html, */*;q=0.1", "image/png"), ("text/html", nil),
            ("image/png;q=0, */*", "application/json"), ("", nil),
        ] as [(String?, String?)])
    func choosesByQuality(field: String?, type: String?) { #expect(Accept(field).best(["image/png", "application/json"]) == type) }
}
