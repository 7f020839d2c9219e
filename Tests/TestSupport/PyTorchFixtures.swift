import Foundation

/// The results of PyTorch's optimisers and schedules, written by `Fixtures/make_optimizers.py`.
package enum TorchFixture {
    package static func data(_ name: String) throws -> Data {
        try Data(contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name)"))
    }

    package static func optimizers() throws -> [String: Any] {
        try JSONSerialization.jsonObject(with: data("optimizers.json")) as? [String: Any] ?? [:]
    }
}
