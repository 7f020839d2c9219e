import Testing

@testable import TensorFiles

@Suite struct HostTensorTests {
    @Test func keepsValues() throws {
        let tensor = HostTensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
        #expect(tensor.count == 6 && tensor.shape == [2, 3] && tensor.elementType == .float32)
        #expect(tensor.floats == [1, 2, 3, 4, 5, 6])
        #expect(tensor.integers == [1, 2, 3, 4, 5, 6])
        #expect(tensor.values(as: Double.self) == nil)
        #expect(try tensor.reshaped([3, 2]).shape == [3, 2])
        #expect(throws: HostTensorError.self) { try tensor.reshaped([4]) }
        #expect(HostTensor([7] as [Int64], shape: []).count == 1)
        #expect(HostTensor([] as [UInt8], shape: [0, 3]).count == 0)
    }

    @Test func convertsWholeNumbersOnlyWhereExact() {
        #expect(HostTensor([1.5] as [Float]).integers == nil)
        #expect(HostTensor([Float.nan]).integers == nil)
        #expect(HostTensor([UInt64.max]).integers == nil)
        #expect(HostTensor([Int64.min, Int64.max]).integers == [Int.min, Int.max])
        #expect(HostTensor([true, false]).floats == [1, 0])
        #expect(HostTensor([true, false]).values(as: Bool.self) == [true, false])
        #expect(HostTensor([UInt32.max]).doubles == [4_294_967_295])
    }

    @Test func refusesShapesThatOverflow() {
        #expect(HostTensor.elementCount(shape: [Int.max, 2]) == nil)
        #expect(HostTensor.elementCount(shape: [-1]) == nil)
        #expect(HostTensor.elementCount(shape: [Int.max, 0, Int.max]) == 0)
        #expect(HostTensor.elementCount(shape: [0, -1]) == nil)
        #expect(HostTensor.byteCount(shape: [Int.max / 2], elementType: .float32) == nil)
        #expect(throws: HostTensorError.self) { try HostTensor(shape: [2], elementType: .float32, bytes: [0]) }
    }

    /// Every half-precision number survives conversion to Float and back; those in between round to
    /// even.
    @Test func roundsHalfPrecision() {
        for bits in UInt16.min ... .max {
            let value = HalfPrecision.float(fromFloat16: bits)
            if value.isNaN { continue }
            #expect(HalfPrecision.float16(from: value) == bits)
            #expect(
                HalfPrecision.bfloat16(from: HalfPrecision.float(fromBFloat16: bits)) == bits
                    || HalfPrecision.float(fromBFloat16: bits).isNaN)
        }
        #expect(HalfPrecision.float16(from: 1 + 0x1p-11) == 0x3C00)
        #expect(HalfPrecision.float16(from: 1 + 0x3p-11) == 0x3C02)
        #expect(HalfPrecision.float16(from: 65519.9) == 0x7BFF)
        #expect(HalfPrecision.float16(from: 65520) == 0x7C00)
        #expect(HalfPrecision.float16(from: -0x1p-25) == 0x8000)
        #expect(HalfPrecision.float(fromFloat16: HalfPrecision.float16(from: .nan)).isNaN)
        #expect(HalfPrecision.bfloat16(from: 1 + 0x1p-8) == 0x3F80)
        #expect(HalfPrecision.bfloat16(from: 1 + 0x3p-8) == 0x3F82)
        #expect(HalfPrecision.float(fromBFloat16: HalfPrecision.bfloat16(from: .nan)).isNaN)
    }

    @Test func dictionaryKeepsOrder() {
        var dictionary = StateDictionary()
        for (index, key) in ["b", "a", "c"].enumerated() { dictionary[key] = HostTensor([Float(index)]) }
        dictionary["a"] = HostTensor([9] as [Float])
        #expect(dictionary.keys == ["b", "a", "c"])
        #expect(dictionary.map { $0.tensor.floats[0] } == [0, 9, 2])
        dictionary["b"] = nil
        #expect(dictionary.keys == ["a", "c"] && dictionary.count == 2)
    }

    @Test func stripsWrapperPrefixes() {
        let tensor = HostTensor([1] as [Float])
        let wrapped = StateDictionary([("module._orig_mod.a", tensor), ("module.module.b", tensor), ("c.module.d", tensor)])
        #expect(wrapped.strippingWrapperNames()?.keys == ["a", "b", "c.module.d"])
        #expect(StateDictionary([("module.a", tensor), ("a", tensor)]).strippingWrapperNames() == nil)
    }
}
