import Foundation

/// A file in memory that holds one input after the other, for readers that take paths.
public final class Scratch {
    /// The bytes of the file.
    public private(set) var bytes: [UInt8] = []
    public private(set) var url = URL(filePath: "/")
    public let folder: URL
    private var descriptors: [String: Int32] = [:]

    /// Creates its own folder in shared memory, or in the temporary folder if there is none.
    public init() {
        let memory = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        folder = URL(filePath: memory).appending(path: "vmunet-campaign-\(getpid())")
        try! FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit {
        for descriptor in descriptors.values { close(descriptor) }
        try? FileManager.default.removeItem(at: folder)
    }

    /// The file's name, which messages about it must contain.
    public var name: String { url.lastPathComponent }

    /// A number that depends on the bytes alone, for choosing a way of reading that a replay will
    /// choose again.
    public var digest: UInt64 { bytes.suffix(4096).reduce(14_695_981_039_346_656_037) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 } >> 7 }

    /// A path for a file that a reader's result is written to.
    public func other(_ name: String) -> URL { folder.appending(path: name) }

    func put(_ bytes: [UInt8], ending: String) {
        self.bytes = bytes
        url = folder.appending(path: "input.\(ending)")
        let descriptor = descriptors[ending] ?? open(url.path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0, ftruncate(descriptor, off_t(bytes.count)) == 0, pwrite(descriptor, bytes, bytes.count, 0) == bytes.count
        else { fatalError("\(url.path) cannot be written") }
        descriptors[ending] = descriptor
    }
}
