import Foundation

/// The scripts in Tests/Oracle: networks as PyTorch computes them. They want `VMUNET_PYTHON`.
package enum Oracle {
    private static let python = ProcessInfo.processInfo.environment["VMUNET_PYTHON"]
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Oracle")

    package static var isAvailable: Bool { python != nil }

    /// A script that failed, and what it wrote.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Runs a script of the folder.
    package static func run(_ script: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: python ?? "python3")
        process.arguments = [folder.appending(path: script).path] + arguments
        // The library path is this process's libtorch: Python finds its own.
        process.environment = ProcessInfo.processInfo.environment.filter { $0.key != "LD_LIBRARY_PATH" }
        try process.run()
        process.waitUntilExit()
        if process.terminationStatus != 0 { throw Failure(description: "\(script) ended with \(process.terminationStatus)") }
    }
}
