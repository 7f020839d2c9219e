import Foundation

/// A file in memory that holds one input after the other, for readers that take paths.
public final class Scratch {
    /// The bytes of the file.
    public private(set) var bytes: [UInt8] = []
    /// Its path, for readers that take one.
    public private(set) var url = URL(filePath: "/")
    /// The file's name, which messages about it must hold.
    public private(set) var name = "/"
    /// The folder of inputs that consist of several files.
    public let folder: URL
    private var files: [String: (descriptor: Int32, url: URL)] = [:]
    private var others: [String: URL] = [:]

    /// Creates its own folder in shared memory, or in the temporary folder if there is none.
    public init() {
        let memory = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        folder = URL(filePath: memory).appending(path: "vmunet-campaign-\(getpid())")
        try! FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit {
        for file in files.values { close(file.descriptor) }
        try? FileManager.default.removeItem(at: folder)
    }

    /// A number that the bytes alone decide: for choosing a way of reading that a replay chooses
    /// again.
    public var digest: UInt64 { bytes.suffix(64).reduce(14_695_981_039_346_656_037) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 } >> 7 }

    /// A place for a file that a reader's answer is written to.
    public func other(_ name: String) -> URL {
        if let url = others[name] { return url }
        let url = folder.appending(path: name)
        others[name] = url
        return url
    }

    func put(_ bytes: [UInt8], ending: String) {
        self.bytes = bytes
        let file = files[ending] ?? open(ending)
        (url, name) = (file.url, "input." + ending)
        guard pwrite(file.descriptor, bytes, bytes.count, 0) == bytes.count, ftruncate(file.descriptor, off_t(bytes.count)) == 0
        else { fatalError("\(url.path) cannot be written") }
    }

    private func open(_ ending: String) -> (descriptor: Int32, url: URL) {
        let url = folder.appending(path: "input." + ending)
        let file = (Foundation.open(url.path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600), url)
        files[ending] = file
        return file
    }
}
