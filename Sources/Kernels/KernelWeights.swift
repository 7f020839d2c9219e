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
        /// In dtProjsWeight's entry: the scan's parameters.
        var scan: ScanForm?

        func prepare(from bytes: UnsafeRawBufferPointer, in memory: UnsafeMutableRawPointer) {
            guard let source = bytes.baseAddress, let type = stored?.kernelType else { return }
            let (columns, depth) = (Int64(parameter.outputs), Int64(parameter.inputs))
            precondition(bytes.count == parameter.outputs * parameter.inputs * type.bytes, "a weight's bytes match its shape")
            if let values { vmk_cast(columns * depth, type, source, VMK_FLOAT32, memory + values) }
            if let offset = packed.float32 { vmk_pack_stored_weight(columns, depth, VMK_FLOAT32, type, source, memory + offset) }
            if let offset = packed.bfloat16 { vmk_pack_stored_weight(columns, depth, VMK_BFLOAT16, type, source, memory + offset) }
        }
    }

    /// The scan's parameters side by side.
    private struct ScanForm {
        let parameters: SS2DParameters<KernelParameter>
        var shape: vmk_ss2d_shape
        var offset = -1
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

    deinit { vmk_free(memory) }

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
        entries.append(Entry(key: key, stored: found, parameter: parameter, values: nil, packed: (nil, nil), scan: nil))
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

    /// The scan's parameters as it reads them.
    func scan(_ parameters: SS2DParameters<KernelParameter>, channels: Int) -> UnsafePointer<Float> {
        let index = parameters.dtProjsWeight.index
        if entries[index].scan == nil {
            let shape = vmk_ss2d_shape(
                batch: 0, height: 0, width: 0, channels: Int64(channels), states: Int64(parameters.aLogs.inputs),
                rank: Int64(parameters.dtProjsWeight.inputs / channels))
            entries[index].scan = ScanForm(parameters: parameters, shape: shape)
        }
        return at(entries[index].scan?.offset).assumingMemoryBound(to: Float.self)
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
            if var scan = entries[i].scan {
                scan.offset = next
                next += (4 * Int(vmk_ss2d_prepared_count(&scan.shape)) + 63) & ~63
                entries[i].scan = scan
            }
        }
        bytes = next
        guard let memory = vmk_allocate(Int64(max(next, 64))) else { preconditionFailure("no memory for the weights") }
        self.memory = memory
        for i in entries.indices {
            entries[i].stored?.withBytes { entries[i].prepare(from: $0, in: memory) }
            if let scan = entries[i].scan { prepare(scan, in: memory) }
        }
        for i in entries.indices { entries[i].stored = nil }
    }

    private func prepare(_ scan: ScanForm, in memory: UnsafeMutableRawPointer) {
        let parameters = scan.parameters
        let (weight, bias) = (floats(parameters.dtProjsWeight), floats(parameters.dtProjsBias))
        let (aLogs, ds) = (floats(parameters.aLogs), floats(parameters.ds))
        var inputs = vmk_ss2d(
            shape: scan.shape, x_type: VMK_FLOAT32, x: nil, x_stride: 0, projection: nil, dt_weight: weight, dt_bias: bias, A_logs: aLogs,
            Ds: ds, prepared: nil)
        vmk_ss2d_prepare(&inputs, (memory + scan.offset).assumingMemoryBound(to: Float.self))
        for values in [weight, bias, aLogs, ds] { values.deallocate() }
    }

    /// A stored weight in float32; zeros if there is none.
    private func floats(_ parameter: KernelParameter) -> UnsafeMutablePointer<Float> {
        let count = parameter.outputs * parameter.inputs
        let values = UnsafeMutablePointer<Float>.allocate(capacity: max(count, 1))
        values.initialize(repeating: 0, count: count)
        let stored = entries[parameter.index].stored
        stored?.withBytes { bytes in
            guard let source = bytes.baseAddress else { return }
            vmk_cast(Int64(count), stored?.kernelType ?? VMK_FLOAT32, source, VMK_FLOAT32, values)
        }
        return values
    }
}
