import CKernels

/// A map's place: a storage of the plan, and a byte offset into it.
struct Place {
    let storage: Int
    let offset: Int

    func advanced(by bytes: Int) -> Place { Place(storage: storage, offset: offset + bytes) }
}

/// The steps of a forward pass for images of one shape, recorded by ``KernelsEngine``'s operators.
package final class Tape {
    /// Memory for one map: its size, and the first and last step that use it.
    struct Storage {
        let bytes: Int
        let firstStep: Int
        var lastStep: Int
        /// The storage of an operand that the result may overwrite.
        var inPlaceOf: Int?
    }

    /// The storage of the images, which is the caller's memory.
    static let images = 0

    let weights: KernelWeights
    private(set) var steps: [Step] = []
    /// The first is the images' storage.
    private(set) var storages: [Storage] = [Storage(bytes: 0, firstStep: 0, lastStep: 0)]
    /// The modules in order, each with the number of steps up to its end; empty unless requested.
    private(set) var modules: [(name: String, end: Int)] = []
    let keepsModules: Bool

    init(_ weights: KernelWeights, keepsModules: Bool = false) {
        self.weights = weights
        self.keepsModules = keepsModules
    }

    /// The images of a forward pass, planes of float32: [batch, channels, height, width].
    func images(batch: Int, channels: Int, height: Int, width: Int) -> KernelsEngine.Tensor {
        KernelsEngine.Tensor(
            tape: self, batch: batch, height: height, width: width, channels: channels, type: VMK_FLOAT32,
            place: Place(storage: Self.images, offset: 0), stride: channels)
    }

    /// A new map, written by the next step. Properties not given are `other`'s.
    func map(
        like other: KernelsEngine.Tensor, height: Int? = nil, width: Int? = nil, channels: Int? = nil, type: vmk_type? = nil
    ) -> KernelsEngine.Tensor {
        let (height, width) = (height ?? other.height, width ?? other.width)
        let (channels, type) = (channels ?? other.channels, type ?? other.type)
        let bytes = other.batch * height * width * channels * type.bytes
        storages.append(Storage(bytes: bytes, firstStep: steps.count, lastStep: steps.count))
        return KernelsEngine.Tensor(
            tape: self, batch: other.batch, height: height, width: width, channels: channels, type: type,
            place: Place(storage: storages.count - 1, offset: 0), stride: channels)
    }

    /// Appends a step that reads `operands` and writes `result`, which may overwrite the operand
    /// `inPlaceOf` if nothing reads that later.
    func append(
        _ step: Step, _ operands: [KernelsEngine.Tensor], _ result: KernelsEngine.Tensor,
        inPlaceOf operand: KernelsEngine.Tensor? = nil
    ) {
        for operand in operands { storages[operand.place.storage].lastStep = steps.count }
        storages[result.place.storage].inPlaceOf = operand?.place.storage
        steps.append(step)
    }

    func norm(_ weight: KernelParameter, _ bias: KernelParameter) -> Affine {
        Affine(weight: weights.values(weight), bias: weights.values(bias))
    }

    func endModule(_ name: String) { modules.append((name, steps.count)) }
}
