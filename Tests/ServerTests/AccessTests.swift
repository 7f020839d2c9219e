import Foundation
import HTTPTypes
import Imaging
import Testing

@testable import Server

@Suite struct AccessTests {
    private let first = "first-token-of-32-characters-xxx", second = "second-token-of-32-characters-xx"

    @Test func tokensOpenWhatIsClosed() async throws {
        let asked = try AskedServer(tokens: [first, second])
        defer { asked.remove() }
        for path in ["/v1/models", "/v1/jobs", "/metrics"] {
            let closed = try await asked.ask(.get, path)
            #expect(closed.status == 401)
            #expect(closed.headers[.wwwAuthenticate] == "Bearer")
            #expect(try await asked.ask(.get, path, headers: [.authorization: "Bearer \(second)"]).status == 200)
            for wrong in ["Bearer \(first)x", "Bearer ", "Basic \(first)", first, "Bearer \(first.dropLast())"] {
                #expect(try await asked.ask(.get, path, headers: [.authorization: wrong]).status == 401)
            }
        }
        #expect(try await asked.ask(.get, "/healthz").status == 200)
        #expect(try await asked.ask(.get, "/openapi.json").status == 200)
    }

    @Test func unknownTokensAreNotCalledMissing() async throws {
        let asked = try AskedServer(tokens: [first])
        defer { asked.remove() }
        #expect(try await asked.ask(.get, "/v1/jobs").detail == "a token is needed")
        #expect(try await asked.ask(.get, "/v1/jobs", headers: [.authorization: "Bearer \(second)"]).detail.contains("does not know"))
    }

    /// A page of another site whose name leads here reads nothing of an open server.
    @Test(arguments: [
        ("127.0.0.1:8080", true), ("localhost", true), ("LOCALHOST:1", true), ("[::1]:8080", true), ("10.1.2.3", true),
        ("Clinic.example:80", true),
        ("evil.example", false), ("evil.example:8080", false), ("127.0.0.1.evil.example", false), ("localhost.evil.example", false),
        ("[evil]", false),
        ("", true),
    ])
    func openServersGoByKnownNames(authority: String, isAdmitted: Bool) throws {
        #expect(try Access(tokens: [], names: ["clinic.example"]).admits(authority) == isAdmitted)
        #expect(try Access(tokens: [first]).admits(authority))
    }

    @Test func shortTokensAreRefused() {
        #expect(throws: BadToken.self) { try Access(tokens: ["short"]) }
    }

    @Test func marksAreDigestsOfTokens() throws {
        // printf first-token-of-32-characters-xxx | sha256sum
        #expect(try Access(tokens: [first]).mark("Bearer \(first)")?.count == 12)
        #expect(try Access(tokens: [first]).mark("bearer \(first)") == Access(tokens: [second, first]).mark("Bearer \(first)"))
    }

    @Test func jobsOfOthersAreNotThere() async throws {
        let asked = try AskedServer(tokens: [first, second], models: [AskedServer.volumes()])
        defer { asked.remove() }
        let own: HTTPFields = [.authorization: "Bearer \(first)"], other: HTTPFields = [.authorization: "Bearer \(second)"]
        let made = try await asked.ask(.post, "/v1/jobs", headers: own, body: JobTests.volume())
        let address = try #require(made.headers[.location])
        #expect(try await asked.ask(.get, address, headers: own).status == 200)
        #expect(try await asked.ask(.get, address, headers: other).status == 404)
        #expect(try await asked.ask(.delete, address, headers: other).status == 404)
        #expect((try await asked.ask(.get, "/v1/jobs", headers: other).json["jobs"] as? [Any])?.isEmpty == true)
        #expect((try await asked.ask(.get, "/v1/jobs", headers: own).json["jobs"] as? [Any])?.count == 1)
    }
}

@Suite struct OperationTests {
    @Test func everyAnswerIsConfined() async throws {
        let asked = try AskedServer()
        defer { asked.remove() }
        for path in ["/healthz", "/v1/models", "/nothing"] {
            let answer = try await asked.ask(.get, path)
            let policy = try #require(answer.headers[.contentSecurityPolicy])
            #expect(policy.contains("default-src 'none'") && !policy.contains("unsafe-inline"))
            #expect(answer.headers[.xContentTypeOptions] == "nosniff")
            #expect(answer.headers[HTTPField.Name("Access-Control-Allow-Origin")!] == nil)
            #expect(answer.headers[HTTPField.Name("X-Request-Id")!] == "1")
        }
    }

    @Test func healthRunsTheNetworks() async throws {
        let asked = try AskedServer()
        defer { asked.remove() }
        let answer = try await asked.ask(.get, "/healthz")
        #expect(answer.status == 200)
        #expect(answer.json["checks"] as? [String: String] == ["model isic17": "ok", "store": "ok", "disk": "ok", "uploads": "ok"])
        // Without the folder of uploads, none can be stored.
        try FileManager.default.removeItem(at: asked.folder.appending(path: "incoming"))
        let failing = try await asked.ask(.get, "/healthz")
        #expect(failing.status == 503 && (failing.json["checks"] as? [String: String])?["uploads"] == "cannot be stored")
    }

    @Test func metricsAreWhatPrometheusReads() {
        let store = MetricsStore()
        store.makeCounter(label: "vmunet_requests_total", dimensions: [("route", "/a\"b")]).increment(by: 3)
        store.makeRecorder(label: "vmunet_memory_bytes", dimensions: [], aggregate: false).record(5.5)
        store.makeRecorder(label: "vmunet_request_seconds", dimensions: [], aggregate: true).record(0.3)
        let lines = store.text.split(separator: "\n").map(String.init)
        #expect(lines.contains("# TYPE vmunet_requests_total counter"))
        #expect(lines.contains(#"vmunet_requests_total{route="/a\"b"} 3"#))
        #expect(lines.contains("vmunet_memory_bytes 5.5"))
        #expect(lines.contains(#"vmunet_request_seconds_bucket{le="0.25"} 0"#))
        #expect(lines.contains(#"vmunet_request_seconds_bucket{le="0.5"} 1"#))
        #expect(lines.contains(#"vmunet_request_seconds_bucket{le="+Inf"} 1"#))
        #expect(lines.contains("vmunet_request_seconds_sum 0.3"))
    }

    @Test func seriesAreBounded() {
        let store = MetricsStore()
        for i in 0..<5000 { store.makeCounter(label: "many", dimensions: [("i", "\(i)")]).increment(by: 1) }
        #expect(store.text.split(separator: "\n").count == 2001)
    }

    @Test func openAPINamesEveryRoute() async throws {
        let asked = try AskedServer()
        defer { asked.remove() }
        let paths = try #require(try await asked.ask(.get, "/openapi.json").json["paths"] as? [String: [String: Any]])
        #expect(
            Set(paths.keys) == [
                "/healthz", "/metrics", "/openapi.json", "/v1/models", "/v1/predict", "/v1/jobs", "/v1/jobs/{id}", "/v1/jobs/{id}/events",
                "/v1/jobs/{id}/result", "/v1/jobs/{id}/view/{layer}/{plane}/{index}",
            ])
        for (path, methods) in paths {
            let address = path.replacing("{id}", with: "0").replacing("{layer}", with: "image").replacing("{plane}", with: "axial")
                .replacing("{index}", with: "0")
            for method in ["get", "post", "put", "delete", "patch"] {
                let status = try await asked.ask(.init(method.uppercased())!, address).status
                #expect((status == 405) == (methods[method] == nil), "\(method) \(path): \(status)")
            }
        }
    }
}
