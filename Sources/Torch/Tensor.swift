import CTorch
import Files
import TensorFiles

/// An n-dimensional array of libtorch: a reference to values on a device, with autograd.
///
/// Copies of a `Tensor` share its values. Tensors may be passed between threads. As in PyTorch, the
/// caller must not write in place (`…_` operators, optimisers) while another thread reads the same
/// values.
package struct Tensor: @unchecked Sendable {
    let storage: TensorStorage

    init(owning handle: ct_tensor) {
        storage = TensorStorage(handle)
    }

    var handle: ct_tensor { storage.handle }
}

/// Owns one reference to an at::Tensor.
final class TensorStorage: @unchecked Sendable {
    let handle: ct_tensor
    init(_ handle: ct_tensor) { self.handle = handle }
    deinit { ct_release(handle) }
}

// MARK: - To and from the host

extension Tensor {
    /// A tensor with a copy of `values`, row-major. Uploads to a GPU go through pinned memory
    /// without waiting.
    package init(_ values: [Float], shape: [Int], on device: Device = .cpu) {
        self = values.withUnsafeBytes { Tensor(bytes: $0, shape: shape, elementType: .float32, on: device) }
    }

    /// A tensor with a copy of `values`, row-major. Uploaded to a GPU like floats.
    package init(_ values: [Int64], shape: [Int], on device: Device = .cpu) {
        self = values.withUnsafeBytes { Tensor(bytes: $0, shape: shape, elementType: .int64, on: device) }
    }

    /// A tensor with a copy of `values`, row-major. Uploaded to a GPU like floats.
    package init(_ values: [UInt8], shape: [Int], on device: Device = .cpu) {
        self = values.withUnsafeBytes { Tensor(bytes: $0, shape: shape, elementType: .uint8, on: device) }
    }

    /// A CPU tensor with a copy of a file's tensor.
    package init(_ host: HostTensor) {
        self = host.bytes.withUnsafeBytes { Tensor(bytes: $0, shape: host.shape, elementType: host.elementType) }
    }

    /// A CPU tensor with uninitialised values.
    package init(emptyOfShape shape: [Int], elementType: ElementType = .float32) {
        var handle: ct_tensor?
        let sizes = shape.map(Int64.init)
        check(ct_empty(sizes, Int64(shape.count), elementType.scalarType, &handle), "empty\(shape)")
        self = handle.map(Tensor.init(owning:)) ?? .undefined
    }

    /// A float32 tensor with a copy of these values, row-major.
    package init(copying values: UnsafeBufferPointer<Float>, shape: [Int], on device: Device) {
        self.init(bytes: UnsafeRawBufferPointer(values), shape: shape, elementType: .float32, on: device)
    }

    private init(bytes: UnsafeRawBufferPointer, shape: [Int], elementType: ElementType, on device: Device = .cpu) {
        guard Recording.permits("making a tensor from the host's values") else {
            self = .undefined
            return
        }
        var handle: ct_tensor?
        let sizes = shape.map(Int64.init)
        check(
            ct_from_bytes(bytes.baseAddress, bytes.count, sizes, Int64(shape.count), elementType.scalarType, device.name, &handle),
            "a tensor of shape \(shape) from \(bytes.count) bytes")
        self = handle.map(Tensor.init(owning:)) ?? .undefined
    }

    /// A tensor without values, the result of a failed operation inside ``withTorchErrors(_:)``.
    package static var undefined: Tensor { Operator.undefinedTensor() }

    /// The values as float32, row-major, copied to the host from any element type and device.
    package func floats() -> [Float] {
        let source = elementType == .float32 ? self : to(.float32)
        return source.copied(count: source.count, of: Float.self, zero: 0)
    }

    /// The values as 64-bit integers, row-major, copied to the host.
    package func integers() -> [Int64] {
        let source = elementType == .int64 ? self : to(.int64)
        return source.copied(count: source.count, of: Int64.self, zero: 0)
    }

    /// The values as bytes (element type uint8), row-major, copied to the host.
    package func bytes() -> [UInt8] {
        let source = elementType == .uint8 ? self : to(.uint8)
        return source.copied(count: source.count, of: UInt8.self, zero: 0)
    }

