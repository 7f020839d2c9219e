import Foundation

/// The scripts in Tests/Oracle: networks as PyTorch computes them. They need ``Python``.
package enum Oracle {
    package static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Oracle")

    /// Runs a script of the folder.
    package static func run(_ script: String, _ arguments: [String]) throws {
        try Python.run(file: folder.appending(path: script), arguments)
    }
}
