import CKernels

/// A map's place: a storage of the plan, and a byte offset into it.
struct Place {
    let storage: Int
    let offset: Int

    func advanced(by bytes: Int) -> Place { Place(storage: storage, offset: offset + bytes) }
}

/// The steps of a forward pass for one image, recorded by ``KernelsEngine``'s operators.
package final class Tape {
    /// Memory for one image's map: its size, and the first and last step that use it.
    struct Storage {
        let bytes: Int
        let firstStep: Int
        var lastStep: Int
        /// The storage of an operand that the result may overwrite.
        var inPlaceOf: Int?
    }

    /// A step with the sizes that decide how many images it takes at a time (``Schedule``).
    struct Entry {
        let step: Step
        /// The tokens of its result, for one image.
        let tokens: Int
        /// The bytes of the largest map that it reads or writes, for one image.
        let bytes: Int
        /// The bytes of the matrix that it multiplies by.
        let weightBytes: Int
    }

    /// The storage of the images, which is the caller's memory.
    static let images = 0

    let weights: KernelWeights
    private(set) var entries: [Entry] = []
    /// The first is the images' storage.
    private(set) var storages: [Storage] = [Storage(bytes: 0, firstStep: 0, lastStep: 0)]

    init(_ weights: KernelWeights) { self.weights = weights }

    /// An image of a forward pass, planes of float32: [channels, height, width].
    func image(channels: Int, height: Int, width: Int) -> KernelsEngine.Tensor {
        KernelsEngine.Tensor(
            tape: self, height: height, width: width, channels: channels, type: VMK_FLOAT32,
            place: Place(storage: Self.images, offset: 0), stride: channels)
    }

    /// A new map, written by the next step. Properties not given are `other`'s.
    func map(
        like other: KernelsEngine.Tensor, height: Int? = nil, width: Int? = nil, channels: Int? = nil, type: vmk_type? = nil
    ) -> KernelsEngine.Tensor {
        let (height, width) = (height ?? other.height, width ?? other.width)
        let (channels, type) = (channels ?? other.channels, type ?? other.type)
        let bytes = height * width * channels * type.bytes
        storages.append(Storage(bytes: bytes, firstStep: entries.count, lastStep: entries.count))
        return KernelsEngine.Tensor(
            tape: self, height: height, width: width, channels: channels, type: type,
            place: Place(storage: storages.count - 1, offset: 0), stride: channels)
    }

    /// Appends a step that reads `operands` and writes `result`, which may overwrite the operand
    /// `inPlaceOf` if nothing reads that later.
    func append(
        _ step: Step, _ operands: [KernelsEngine.Tensor], _ result: KernelsEngine.Tensor,
        inPlaceOf operand: KernelsEngine.Tensor? = nil
    ) {
        for operand in operands { storages[operand.place.storage].lastStep = entries.count }
        storages[result.place.storage].inPlaceOf = operand?.place.storage
        var weightBytes = 0
        if case .product(let product) = step { weightBytes = product.columns * product.depth * product.xType.bytes }
        let bytes = (operands + [result]).reduce(0) { max($0, storages[$1.place.storage].bytes) }
        entries.append(Entry(step: step, tokens: result.tokens, bytes: bytes, weightBytes: weightBytes))
    }

    func norm(_ weight: KernelParameter, _ bias: KernelParameter) -> Affine {
        Affine(weight: weights.values(weight), bias: weights.values(bias))
    }
}
