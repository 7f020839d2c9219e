import CKernels
import VMUNet

/// A tensor in a file of weights.
public struct StoredWeight {
    /// The element types that the kernels read.
    public enum ElementType: Sendable { case float32, bfloat16 }

    /// The shape, outermost axis first.
    public let shape: [Int]
    /// The type of the stored values.
    public let type: ElementType
    /// Provides the values, row-major. Called while the network is created.
    let withBytes: (_ body: (UnsafeRawBufferPointer) -> Void) -> Void

    /// A tensor whose bytes `withBytes` lends, row-major.
    public init(shape: [Int], type: ElementType, withBytes: @escaping (_ body: (UnsafeRawBufferPointer) -> Void) -> Void) {
        self.shape = shape
        self.type = type
        self.withBytes = withBytes
    }

    var kernelType: vmk_type { type == .bfloat16 ? VMK_BFLOAT16 : VMK_FLOAT32 }
}

/// A parameter as the network's layers hold it: an index into ``KernelWeights`` and, for a matrix,
/// its sizes.
public struct KernelParameter: Sendable {
    let index: Int
    /// The length of the first axis; for products side by side, of the first two.
    let outputs: Int
    /// The length of the other axes.
    let inputs: Int
}

/// A network's parameters, prepared for the kernels: vectors in float32, matrices in the panels
/// that products read.
///
/// Tracing the network once tells how each parameter is used. Then all are prepared in one piece of
/// memory, and the tensors they came from are no longer needed.
public final class KernelWeights: ParameterSource, @unchecked Sendable {
    private struct Entry {
        let key: String
        /// Nil once prepared.
        var stored: StoredWeight?
        let parameter: KernelParameter
        /// The offsets of the prepared forms: -1 for a requested form that is not prepared yet, nil
        /// for one that is not needed.
        var values: Int?
        var packed: (float32: Int?, bfloat16: Int?)

        func prepare(from bytes: UnsafeRawBufferPointer, in memory: UnsafeMutableRawPointer) {
            guard let source = bytes.baseAddress, let type = stored?.kernelType else { return }
            let (columns, depth) = (Int64(parameter.outputs), Int64(parameter.inputs))
            precondition(bytes.count == parameter.outputs * parameter.inputs * type.bytes, "a weight's bytes match its shape")
            if let values { vmk_cast(columns * depth, type, source, VMK_FLOAT32, memory + values) }
            if let offset = packed.float32 { vmk_pack_stored_weight(columns, depth, VMK_FLOAT32, type, source, memory + offset) }
            if let offset = packed.bfloat16 { vmk_pack_stored_weight(columns, depth, VMK_BFLOAT16, type, source, memory + offset) }
        }
    }

    private let lookup: (_ key: String) -> StoredWeight?
    private let keys: [String]
    private var entries: [Entry] = []
    private var misfits = WeightsMismatch()
    private var memory: UnsafeMutableRawPointer?
    /// The bytes of all prepared forms.
    public private(set) var bytes = 0

    /// - Parameters:
    /// - keys: the keys of all tensors; keys that the network does not use are errors. Not checked
    ///   if empty.
    /// - lookup: returns the tensor of a key, nil if there is none.
    public init(keys: [String] = [], lookup: @escaping (_ key: String) -> StoredWeight?) {
        self.keys = keys
        self.lookup = lookup
    }

    deinit { memory?.deallocate() }

    /// The stored weight of that key, prepared for its use; see ``/VMUNet/ParameterSource``.
    public func parameter(_ key: String, _ shape: [Int], _ use: ParameterUse, _ initial: InitialValues) -> KernelParameter {
        var leading = 1
        if case .matrix(let groups) = use, groups > 1 { leading = 2 }
        let parameter = KernelParameter(
            index: entries.count, outputs: Self.product(shape[..<leading]), inputs: Self.product(shape[leading...]))
        let found = lookup(key)
        if let found {
            if found.shape != shape { misfits.wrongShape.append(.init(key: key, expected: shape, got: found.shape)) }
        } else {
            misfits.missing.append(key)
        }
        entries.append(Entry(key: key, stored: found, parameter: parameter, values: nil, packed: (nil, nil)))
        return parameter
    }

    /// Wraps around if a file declares sizes beyond all bounds: no tensor can have them, and
    /// ``finish()`` throws.
    private static func product(_ sizes: ArraySlice<Int>) -> Int { sizes.reduce(1) { $0 &* $1 } }

    /// These weights, once the network has asked for all.
    ///
    /// - Throws: ``/VMUNet/WeightsMismatch`` if a key is missing, unexpected or of another shape.
    public func finish() throws(WeightsMismatch) -> KernelWeights {
        if keys.count > entries.count - misfits.missing.count {
            #if !hasFeature(Embedded)
                let asked = Set(entries.map(\.key))
                misfits.unexpected = keys.filter { !asked.contains($0) }
            #endif
        }
        guard misfits.isEmpty else { throw misfits }
        return self
    }

    // MARK: - Prepared forms

    /// The values in float32.
    func values(_ parameter: KernelParameter) -> UnsafePointer<Float> {
        if entries[parameter.index].values == nil { entries[parameter.index].values = -1 }
        return at(entries[parameter.index].values).assumingMemoryBound(to: Float.self)
    }

    /// The matrix in panels, for products with x of this type.
    func packed(_ parameter: KernelParameter, for type: vmk_type) -> UnsafeRawPointer {
        let packed = entries[parameter.index].packed
        if type == VMK_BFLOAT16 {
            if packed.bfloat16 == nil { entries[parameter.index].packed.bfloat16 = -1 }
            return at(entries[parameter.index].packed.bfloat16)
        }
        if packed.float32 == nil { entries[parameter.index].packed.float32 = -1 }
        return at(entries[parameter.index].packed.float32)
    }

    /// Before the forms are prepared: some address, never read.
    private func at(_ offset: Int?) -> UnsafeRawPointer {
        guard let memory else { return UnsafeRawPointer(bitPattern: 64)! }
        guard let offset, offset >= 0 else { preconditionFailure("this form of the parameter was not prepared") }
        return UnsafeRawPointer(memory) + offset
    }

    /// Prepares every requested form, once.
    func prepare() {
        precondition(memory == nil, "weights are prepared once")
        var next = 0
        func room(_ form: inout Int?, _ count: Int) {
            guard form != nil else { return }
            form = next
            next += (count + 63) & ~63
        }
        for i in entries.indices {
            let parameter = entries[i].parameter
            let packedBytes = Int(vmk_packed_bytes(Int64(parameter.outputs), Int64(parameter.inputs)))
            room(&entries[i].values, parameter.outputs * parameter.inputs * 4)
            room(&entries[i].packed.float32, packedBytes)
            room(&entries[i].packed.bfloat16, packedBytes)
        }
        bytes = next
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(next, 64), alignment: 64)
        self.memory = memory
        for i in entries.indices {
            entries[i].stored?.withBytes { entries[i].prepare(from: $0, in: memory) }
            entries[i].stored = nil
        }
    }
}