    /// The only value of a tensor of one element.
    package var item: Double {
        guard count == 1 else {
            report(TorchError(operation: "item", reason: "expected one element, got shape \(shape)", isOutOfMemory: false))
            return .nan
        }
        return to(.float64).copied(count: 1, of: Double.self, zero: .nan)[0]
    }

    /// A copy of the values on the host, in the tensor's element type.
    package func hostTensor() -> HostTensor {
        let type = elementType
        let data = copied(count: count * type.byteCount, of: UInt8.self, zero: 0)
        // The copy has exactly as many bytes as the shape needs; otherwise an error is pending and
        // an empty tensor stands in for it.
        return (try? HostTensor(shape: shape, elementType: type, bytes: data)) ?? HostTensor([Float](), shape: [0])
    }

    /// Copies the values of a float32 tensor, row-major, to memory for exactly as many.
    package func copy(to values: UnsafeMutableBufferPointer<Float>) {
        if !hasPendingError { check(ct_to_bytes(handle, values.baseAddress, values.count * 4), "copying to the host") }
    }

    private func copied<Value>(count: Int, of type: Value.Type, zero: Value) -> [Value] {
        let size = count * MemoryLayout<Value>.stride
        // The scope of the failure throws; its result is nowhere used, so it takes no memory.
        var nothing: [Value] { Array(repeating: zero, count: size < 1 << 20 ? count : 0) }
        if hasPendingError || !Recording.permits("copying to the host") { return nothing }
        do throws(Fault) { try Memory.ask(for: size) } catch {
            report(TorchError(operation: "copying to the host", reason: error.reason, isOutOfMemory: true))
            return nothing
        }
        return Array(unsafeUninitializedCapacity: count) { buffer, initialized in
            check(ct_to_bytes(handle, buffer.baseAddress, count * MemoryLayout<Value>.stride), "copying to the host")
            initialized = count
        }
    }
}

// MARK: - Properties

extension Tensor {
    package var isDefined: Bool { ct_is_defined(handle) }
    package var rank: Int { Int(ct_rank(handle)) }
    package var shape: [Int] { (0..<rank).map { Int(ct_size(handle, Int64($0))) } }
    /// The number of elements; 0 for an undefined tensor.
    package var count: Int { isDefined ? shape.reduce(1, *) : 0 }

    /// The size of one axis; negative numbers count from the end.
    package func size(_ axis: Int) -> Int { Int(ct_size(handle, Int64(axis < 0 ? axis + rank : axis))) }

    package var elementType: ElementType { isDefined ? ElementType(scalarType: ct_scalar_type(handle)) ?? .float32 : .float32 }

    package var device: Device {
        var name = [CChar](repeating: 0, count: 32)
        ct_device(handle, &name, name.count)
        return Device(name: String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }

    /// The same values on `device`; the tensor itself if it is already there.
    package func to(_ device: Device) -> Tensor {
        if device == self.device || hasPendingError || !Recording.permits("copy to \(device)") { return self }
        var result: ct_tensor?
        check(ct_to_device(handle, device.name, &result), "copy to \(device)")
        return result.map(Tensor.init(owning:)) ?? .undefined
    }
}

extension Tensor: CustomStringConvertible {
    package var description: String { isDefined ? "Tensor\(shape) \(elementType) on \(device)" : "Tensor(undefined)" }
}

// MARK: - Element types

extension ElementType {
    /// at::ScalarType's number.
    var scalarType: Int32 {
        switch self {
        case .uint8: 0
        case .int8: 1
        case .int16: 2
        case .int32: 3
        case .int64: 4
        case .float16: 5
        case .float32: 6
        case .float64: 7
        case .bool: 11
        case .bfloat16: 15
        case .uint16: 27
        case .uint32: 28
        case .uint64: 29
        }
    }

    init?(scalarType: Int32) {
        guard let type = ElementType.allCases.first(where: { $0.scalarType == scalarType }) else { return nil }
        self = type
    }
}
