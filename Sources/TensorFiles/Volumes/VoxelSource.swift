import Files

/// A file's voxels before they are read: their place and storage.
struct VoxelSource {
    let header: VolumeHeader
    var order = ChannelOrder.volumes
    let isBigEndian: Bool
    let stream: any ByteStream
    /// The most bytes that the rest of the file can hold.
    let largestSize: Int
    /// Called after all voxels have been read; compares checksums.
    let finish: () throws -> Void

    /// Voxels as stored, little-endian. More than `limit` bytes, or than the file can hold, is an
    /// error.
    func image(limit: Int, allChannels: Bool) throws -> VolumeImage {
        let count = try byteCount(limit: limit, allChannels: allChannels)
        var bytes = try stream.read(count, "the array of voxels")
        try finish()
        if isBigEndian { bytes.swapBytes(of: header.elementType.byteCount) }
        bytes = order.sorted(bytes, channels: header.channels, elementSize: header.elementType.byteCount)
        let shape = header.channels == 1 ? header.shape : [header.channels] + header.shape
        var image = VolumeImage(
            voxels: HostTensor(unchecked: shape, header.elementType, bytes), slope: header.slope, intercept: header.intercept,
            geometry: header.geometry)
        image.notes = header.notes
        return image
    }

    /// Voxels in the stored type if that takes four bytes or less, otherwise their values as
    /// float32, converted while reading. At most `limit` voxels.
    func narrowImage(limit: Int) throws -> VolumeImage {
        guard header.elementType.byteCount > 4 else {
            return try image(limit: limit.multipliedReportingOverflow(by: header.elementType.byteCount).partialValue, allChannels: false)
        }
        let count = try count(limit: limit, allChannels: false)
        // Write into the tensor's bytes, so that a large volume exists only once.
        let bytes = try [UInt8](unsafeUninitializedCapacity: 4 * count) { out, filled in
            try convert(count, into: UnsafeMutableRawBufferPointer(out).bindMemory(to: Float.self))
            filled = 4 * count
        }
        try finish()
        var image = VolumeImage(voxels: HostTensor(unchecked: header.shape, .float32, bytes), geometry: header.geometry)
        image.notes = header.notes
        return image
    }

    /// Values in the image's unit, converted while reading, so that the stored type takes no
    /// memory.
    func floats(limit: Int, allChannels: Bool) throws -> [Float] {
        let count = try count(limit: limit, allChannels: allChannels)
        let values = try [Float](unsafeUninitializedCapacity: count) { out, filled in
            try convert(count, into: out)
            filled = count
        }
        try finish()
        return order.sorted(values, channels: header.channels)
    }

    /// The number of voxels, once memory for their values is certain.
    private func count(limit: Int, allChannels: Bool) throws -> Int {
        let count = try byteCount(limit: .max, allChannels: allChannels) / header.elementType.byteCount
        guard count <= limit else { throw Fault(.limit, "holds \(count) voxels, more than the \(limit) allowed", remedy: Self.smaller) }
        try Memory.ask(for: count.multipliedReportingOverflow(by: 4).partialValue)
        return count
    }

    /// Reads and converts that many voxels, a block at a time.
    private func convert(_ count: Int, into out: UnsafeMutableBufferPointer<Float>) throws {
        let (size, block) = (header.elementType.byteCount, 1 << 20)
        var filled = 0
        try withUnsafeTemporaryAllocation(byteCount: block, alignment: 16) { buffer in
            while filled < count {
                let voxels = min(count - filled, block / size)
                let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(voxels * size)])
                try stream.fill(piece, "the array of voxels")
                VoxelConversion.convert(
                    UnsafeRawBufferPointer(piece), header, isBigEndian: isBigEndian, into: out.baseAddress! + filled)
                filled += voxels
            }
        }
    }

    private static let smaller = "crop the volume, or save it at a larger spacing"

    private func byteCount(limit: Int, allChannels: Bool) throws -> Int {
        guard header.channels == 1 || allChannels else {
            throw Fault(
                .unsupported, "holds more than one volume: \((header.shape.reversed() + [header.channels]))",
                remedy: "save one volume per file")
        }
        guard let count = HostTensor.byteCount(shape: [header.channels] + header.shape, elementType: header.elementType) else {
            throw Fault(.corrupt, "its header declares an impossible shape \(header.shape)")
        }
        guard count <= limit else { throw Fault(.limit, "takes \(count) bytes, more than the \(limit) allowed", remedy: Self.smaller) }
        guard count <= largestSize else {
            throw Fault(.truncated, "truncated: the voxels take \(count) bytes, which a file of this size cannot hold")
        }
        return count
    }
}

/// Converts stored numbers to values.
enum VoxelConversion {
    /// Converts each element of `raw`, rounding once.
    static func convert(_ raw: UnsafeRawBufferPointer, _ header: VolumeHeader, isBigEndian: Bool, into out: UnsafeMutablePointer<Float>) {
        let (slope, intercept) = (header.slope, header.intercept)
        let isPlain = slope == 1 && intercept == 0
        @inline(__always) func integers<Value: FixedWidthInteger>(_: Value.Type) {
            let size = MemoryLayout<Value>.size
            for i in 0..<(raw.count / size) {
                let stored = raw.loadUnaligned(fromByteOffset: i &* size, as: Value.self)
                let value = isBigEndian ? stored.byteSwapped : stored
                out[i] = isPlain ? Float(value) : Float(slope * Double(value) + intercept)
            }
        }
        @inline(__always) func reals<Bits: FixedWidthInteger>(_: Bits.Type, _ single: (Bits) -> Float, _ double: (Bits) -> Double) {
            let size = MemoryLayout<Bits>.size
            for i in 0..<(raw.count / size) {
                let stored = raw.loadUnaligned(fromByteOffset: i &* size, as: Bits.self)
                let bits = isBigEndian ? stored.byteSwapped : stored
                out[i] = isPlain ? single(bits) : Float(slope * double(bits) + intercept)
            }
        }
        switch header.elementType {
        case .int8: integers(Int8.self)
        case .int16: integers(Int16.self)
        case .int32: integers(Int32.self)
        case .int64: integers(Int64.self)
        case .uint8: integers(UInt8.self)
        case .uint16: integers(UInt16.self)
        case .uint32: integers(UInt32.self)
        case .uint64: integers(UInt64.self)
        case .bool: for i in 0..<raw.count { out[i] = Float(slope * (raw[i] == 0 ? 0 : 1) + intercept) }
        case .float32: reals(UInt32.self, { Float(bitPattern: $0) }, { Double(Float(bitPattern: $0)) })
        case .float64: reals(UInt64.self, { Float(Double(bitPattern: $0)) }, { Double(bitPattern: $0) })
        case .float16: reals(UInt16.self, { HalfPrecision.float(fromFloat16: $0) }, { Double(HalfPrecision.float(fromFloat16: $0)) })
        case .bfloat16: reals(UInt16.self, { HalfPrecision.float(fromBFloat16: $0) }, { Double(HalfPrecision.float(fromBFloat16: $0)) })
        }
    }
}
