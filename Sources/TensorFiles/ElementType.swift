/// The type of a tensor's elements.
public enum ElementType: String, Sendable, CaseIterable {
    case float64, float32, float16, bfloat16
    case int64, int32, int16, int8
    case uint64, uint32, uint16, uint8
    case bool

    /// Bytes per element.
    public var byteCount: Int {
        switch self {
        case .float64, .int64, .uint64: 8
        case .float32, .int32, .uint32: 4
        case .float16, .bfloat16, .int16, .uint16: 2
        case .int8, .uint8, .bool: 1
        }
    }

    /// True if elements are floating-point numbers rather than whole numbers or truth values.
    public var isFloatingPoint: Bool {
        switch self {
        case .float64, .float32, .float16, .bfloat16: true
        default: false
        }
    }
}

/// A Swift type whose values a `HostTensor` stores unchanged.
public protocol HostScalar: Sendable, BitwiseCopyable {
    /// The element type that has this layout.
    static var elementType: ElementType { get }
}

extension Double: HostScalar {
    /// `.float64`.
    public static var elementType: ElementType { .float64 }
}
extension Float: HostScalar {
    /// `.float32`.
    public static var elementType: ElementType { .float32 }
}
extension Int64: HostScalar {
    /// `.int64`.
    public static var elementType: ElementType { .int64 }
}
extension Int: HostScalar {
    /// `.int64`.
    public static var elementType: ElementType { .int64 }
}
extension Int32: HostScalar {
    /// `.int32`.
    public static var elementType: ElementType { .int32 }
}
extension Int16: HostScalar {
    /// `.int16`.
    public static var elementType: ElementType { .int16 }
}
extension Int8: HostScalar {
    /// `.int8`.
    public static var elementType: ElementType { .int8 }
}
extension UInt64: HostScalar {
    /// `.uint64`.
    public static var elementType: ElementType { .uint64 }
}
extension UInt32: HostScalar {
    /// `.uint32`.
    public static var elementType: ElementType { .uint32 }
}
extension UInt16: HostScalar {
    /// `.uint16`.
    public static var elementType: ElementType { .uint16 }
}
extension UInt8: HostScalar {
    /// `.uint8`.
    public static var elementType: ElementType { .uint8 }
}
extension Bool: HostScalar {
    /// `.bool`.
    public static var elementType: ElementType { .bool }
}

/// Conversions of the 16-bit formats by their bits: `Float16` does not exist on every platform.
enum HalfPrecision {
    static func float(fromFloat16 bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let exponent = UInt32(bits >> 10) & 0x1F
        let fraction = UInt32(bits & 0x3FF)
        switch exponent {
        case 0:  // Zero or subnormal: fraction · 2⁻²⁴, exact in a Float.
            let magnitude = Float(fraction) * 0x1p-24
            return sign == 0 ? magnitude : -magnitude
        case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
        default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
        }
    }

    /// Rounds to nearest, ties to even.
    static func float16(from value: Float) -> UInt16 {
        let sign = UInt16(value.bitPattern >> 16 & 0x8000)
        let magnitude = value.magnitude
        if value.isNaN { return sign | 0x7E00 }
        if magnitude >= 65520 { return sign | 0x7C00 }
        if magnitude < 0x1p-14 { return sign | UInt16((magnitude * 0x1p24).rounded(.toNearestOrEven)) }
        let bits = magnitude.bitPattern - (112 << 23)
        let rounded = bits &+ 0xFFF &+ (bits >> 13 & 1)
        return sign | UInt16(rounded >> 13)
    }

    static func float(fromBFloat16 bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

    /// Rounds to nearest, ties to even.
    static func bfloat16(from value: Float) -> UInt16 {
        if value.isNaN { return UInt16(value.bitPattern >> 16) | 0x40 }
        let bits = value.bitPattern
        return UInt16((bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }
}

extension [UInt8] {
    /// Reverses the bytes of every element of `size` bytes: from big-endian to little-endian.
    mutating func swapBytes(of size: Int) {
        func swap<Word: FixedWidthInteger>(_: Word.Type) {
            withUnsafeMutableBytes { raw in
                for offset in stride(from: 0, through: raw.count - size, by: size) {
                    raw.storeBytes(
                        of: raw.loadUnaligned(fromByteOffset: offset, as: Word.self).byteSwapped, toByteOffset: offset, as: Word.self)
                }
            }
        }
        switch size {
        case 2: swap(UInt16.self)
        case 4: swap(UInt32.self)
        case 8: swap(UInt64.self)
        default: break
        }
    }
}
