import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `.npy` files: one array, as written by `numpy.save`.
public enum NumPyFile {
    /// Reads versions 1 to 3, either byte order, C or Fortran order, into a row-major little-endian
    /// tensor.
    ///
    /// Memory is bounded by the file's real size. Nothing is unpickled: an array of objects is an
    /// error.
    public static func read(_ url: URL) throws(FileError) -> HostTensor {
        try naming(url) {
            let file = try FileReader(url)
            let stream = FileStream(file)
            let header = try header(stream, size: file.size)
            let count = try byteCount(header)
            guard count <= file.size - stream.position else {
                throw Fault(.truncated, "truncated: the array has \(file.size - stream.position) of \(count) bytes")
            }
            return try tensor(header, stream.read(count, "the array"))
        }
    }

    /// Writes version 1, C order, little-endian, whole or not at all. NumPy lacks bfloat16, so it
    /// is written as float32.
    public static func write(_ tensor: HostTensor, to url: URL) throws(FileError) {
        try naming(url) {
            let (head, body) = encoded(tensor)
            try AtomicFile.write(to: url) { writer in
                try writer.write(head)
                try writer.write(body)
            }
        }
    }

    /// Reads an array that fills an archive's entry.
    static func decode(_ stream: ZipEntryStream) throws -> HostTensor {
        let header = try header(stream)
        let count = try byteCount(header)
        guard count <= stream.remaining else {
            throw Fault(.truncated, "truncated: the array has \(stream.remaining) of \(count) bytes")
        }
        return try tensor(header, stream.read(count, "the array"))
    }

    /// The header of an archive's entry.
    static func header(_ stream: ZipEntryStream) throws -> NumPyHeader { try header(stream, size: stream.remaining) }

    static func encoded(_ tensor: HostTensor) -> (header: [UInt8], data: [UInt8]) {
        let tensor = tensor.elementType == .bfloat16 ? tensor.converted(toFloatingPoint: .float32) : tensor
        let descriptor = NumPyHeader.descriptor(tensor.elementType) ?? "<f4"
        let lengths = tensor.shape.map(String.init).joined(separator: ", ") + (tensor.shape.count == 1 ? "," : "")
        var text = Array("{'descr': '\(descriptor)', 'fortran_order': False, 'shape': (\(lengths)), }".utf8)
        // NumPy aligns the data to 64 bytes and ends the header with a line feed.
        text += [UInt8](repeating: 0x20, count: 63 - (10 + text.count) % 64) + [0x0A]
        return (NumPyHeader.magic + [1, 0, UInt8(text.count & 0xFF), UInt8(text.count >> 8)] + text, tensor.bytes)
    }

    /// The header at the start of `size` bytes.
    private static func header(_ stream: some ByteStream, size: Int) throws -> NumPyHeader {
        var head = try stream.read(min(10, size), "the .npy header")
        if head.count == 10, NumPyHeader.isLong(head) { head += try stream.read(min(2, size - 10), "the .npy header") }
        let (prefix, length) = try NumPyHeader.lengths(head)
        guard length <= NumPyHeader.maximumLength else {
            throw Fault(.limit, "the .npy header is \(length) bytes long, more than \(NumPyHeader.maximumLength)")
        }
        guard length <= size - prefix else {
            throw Fault(.truncated, "truncated: the .npy header has \(max(0, size - prefix)) of \(length) bytes")
        }
        return try NumPyHeader(text: stream.read(length, "the .npy header"))
    }

    private static func byteCount(_ header: NumPyHeader) throws -> Int {
        guard let count = HostTensor.byteCount(shape: header.shape, elementType: header.elementType) else {
            throw Fault(.corrupt, "the .npy header's shape is out of range")
        }
        return count
    }

    private static func tensor(_ header: NumPyHeader, _ data: [UInt8]) throws -> HostTensor {
        var bytes = data
        let size = header.elementType.byteCount
        if header.isBigEndian { bytes.swapBytes(of: size) }
        if header.isFortranOrder, header.shape.count > 1, !bytes.isEmpty {
            try Memory.ask(for: bytes.count)
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
