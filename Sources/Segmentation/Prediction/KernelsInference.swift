import Files
import Kernels
import Synchronization
import TensorFiles
import VMUNet

/// A VM-UNet that computes with the package's own kernels, on any CPU and without libtorch.
///
/// Any number of threads may predict at the same time: each call works in its own memory, which is
/// kept for the next call.
public final class KernelsInference: InferenceNetwork {
    /// The architecture, from the weights' keys and shapes.
    public let configuration: VMUNetConfiguration
    private let network: KernelsNetwork
    private let kept = Mutex(Kept())

    /// Plans, and memory that no call is using.
    private struct Kept {
        var plans: [Shape: Plan] = [:]
        var memories: [MapMemory] = []
    }

    private struct Shape: Hashable {
        let batch: Int
        let channels: Int
        let height: Int
        let width: Int
    }

    /// The most plans to keep: folders of pictures have few batch shapes, and making a plan takes
    /// less time than running it.
    private static let planLimit = 16

    /// The network whose architecture the weights' keys and shapes define.
    ///
    /// Throws ``/VMUNet/ConfigurationError`` if they define none, and ``/VMUNet/WeightsMismatch``
    /// with every key that is missing, unexpected or of another shape.
    public init(_ weights: StateDictionary, precision: Precision = .float32) throws {
        configuration = try VMUNetConfiguration(readFrom: weights)
        // Prepared forms beside the file's: each matrix in panels, in float32 at most.
        let values = weights.reduce(0) { $0 + $1.tensor.count }
        try DataError.requireMemory(
            5 * values, for: "a network of \(values) weights", remedy: "Give the machine more memory, or take smaller weights.")
        let stored = KernelWeights(keys: weights.keys) { key in weights[key].map(StoredWeight.init) }
        network = try KernelsNetwork(configuration, stored, precision: precision)
    }

    /// Classes of the answer.
    public var classes: Int { configuration.classes }
    /// Channels of the pictures.
    public var inputChannels: Int { configuration.inputChannels }
    /// 32: the network halves its maps five times.
    public var sizeMultiple: Int { KernelsNetwork.sizeMultiple }

    /// Images [batch, channels, height, width] → logits [batch, classes, height, width], both
    /// row-major. There are as many channels as the network has, or one if it has three.
    public func logits(_ images: [Float], batch: Int, height: Int, width: Int) throws -> [Float] {
        let pixels = HostTensor.elementCount(shape: [batch, height, width]) ?? 0
        let channels = pixels > 0 ? images.count / pixels : 0
        let shape = Shape(batch: batch, channels: channels, height: height, width: width)
        guard pixels > 0, channels * pixels == images.count, let plan = plan(shape) else {
            throw ConfigurationError(
                what: "images",
                expected: "\(batch)×\(inputChannels)×\(height)×\(width) values, height and width multiples of \(sizeMultiple)",
                got: "\(images.count) values")
        }
        let memory = try take(bytes: plan.memoryBytes, logits: plan.logitCount)
        defer { kept.withLock { $0.memories.append(memory) } }
        return [Float](unsafeUninitializedCapacity: plan.logitCount) { logits, count in
            images.withUnsafeBufferPointer {
                plan.run(images: $0.baseAddress!, logits: logits.baseAddress!, memory: memory)
            }
            count = plan.logitCount
        }
    }

    /// On all of the kernels' threads; in each, a forward pass has that thread alone.
    public func sideBySide(_ count: Int, _ body: @Sendable (_ index: Int) -> Void) {
        KernelsNetwork.sideBySide(count, body)
    }

    private func plan(_ shape: Shape) -> Plan? {
        if let known = kept.withLock({ $0.plans[shape] }) { return known }
        guard let plan = network.plan(batch: shape.batch, channels: shape.channels, height: shape.height, width: shape.width)
        else { return nil }
        kept.withLock { kept in
            if kept.plans.count >= Self.planLimit { kept.plans.removeAll() }
            kept.plans[shape] = plan
        }
        return plan
    }

    /// Memory of at least this many bytes. Memory that is too small is replaced by larger.
    private func take(bytes: Int, logits: Int) throws(DataError) -> MapMemory {
        let last = kept.withLock { $0.memories.popLast() }
        if let last, last.bytes >= bytes { return last }
        try DataError.requireMemory(
            bytes + 4 * logits, for: "the network's maps",
            remedy: "Lower --image-size or --batch-size: both are what a pass takes its memory for.")
        return MapMemory(bytes: bytes)
    }
}

// The descriptions name the fault of the weights; the reader of the file adds its name.
extension WeightsMismatch: WeightsProblem {
    /// Empty: the reader of the file adds its name.
    public var subject: String { "" }
    /// The `description`.
    public var problem: String { description }
    /// None.
    public var remedy: String { "" }
}
extension ConfigurationError: WeightsProblem {
    /// The operation.
    public var subject: String { what }
    /// The values expected and found.
    public var problem: String { "expected \(expected), got \(got)" }
    /// Empty: the problem names the expected values.
    public var remedy: String { "" }
}

extension Compute.Precision {
    /// In the network's terms.
    public var ofProducts: Precision { self == .bf16 ? .bfloat16 : .float32 }
}

extension StoredWeight {
    /// A file's tensor, converted to float32 if the kernels do not read its type.
    public init(_ tensor: HostTensor) {
        switch tensor.elementType {
        case .float32: self.init(shape: tensor.shape, type: .float32) { body in tensor.bytes.withUnsafeBytes { body($0) } }
        case .bfloat16: self.init(shape: tensor.shape, type: .bfloat16) { body in tensor.bytes.withUnsafeBytes { body($0) } }
        default: self.init(shape: tensor.shape, type: .float32) { body in tensor.floats.withUnsafeBytes { body($0) } }
        }
    }
}

extension NetworkLoader {
    /// Networks on the package's own kernels: any CPU, no libtorch.
    ///
    /// Throws ``NoGPU`` if `compute` requests a GPU. `compute.threads` applies to the whole
    /// process.
    public static let kernels = NetworkLoader { weights, compute in
        guard compute.device != .cuda else { throw NoGPU() }
        if let name = try NetworkSettings(weights.metadata)?.name, name != NetworkSettings.vmunet { throw OtherNetwork(name: name) }
        if let threads = compute.threads { KernelsNetwork.setThreads(threads) }
        do { return try KernelsInference(weights, precision: compute.precision.ofProducts) } catch let error as any WeightsProblem {
            // Published weights of other networks do not record their kind.
            let isForeign = !weights.isEmpty && !weights.keys.contains { $0.hasSuffix("patch_embed.proj.weight") }
            throw isForeign ? OtherNetwork(name: nil) : error
        }
    }
}

/// A GPU was requested, but the package's own kernels run on CPUs only.
public struct NoGPU: UserError {
    package init() {}

    /// The option.
    public var subject: String { "--device cuda" }
    /// There is no GPU here.
    public var problem: String { "this program computes on the CPU alone" }
    /// The CPU, or libtorch.
    public var remedy: String { "leave --device out, or take a network on libtorch (vmunet-train, the product Networks)" }
    /// The call's fault.
    public var category: UserErrorCategory { .usage }
}
