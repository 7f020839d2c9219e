import Foundation
import Testing
import TensorFiles
import Torch

/// Golden cases from PyTorch in float64, kept small; large ones are read from `VMUNET_FIXTURES`.
enum Golden {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
    static let shared = ProcessInfo.processInfo.environment["VMUNET_FIXTURES"].map { URL(filePath: $0) }

    static func read(_ name: String) throws -> StateDictionary {
        let here = folder.appending(path: name)
        let there = shared?.appending(path: name)
        return try SafetensorsFile.read(FileManager.default.fileExists(atPath: here.path) ? here : #require(there))
    }
}

/// ‖got − expected‖ / ‖expected‖ in double precision; infinite if a value is not finite or the
/// shapes differ.
func relativeDistance(_ got: Tensor, _ expected: HostTensor) -> Double { relativeDistance(got.floats(), expected.floats) }

func relativeDistance(_ got: [Float], _ expected: [Float]) -> Double {
    guard got.count == expected.count else { return .infinity }
    var (difference, norm) = (0.0, 1e-30)
    for (a, b) in zip(got, expected) {
        if !a.isFinite { return .infinity }
        difference += (Double(a) - Double(b)) * (Double(a) - Double(b))
        norm += Double(b) * Double(b)
    }
    return (difference / norm).squareRoot()
}

/// The greatest difference over the greatest expected absolute value.
func relativeError(_ got: [Float], _ expected: [Float]) -> Double {
    guard got.count == expected.count else { return .infinity }
    let worst = zip(got, expected).map { abs(Double($0) - Double($1)) }.max() ?? 0
    return worst / max(expected.map { abs(Double($0)) }.max() ?? 0, 1e-30)
}
