import CZip
import Files

/// A zip archive, read through libzip with bounds on everything that it declares.
package final class ZipReader {
    package struct Entry {
        package let name: String
        let index: UInt64
        /// Bytes after and before decompression, as the directory declares them.
        package let size: Int
        let compressedSize: Int
        let isStored: Bool
    }

    package let entries: [Entry]
    private let archive: OpaquePointer
    /// Keeps the bytes alive that libzip reads in place.
    private let file: FileReader

    /// Opens a file that starts as a zip archive. An archive whose entries cannot all lie within
    /// the file is an error.
    package init(_ file: FileReader) throws {
        self.file = file
        var error = zip_error_t()
        zip_error_init(&error)
        defer { zip_error_fini(&error) }
        let source =
            if let path = file.path {
                zip_source_file_create(path, 0, -1, &error)
            } else {
                file.withMemory { zip_source_buffer_create($0.baseAddress, UInt64($0.count), 0, &error) } ?? nil
            }
        guard let source, let archive = zip_open_from_source(source, ZIP_RDONLY, &error) else {
            if let source { zip_source_free(source) }
            throw Fault(.corrupt, "cannot be opened as a zip archive, perhaps truncated: \(String(cString: zip_error_strerror(&error)))")
        }
        self.archive = archive
        do {
            entries = try ZipReader.list(archive, fileSize: file.size)
        } catch {
            zip_discard(archive)
            throw error
        }
    }

    deinit { zip_discard(archive) }

    private static func list(_ archive: OpaquePointer, fileSize: Int) throws -> [Entry] {
        var entries: [Entry] = []
        var names: Set<String> = []
        var compressed = 0
        for index in 0..<UInt64(max(0, zip_get_num_entries(archive, 0))) {
            var status = zip_stat_t()
            zip_stat_init(&status)
            let needed = UInt64(ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD)
            // Raw names: libzip would guess code pages.
            guard zip_stat_index(archive, index, UInt32(ZIP_FL_ENC_RAW), &status) == 0, status.valid & needed == needed,
                let rawName = status.name
            else { throw Fault(.corrupt, "the zip directory's entry \(index) cannot be read") }
            let name = String(cString: rawName)
            guard names.insert(name).inserted else { throw Fault(.corrupt, "the zip directory lists '\(name.printable())' twice") }
            if status.valid & UInt64(ZIP_STAT_ENCRYPTION_METHOD) != 0, status.encryption_method != 0 {
                throw Fault(.unsupported, "is an encrypted zip archive", remedy: "unpack it and pack it without a password")
            }
            guard status.comp_method == ZIP_CM_STORE || status.comp_method == ZIP_CM_DEFLATE else {
                throw Fault(.unsupported, "'\(name.printable())' is packed with zip method \(status.comp_method), not stored or deflated")
            }
            // An honest archive's entries do not overlap, so their sizes add up to less than the
            // file's.
            guard status.comp_size <= UInt64(fileSize - compressed) else {
                throw Fault(.corrupt, "truncated, or its zip entries overlap: they add up to more than the file")
            }
            compressed += Int(status.comp_size)
            let isStored = status.comp_method == ZIP_CM_STORE
            // Deflate packs at most 1032 bytes into one.
            guard status.size <= status.comp_size.multipliedReportingOverflow(by: isStored ? 1 : 1032).partialValue else {
                throw Fault(.corrupt, "'\(name.printable())' declares \(status.size) bytes, which \(status.comp_size) cannot hold")
            }
            entries.append(
                Entry(name: name, index: index, size: Int(status.size), compressedSize: Int(status.comp_size), isStored: isStored))
        }
        return entries
    }

    /// The entry's bytes, checked against its declared size and checksum; `limit` bounds the
    /// memory.
    package func read(_ entry: Entry, limit: Int) throws -> [UInt8] {
        let stream = try open(entry, limit: limit)
        let bytes = try stream.read(entry.size, "'\(entry.name.printable())'")
        try stream.finish()
        return bytes
    }

    /// Opens the entry for sequential reading. The archive must outlive the stream.
    func open(_ entry: Entry, limit: Int) throws -> ZipEntryStream {
        guard entry.size <= limit else {
            throw Fault(.limit, "'\(entry.name.printable())' unpacks to \(entry.size) bytes, more than the \(limit) allowed")
        }
        return try ZipEntryStream(archive, entry)
    }
}

/// An entry of a zip archive, unpacked from front to back.
final class ZipEntryStream: ByteStream {
    private let file: OpaquePointer
    private let name: String
    private(set) var remaining: Int

    fileprivate init(_ archive: OpaquePointer, _ entry: ZipReader.Entry) throws {
        name = entry.name.printable()
        remaining = entry.size
        guard let file = zip_fopen_index(archive, entry.index, 0) else {
            throw Fault(.corrupt, "'\(name)' cannot be opened: \(String(cString: zip_strerror(archive)))")
        }
        self.file = file
    }

    deinit { zip_fclose(file) }

    func fill(_ buffer: UnsafeMutableRawBufferPointer, _ what: String) throws {
        guard buffer.count <= remaining else {
            throw Fault(.truncated, "truncated: \(what) has \(remaining) of \(buffer.count) bytes")
        }
        var filled = 0
        while filled < buffer.count {
            let count = zip_fread(file, buffer.baseAddress! + filled, UInt64(min(buffer.count - filled, 1 << 26)))
            guard count >= 0 else { throw Fault(.corrupt, "'\(name)' is damaged: \(String(cString: zip_file_strerror(file)))") }
            guard count > 0 else { throw Fault(.truncated, "truncated: '\(name)' ends \(remaining - filled) bytes early") }
            filled += Int(count)
        }
        remaining -= filled
    }

    /// Compares the checksum after everything has been read.
    func finish() throws {
        guard remaining == 0 else { throw Fault(.corrupt, "'\(name)' is \(remaining) bytes longer than its content") }
        // libzip compares it at the end.
        var beyond: UInt8 = 0
        let rest = zip_fread(file, &beyond, 1)
        guard rest == 0 else {
            let why = rest > 0 ? "longer than declared" : String(cString: zip_file_strerror(file))
            throw Fault(.corrupt, "'\(name)' is damaged: \(why)")
        }
    }
}
