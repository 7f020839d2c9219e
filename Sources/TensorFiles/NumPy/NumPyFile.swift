import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `.npy` files: one array, as `numpy.save` writes it.
public enum NumPyFile {
    /// Reads versions 1 to 3, either byte order, C or Fortran order, into a row-major little-endian tensor.
    ///
    /// Memory is bounded by the file's real size. Never unpickles: an array of objects is an error.
    public static func read(_ url: URL) throws(TensorFileError) -> HostTensor {
        try naming(url) {
            let file = try FileReader(url)
            let (prefix, length) = try NumPyHeader.lengths(try file.head(12))
            let header = try header(prefix: prefix, length: length) { try file.read(at: prefix, count: length, "the .npy header") }
            return try tensor(header) { count in try file.read(at: header.dataOffset, count: count, "the array") }
        }
    }

    /// Writes version 1, C order, little-endian, atomically; bfloat16, which NumPy lacks, is written as float32.
    public static func write(_ tensor: HostTensor, to url: URL) throws(TensorFileError) {
        try naming(url) {
            let (head, body) = encoded(tensor)
            try AtomicFile.write(to: url) { writer in
                try writer.write(head)
                try writer.write(body)
            }
        }
    }

    /// Reads the contents of a `.npy` file that is in memory.
    static func decode(_ bytes: [UInt8]) throws -> HostTensor {
        let (prefix, length) = try NumPyHeader.lengths(Array(bytes.prefix(12)))
        func slice(_ offset: Int, _ count: Int, _ what: String) throws -> [UInt8] {
            guard offset <= bytes.count, count <= bytes.count - offset else {
                throw Fault(.truncated, "truncated: \(what) has \(max(0, bytes.count - offset)) of \(count) bytes")
            }
            return Array(bytes[offset..<(offset + count)])
        }
        let header = try header(prefix: prefix, length: length) { try slice(prefix, length, "the .npy header") }
        return try tensor(header) { count in try slice(header.dataOffset, count, "the array") }
    }

    static func encoded(_ tensor: HostTensor) -> (header: [UInt8], data: [UInt8]) {
        let tensor = tensor.elementType == .bfloat16 ? tensor.converted(toFloatingPoint: .float32) : tensor
        let descriptor = NumPyHeader.descriptor(tensor.elementType) ?? "<f4"
        let lengths = tensor.shape.map(String.init).joined(separator: ", ") + (tensor.shape.count == 1 ? "," : "")
        var text = Array("{'descr': '\(descriptor)', 'fortran_order': False, 'shape': (\(lengths)), }".utf8)
        // NumPy aligns the data to 64 bytes and ends the header with a line feed.
        text += [UInt8](repeating: 0x20, count: 63 - (10 + text.count) % 64) + [0x0A]
        return (NumPyHeader.magic + [1, 0, UInt8(text.count & 0xFF), UInt8(text.count >> 8)] + text, tensor.bytes)
    }

    private static func header(prefix: Int, length: Int, _ text: () throws -> [UInt8]) throws -> NumPyHeader {
        guard length <= NumPyHeader.maximumLength else {
            throw Fault(.limit, "the .npy header is \(length) bytes long, more than \(NumPyHeader.maximumLength)")
        }
        return try NumPyHeader(text: try text(), dataOffset: prefix + length)
    }

    private static func tensor(_ header: NumPyHeader, _ data: (Int) throws -> [UInt8]) throws -> HostTensor {
        guard let count = HostTensor.byteCount(shape: header.shape, elementType: header.elementType) else {
            throw Fault(.corrupt, "the .npy header's shape is out of range")
        }
        var bytes = try data(count)
        let size = header.elementType.byteCount
        if header.isBigEndian, size > 1 {
            for start in stride(from: 0, to: bytes.count, by: size) { bytes[start..<(start + size)].reverse() }
        }
        if header.isFortranOrder, header.shape.count > 1, count > 0 {
            bytes = rowMajor(columnMajor: bytes, shape: header.shape, elementSize: size)
        }
        return HostTensor(unchecked: header.shape, header.elementType, bytes)
    }

    private static func rowMajor(columnMajor bytes: [UInt8], shape: [Int], elementSize: Int) -> [UInt8] {
        var strides: [Int] = []
        var step = 1
        for length in shape {
            strides.append(step)
            step *= length
        }
        return bytes.withUnsafeBytes { Strided.gather($0, offset: 0, shape: shape, strides: strides, elementSize: elementSize) }
    }
}
