/// An array of numbers in main memory: row-major, contiguous, little-endian.
public struct HostTensor: Sendable, Equatable {
    /// The axes' lengths, outermost first; empty for a single number.
    public let shape: [Int]
    /// The type of the elements.
    public let elementType: ElementType
    /// The elements in row-major order, `count * elementType.byteCount` bytes.
    public let bytes: [UInt8]

    /// The number of elements: 1 for a single number, 0 if an axis has length 0.
    public var count: Int { bytes.count / elementType.byteCount }

    /// Uses bytes as they are; throws `HostTensorError` unless their number fits the shape.
    public init(shape: [Int], elementType: ElementType, bytes: [UInt8]) throws(HostTensorError) {
        guard let expected = HostTensor.byteCount(shape: shape, elementType: elementType), expected == bytes.count else {
            throw HostTensorError(shape: shape, elementType: elementType, byteCount: bytes.count)
        }
        self.init(unchecked: shape, elementType, bytes)
    }

    /// A tensor of `values` in row-major order, one-dimensional if `shape` is nil. The shape must
    /// have as many elements as there are values.
    public init<Scalar: HostScalar>(_ values: [Scalar], shape: [Int]? = nil) {
        let shape = shape ?? [values.count]
        precondition(HostTensor.elementCount(shape: shape) == values.count, "\(values.count) values do not have shape \(shape)")
        // Bytes are shared: a volume's labels may take gigabytes.
        let bytes = Scalar.self == UInt8.self ? unsafeBitCast(values, to: [UInt8].self) : values.withUnsafeBytes { [UInt8]($0) }
        self.init(unchecked: shape, Scalar.elementType, bytes)
    }

    init(unchecked shape: [Int], _ elementType: ElementType, _ bytes: [UInt8]) {
        self.shape = shape
        self.elementType = elementType
        self.bytes = bytes
    }

    /// The same elements in another shape; throws `HostTensorError` if the number of elements
    /// differs.
    public func reshaped(_ shape: [Int]) throws(HostTensorError) -> HostTensor {
        try HostTensor(shape: shape, elementType: elementType, bytes: bytes)
    }

    /// Copies strided elements into a tensor of their own. Strides count elements and may be
    /// negative; every element must lie inside this tensor.
    package func gathered(from start: Int, shape: [Int], strides: [Int]) -> HostTensor {
        var (least, greatest) = (start, start)
        for (length, stride) in zip(shape, strides) where length > 0 {
            if stride < 0 { least += (length - 1) * stride } else { greatest += (length - 1) * stride }
        }
        precondition(shape.count == strides.count && least >= 0 && greatest < count, "elements outside of a tensor of \(count)")
        return HostTensor(
            unchecked: shape, elementType,
            bytes.withUnsafeBytes {
                Strided.gather($0, offset: start, shape: shape, strides: strides, elementSize: elementType.byteCount)
            })
    }

    /// The product of the lengths; nil if one is negative or the product overflows.
    public static func elementCount(shape: [Int]) -> Int? {
        guard shape.allSatisfy({ $0 >= 0 }) else { return nil }
        // An axis of length 0 makes the tensor empty, whatever the other lengths.
        if shape.contains(0) { return 0 }
        var product = 1
        for length in shape {
            let (next, overflow) = product.multipliedReportingOverflow(by: length)
            guard !overflow else { return nil }
            product = next
        }
        return product
    }

    /// A tensor's bytes; nil if a length is negative or the product overflows.
    public static func byteCount(shape: [Int], elementType: ElementType) -> Int? {
        guard let count = elementCount(shape: shape) else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: elementType.byteCount)
        return overflow ? nil : bytes
    }
}

/// The number of bytes does not match the shape.
public struct HostTensorError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The shape given.
    public let shape: [Int]
    /// The element type given.
    public let elementType: ElementType
    /// The number of bytes given.
    public let byteCount: Int

    /// Type, shape and both numbers of bytes.
    public var description: String {
        let expected = HostTensor.byteCount(shape: shape, elementType: elementType).map(String.init) ?? "no possible number of"
        return "HostTensor: \(elementType) of shape \(shape) takes \(expected) bytes, got \(byteCount)"
    }
}

