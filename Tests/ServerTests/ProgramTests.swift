import Foundation
import Testing

@testable import Server

/// The built server, driven by `serve.py`: curl, volumes, a DICOM series, SIGKILL, the page.
@Suite struct ProgramTests {
    private static func value(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Beside the tests, where the same build puts it.
    private static var program: URL { Bundle.main.bundleURL.appending(path: "vmunet-serve") }
    private static let python = value("VMUNET_PYTHON"), vmunet = value("VMUNET_LIGHT_BINARY")
    private static let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// Runs a script beside this file. Returns what it printed.
    private static func run(_ script: String, _ arguments: [String]) throws -> String {
        let process = Process(), output = Pipe()
        process.executableURL = URL(filePath: python ?? "")
        process.arguments = [URL(filePath: #filePath).deletingLastPathComponent().appending(path: script).path] + arguments
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let told = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(told)")
        return told
    }

    @Test(
        .enabled(
            if: python != nil && FileManager.default.isExecutableFile(atPath: "/usr/bin/wrk"), "needs VMUNET_PYTHON and Debian's wrk"))
    func overloadIsRefused() throws {
        let place = FileManager.default.temporaryDirectory.appending(path: "overload-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: place) }
        let told = try Self.run("overload.py", [Self.program.path, place.path])
        #expect(told.contains("takes no more memory"))
    }

    @Test(.enabled(if: python != nil && vmunet != nil, "needs VMUNET_PYTHON and VMUNET_LIGHT_BINARY: ./test sets them"))
    func clientsGetWhatTheyShould() throws {
        let place = FileManager.default.temporaryDirectory.appending(path: "serve-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: place) }
        let weights = try AskedServer.volumes().url
        let told = try Self.run(
            "serve.py",
            [Self.program.path, Self.vmunet ?? "", weights.path, place.path] + (Self.chromium.map { ["--chromium", $0] } ?? []))
        #expect(told.contains("SIGTERM ends it cleanly"))
        #expect(Self.chromium == nil || told.contains("the page shows and saves the same"))
    }
}
