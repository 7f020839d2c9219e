import Files
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Errors about weights that could be read but are not the required network's.
public protocol WeightsProblem: UserError {}

/// A file of weights that fits no network, or not the required one.
public struct BadWeights: UserError, LocalizedError {
    /// The weights' file.
    public let file: String
    /// The fault.
    public let reason: String
    /// A way out for the user.
    public let remedy: String

    package init(file: String, problem: any WeightsProblem) {
        if problem.remedy.isEmpty {
            self.init(file: file, reason: problem.description)
        } else {
            self.init(file: file, reason: problem.problem, remedy: problem.remedy)
        }
    }

    package init(file: String, reason: String, remedy: String = "give weights of a VM-UNet, of the sizes and the class count asked for") {
        (self.file, self.reason, self.remedy) = (file, reason, remedy)
    }

    /// The ``file``.
    public var subject: String { file }
    /// The ``reason``.
    public var problem: String { reason }
    /// The file and the reason, then the remedy.
    public var description: String { "\(file): \(reason)\n\(remedy)".printable(keepsLines: true) }
    /// The ``description``.
    public var errorDescription: String? { description }
}

extension StateDictionary {
    /// The metadata of the weights, as far as they have some. Throws ``BadWeights`` for a newer
    /// format, and for values that make no sense.
    package func origin(file: String) throws -> WeightsMetadata {
        do throws(MetadataError) { return try WeightsMetadata(metadata) } catch {
            throw BadWeights(file: file, reason: error.problem, remedy: error.remedy)
        }
    }

    /// Throws ``BadWeights`` for a tensor with NaN or infinite values, and for one of quantised
    /// numbers without their scale: such a network is useless.
    package func requireUsable(file: String) throws {
        for (key, tensor) in self where [.int8, .uint8].contains(tensor.elementType) && tensor.count > 1 {
            throw BadWeights(
                file: file, reason: "\(key) holds \(tensor.elementType.rawValue) numbers, as a quantised network does",
                remedy: "give the weights from before they were quantised")
        }
        for (key, tensor) in self where !tensor.isFinite {
            throw BadWeights(
                file: file, reason: "\(key) has values that are not finite: the training that wrote it went wrong",
                remedy: "take a checkpoint from before that, or train again at a lower learning rate")
        }
    }
}

extension HostTensor {
    /// True if no value is NaN or infinite.
    package var isFinite: Bool {
        switch elementType {
        case .float64: isFinite(UInt64.self, exponent: 0x7FF0_0000_0000_0000)
        case .float32: isFinite(UInt32.self, exponent: 0x7F80_0000)
        case .bfloat16: isFinite(UInt16.self, exponent: 0x7F80)
        case .float16: isFinite(UInt16.self, exponent: 0x7C00)
        default: true
        }
    }

    /// An exponent of all ones is NaN or infinite. The loop has no branch, so that it runs at
    /// memory speed.
    @inline(__always)
    private func isFinite<Word: FixedWidthInteger & UnsignedInteger>(_: Word.Type, exponent: Word) -> Bool {
        bytes.withUnsafeBytes { raw in
            var bad: Word = 0
            for word in raw.bindMemory(to: Word.self) { bad |= (word & exponent) == exponent ? 1 : 0 }
            return bad == 0
        }
    }
}