// MARK: - Values

extension HostTensor {
    /// The stored elements in row-major order; nil if `Scalar` is not the stored type.
    public func values<Scalar: HostScalar>(as type: Scalar.Type = Scalar.self) -> [Scalar]? {
        // Bytes other than 0 and 1 are not valid Swift Bools.
        if elementType == .bool, Scalar.elementType == .bool { return bytes.map { $0 != 0 } as? [Scalar] }
        return Scalar.elementType == elementType ? load(Scalar.self) : nil
    }

    /// The elements in row-major order as 32-bit floats, rounded to nearest.
    public var floats: [Float] {
        switch elementType {
        case .float32: load(Float.self)
        case .float64: load(Double.self).map { Float($0) }
        case .float16: load(UInt16.self).map { HalfPrecision.float(fromFloat16: $0) }
        case .bfloat16: load(UInt16.self).map { HalfPrecision.float(fromBFloat16: $0) }
        case .int64: load(Int64.self).map { Float($0) }
        case .int32: load(Int32.self).map { Float($0) }
        case .int16: load(Int16.self).map { Float($0) }
        case .int8: load(Int8.self).map { Float($0) }
        case .uint64: load(UInt64.self).map { Float($0) }
        case .uint32: load(UInt32.self).map { Float($0) }
        case .uint16: load(UInt16.self).map { Float($0) }
        case .uint8: bytes.map { Float($0) }
        case .bool: bytes.map { $0 == 0 ? 0 : 1 }
        }
    }

    /// The elements in row-major order as 64-bit floats, rounded to nearest.
    public var doubles: [Double] {
        switch elementType {
        case .float64: load(Double.self)
        case .int64: load(Int64.self).map { Double($0) }
        case .int32: load(Int32.self).map { Double($0) }
        case .uint64: load(UInt64.self).map { Double($0) }
        case .uint32: load(UInt32.self).map { Double($0) }
        default: floats.map { Double($0) }
        }
    }

    /// The elements in row-major order as integers; nil if one is fractional or does not fit.
    public var integers: [Int]? {
        switch elementType {
        case .int64: return load(Int.self)
        case .int32: return load(Int32.self).map { Int($0) }
        case .int16: return load(Int16.self).map { Int($0) }
        case .int8: return load(Int8.self).map { Int($0) }
        case .uint64:
            let values = load(UInt64.self)
            return values.allSatisfy { $0 <= UInt64(Int.max) } ? values.map { Int($0) } : nil
        case .uint32: return load(UInt32.self).map { Int($0) }
        case .uint16: return load(UInt16.self).map { Int($0) }
        case .uint8: return bytes.map { Int($0) }
        case .bool: return bytes.map { $0 == 0 ? 0 : 1 }
        case .float64, .float32, .float16, .bfloat16:
            let values = doubles.map { Int(exactly: $0) }
            return values.contains(nil) ? nil : values.compactMap { $0 }
        }
    }

    /// The same numbers in another floating-point type, rounded to nearest, ties to even. A tensor
    /// of whole numbers stays unchanged.
    public func converted(toFloatingPoint type: ElementType) -> HostTensor {
        guard elementType.isFloatingPoint, type.isFloatingPoint, type != elementType else { return self }
        switch type {
        case .float64: return HostTensor(doubles, shape: shape)
        case .float16: return HostTensor(unchecked: shape, type, store(floats.map { HalfPrecision.float16(from: $0) }))
        case .bfloat16: return HostTensor(unchecked: shape, type, store(floats.map { HalfPrecision.bfloat16(from: $0) }))
        default: return HostTensor(floats, shape: shape)
        }
    }

    private func load<Value: BitwiseCopyable>(_: Value.Type) -> [Value] {
        let count = bytes.count / MemoryLayout<Value>.size
        return [Value](unsafeUninitializedCapacity: count) { buffer, initialized in
            bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: $0) }
            initialized = count
        }
    }

    private func store(_ values: [UInt16]) -> [UInt8] { values.withUnsafeBytes { [UInt8]($0) } }
}
