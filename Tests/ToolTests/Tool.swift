import Foundation
import Synchronization
import Testing

/// All tests of the built tool. `VMUNET_BINARY` names it, `VMUNET_LIBRARY_PATH` the folder of its
/// libtorch.
@Suite(.enabled(if: Tool.binary != nil, "set VMUNET_BINARY to the built tool"), .timeLimit(.minutes(10)))
struct ToolTests {}

/// Runs the built tool like a user: arguments in; exit code, standard output and standard error
/// out.
enum Tool {
    static let environment = ProcessInfo.processInfo.environment
    static let binary = environment["VMUNET_BINARY"].map { URL(filePath: $0) }
    static let python = environment["VMUNET_PYTHON"].map { URL(filePath: $0) }
    static let fixtures = environment["VMUNET_FIXTURES"].map { URL(filePath: $0) }

    struct Outcome: Sendable {
        /// The exit code; nil if a signal ended the process.
        var code: Int32?
        var signal: Int32?
        var out: String
        var error: String
    }

    static func run(_ arguments: String..., in folder: URL? = nil) throws -> Outcome { try run(arguments, in: folder) }

    static func run(_ arguments: [String], in folder: URL? = nil) throws -> Outcome {
        try Running(try #require(binary), arguments, in: folder).outcome()
    }

    /// A shell command line with the tool as `"$@"`, for limits and redirections.
    static func shell(_ script: String, _ arguments: String...) throws -> Outcome {
        let tool = try #require(binary).path
        return try Running(URL(filePath: "/bin/sh"), ["-c", script, "sh", tool] + arguments).outcome()
    }

    /// Runs a Python script and returns its standard output. The caller's suite requires
    /// `VMUNET_PYTHON`.
    static func python(_ script: String, _ arguments: String...) throws -> String {
        let outcome = try Running(try #require(python), ["-c", script] + arguments).outcome()
        try #require(outcome.code == 0, "\(outcome.error)")
        return outcome.out
    }
}

/// A running process. Its output goes to files, so it never waits for a reader.
final class Running: @unchecked Sendable {
    private let process = Process()
    private let files: (out: URL, error: URL)

    init(_ executable: URL, _ arguments: [String], in folder: URL? = nil, environment more: [String: String] = [:]) throws {
        let name = UUID().uuidString
        files = (Scratch.root.appending(path: name + ".out"), Scratch.root.appending(path: name + ".err"))
        for file in [files.out, files.error] { try Data().write(to: file) }
        process.executableURL = executable
        process.arguments = arguments
        if let folder { process.currentDirectoryURL = folder }
        var environment = Tool.environment
        if let libraries = environment["VMUNET_LIBRARY_PATH"] { environment["LD_LIBRARY_PATH"] = libraries }
        environment["OMP_NUM_THREADS"] = "1"
        // A crash shows in the exit code; its backtrace would only take time.
        environment["SWIFT_BACKTRACE"] = "enable=no"
        environment.merge(more) { $1 }
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: files.out)
        process.standardError = try FileHandle(forWritingTo: files.error)
        try process.run()
    }

    var isRunning: Bool { process.isRunning }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    func outcome() throws -> Tool.Outcome {
        process.waitUntilExit()
        defer { for file in [files.out, files.error] { try? FileManager.default.removeItem(at: file) } }
        let isExit = process.terminationReason == .exit
        return Tool.Outcome(
            code: isExit ? process.terminationStatus : nil, signal: isExit ? nil : process.terminationStatus,
            out: String(decoding: try Data(contentsOf: files.out), as: UTF8.self),
            error: String(decoding: try Data(contentsOf: files.error), as: UTF8.self))
    }
}

/// A folder for everything that the tests write; removed when the process ends.
enum Scratch {
    static let root: URL = {
        let url = URL(filePath: NSTemporaryDirectory()).appending(path: "vmunet-tool-tests-\(ProcessInfo.processInfo.processIdentifier)")
        try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        atexit { try? FileManager.default.removeItem(at: Scratch.root) }
        return url
    }()

    /// A new, empty folder.
    static func folder() throws -> URL {
        let url = root.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }
}

/// Expects a clear refusal: this exit code, nothing on standard output, and a few lines on standard
/// error without any of the program's internals.
func expectRefusal(
    _ outcome: Tool.Outcome, _ code: Int32 = 65, naming words: String..., sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(outcome.code == code, "signal \(outcome.signal ?? 0): \(outcome.error)", sourceLocation: sourceLocation)
    #expect(outcome.out.isEmpty, sourceLocation: sourceLocation)
    for word in words { #expect(outcome.error.contains(word), "\(outcome.error)", sourceLocation: sourceLocation) }
    for trace in ["Fatal error", "frame #", ".swift:", "c10::", "vmunet::", "Error Domain", "(null)", "NSCocoaErrorDomain"] {
        #expect(!outcome.error.contains(trace), "\(outcome.error)", sourceLocation: sourceLocation)
    }
    let lines = outcome.error.split(separator: "\n").count
    #expect((1...16).contains(lines), "\(outcome.error)", sourceLocation: sourceLocation)
}

/// Expects success.
func expectDone(_ outcome: Tool.Outcome, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(outcome.code == 0, "signal \(outcome.signal ?? 0): \(outcome.error)", sourceLocation: sourceLocation)
}
