import CZip
import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A zip archive, read through libzip with bounds on everything it declares.
final class ZipReader {
    struct Entry {
        let name: String
        let index: UInt64
        /// Bytes after and before decompression, as the directory declares them.
        let size: Int
        let compressedSize: Int
        let isStored: Bool
    }

    let entries: [Entry]
    private let archive: OpaquePointer

    /// Opens a file that begins as a zip archive; an archive whose entries cannot all lie inside the file is an error.
    init(_ url: URL) throws {
        let fileSize = try FileReader(url).size
        var code: Int32 = 0
        guard let archive = zip_open(url.path, ZIP_RDONLY, &code) else {
            var error = zip_error_t()
            zip_error_init_with_code(&error, code)
            defer { zip_error_fini(&error) }
            throw Fault(.corrupt, "cannot be opened as a zip archive, perhaps truncated: \(String(cString: zip_error_strerror(&error)))")
        }
        self.archive = archive
        do {
            entries = try ZipReader.list(archive, fileSize: fileSize)
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
            // Names as they are: libzip would guess at code pages.
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
            // Entries of an honest archive lie side by side, so that their sizes add up to less than the file.
            guard status.comp_size <= UInt64(fileSize - compressed) else {
                throw Fault(.corrupt, "truncated, or its zip entries overlap: they add up to more than the file")
            }
            compressed += Int(status.comp_size)
            let isStored = status.comp_method == ZIP_CM_STORE
            // Deflate packs 1032 bytes into one at best.
            guard status.size <= status.comp_size.multipliedReportingOverflow(by: isStored ? 1 : 1032).partialValue else {
                throw Fault(.corrupt, "'\(name.printable())' declares \(status.size) bytes, which \(status.comp_size) cannot hold")
            }
            entries.append(
                Entry(name: name, index: index, size: Int(status.size), compressedSize: Int(status.comp_size), isStored: isStored))
        }
        return entries
    }

    /// The entry's bytes, checked against its declared size and checksum; `limit` bounds the memory.
    func read(_ entry: Entry, limit: Int) throws -> [UInt8] {
        let name = entry.name.printable()
        guard entry.size <= limit else {
            throw Fault(.limit, "'\(name)' unpacks to \(entry.size) bytes, more than the \(limit) allowed")
        }
        guard let file = zip_fopen_index(archive, entry.index, 0) else {
            throw Fault(.corrupt, "'\(name)' cannot be opened: \(String(cString: zip_strerror(archive)))")
        }
        defer { zip_fclose(file) }
        return try [UInt8](unsafeUninitializedCapacity: entry.size) { buffer, initialized in
            while initialized < entry.size {
                let count = zip_fread(file, buffer.baseAddress! + initialized, UInt64(min(entry.size - initialized, 1 << 26)))
                guard count >= 0 else { throw Fault(.corrupt, "'\(name)' is damaged: \(String(cString: zip_file_strerror(file)))") }
                guard count > 0 else { throw Fault(.truncated, "truncated: '\(name)' has \(initialized) of \(entry.size) bytes") }
                initialized += Int(count)
            }
            // libzip compares the checksum when it meets the end.
            var beyond: UInt8 = 0
            let rest = zip_fread(file, &beyond, 1)
            guard rest == 0 else {
                let why = rest > 0 ? "longer than declared" : String(cString: zip_file_strerror(file))
                throw Fault(.corrupt, "'\(name)' is damaged: \(why)")
            }
        }
    }
}
