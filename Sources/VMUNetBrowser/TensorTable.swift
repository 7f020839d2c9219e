import Kernels

/// The tensors of a file of weights, as the page describes them: sorted by key, so that one is
/// found by halving.
final class TensorTable {
    private struct Entry {
        let key: UnsafeRawBufferPointer
        let tensor: Tensor
    }

    struct Tensor {
        let type: StoredWeight.ElementType
        let shape: [Int]
        let values: UnsafeRawPointer

        var stored: StoredWeight {
            let bytes = shape.reduce(type == .bfloat16 ? 2 : 4, *)
            return StoredWeight(shape: shape, type: type) { [values] body in
                body(UnsafeRawBufferPointer(start: values, count: bytes))
            }
        }
    }

    private var entries: [Entry] = []

    /// Reads words of 32 bits: bytes of the key, the key filled up to whole words, type (0 float32,
    /// 1 bfloat16), axes, extents, place of the values.
    init(_ table: UnsafeRawPointer, count: Int) {
        var next = table
        func word() -> Int {
            defer { next += 4 }
            return Int(truncatingIfNeeded: next.load(as: UInt32.self))
        }
        for _ in 0..<count {
            let length = word()
            let key = UnsafeRawBufferPointer(start: next, count: length)
            next += (length + 3) & ~3
            let type: StoredWeight.ElementType = word() == 1 ? .bfloat16 : .float32
            let axes = word()
            let shape = (0..<axes).map { _ in word() }
            let values = UnsafeRawPointer(bitPattern: UInt(bitPattern: word()))!
            entries.append(Entry(key: key, tensor: Tensor(type: type, shape: shape, values: values)))
        }
    }

    subscript(_ key: String) -> Tensor? {
        let wanted = Array(key.utf8)
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].key.lexicographicallyPrecedes(wanted) { low = middle + 1 } else { high = middle }
        }
        guard low < entries.count, entries[low].key.elementsEqual(wanted) else { return nil }
        return entries[low].tensor
    }
}
