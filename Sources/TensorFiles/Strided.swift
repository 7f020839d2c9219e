/// Gathers strided elements into row-major order.
enum Strided {
    /// Offset and strides count elements. The caller has checked that there are elements and that
    /// all lie within `source`.
    static func gather(
        _ source: UnsafeRawBufferPointer, offset: Int, shape: [Int], strides: [Int], elementSize: Int
    ) -> [UInt8] {
        let axes = merged(shape: shape, strides: strides)
        let count = shape.reduce(1, *)
        return [UInt8](unsafeUninitializedCapacity: count * elementSize) { buffer, initialized in
            guard let base = source.baseAddress, let target = buffer.baseAddress else { return }
            let destination = UnsafeMutableRawPointer(target)
            let inner = axes.last ?? (length: 1, stride: 1)
            var index = [Int](repeating: 0, count: max(0, axes.count - 1))
            var position = offset
            var written = 0
            while written < count {
                if inner.stride == 1 {
                    (destination + written * elementSize).copyMemory(
                        from: base + position * elementSize, byteCount: inner.length * elementSize)
                } else {
                    for i in 0..<inner.length {
                        let element = base + (position + i * inner.stride) * elementSize
                        (destination + (written + i) * elementSize).copyMemory(from: element, byteCount: elementSize)
                    }
                }
                written += inner.length
                for axis in index.indices.reversed() {
                    index[axis] += 1
                    position += axes[axis].stride
                    if index[axis] < axes[axis].length { break }
                    position -= axes[axis].length * axes[axis].stride
                    index[axis] = 0
                }
            }
            initialized = count * elementSize
        }
    }

    /// Drops axes of length 1 and joins neighbouring axes that are contiguous: long inner runs copy
    /// fast.
    private static func merged(shape: [Int], strides: [Int]) -> [(length: Int, stride: Int)] {
        var axes: [(length: Int, stride: Int)] = []
        for (length, stride) in zip(shape, strides) where length != 1 {
            if let last = axes.last, last.stride == length * stride {
                axes[axes.count - 1] = (last.length * length, stride)
            } else {
                axes.append((length, stride))
            }
        }
        return axes
    }
}
