import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Runs `vmunet-dicom`, which decodes JPEG, JPEG-LS and JPEG 2000 with GDCM. Such libraries crash
/// on damaged files, so they run in a separate process with limits on memory and time, which
/// returns only numbers.
struct PixelDecoder {
    private let program: URL

    /// The program's name.
    static let name = "vmunet-dicom"
    /// The environment variable that names another program.
    static let variable = "VMUNET_DICOM"
    /// The most files per process.
    private static let batch = 32
    /// Seconds without an answer after which a process is ended.
    private static let patience: Int32 = 60

    /// The program's answer about a file's pixels.
    struct Answer {
        var rows = 0, columns = 0, frames = 0, samples = 0
        var allocated = 0, stored = 0, highBit = 0
        var isSigned = false
    }

    /// Throws if the program does not exist.
    init(_ program: URL?, for syntax: TransferSyntax) throws {
        guard let program = program ?? Self.find() else {
            throw Fault(
                .unsupported, "is compressed as \(syntax.name), which \(Self.name) decodes, and that is not installed",
                remedy: Self.remedy)
        }
        self.program = program
    }

    /// The script of the package builds the program; releases and other packages come without both.
    private static var remedy: String {
        if let script = getenv("VMUNET_COMMAND").map({ String(cString: $0) }), !script.isEmpty {
            return "build it by '\(script) setup dicom'"
        }
        return "build it by './vmunet setup dicom' in the package's sources and put it beside this program, or decompress the series first"
    }

    private static func find() -> URL? {
        if let path = getenv(variable).map({ String(cString: $0) }), !path.isEmpty { return URL(fileURLWithPath: path) }
        guard let own = executable() else { return nil }
        var folder = own.deletingLastPathComponent()
        // Beside this program, or in the release build of the package that it was built from.
        for _ in 0..<5 {
            for place in [name, ".build/dicom/" + name] {
                let candidate = folder.appendingPathComponent(place)
                if access(candidate.path, X_OK) == 0 { return candidate }
            }
            folder = folder.deletingLastPathComponent()
        }
        return nil
    }

    private static func executable() -> URL? {
        #if canImport(Darwin)
            return URL(fileURLWithPath: CommandLine.arguments[0])
        #else
            var path = [CChar](repeating: 0, count: 4097)
            let length = readlink("/proc/self/exe", &path, 4096)
            return length > 0 ? URL(fileURLWithPath: String(decoding: path[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)) : nil
        #endif
    }

    /// Decodes files and passes on each one's pixels, in order.
    func decode(_ files: [URL], _ body: (_ file: Int, Answer, UnsafeRawBufferPointer) throws -> Void) throws {
        for start in stride(from: 0, to: files.count, by: Self.batch) {
            let part = Array(files[start..<min(start + Self.batch, files.count)])
            let process = try Child(program, part.map(\.path))
            do {
                for (i, file) in part.enumerated() {
                    try naming(file) {
                        let (answer, bytes) = try Self.answer(process)
                        try bytes.withUnsafeBytes { try body(start + i, answer, $0) }
                    }
                }
            } catch {
                process.end()
                throw error
            }
            process.end()
        }
    }

    /// A line, "ok ROWS COLUMNS FRAMES SAMPLES ALLOCATED STORED HIGHBIT SIGN BYTES" or "no REASON",
    /// then the bytes.
    private static func answer(_ process: Child) throws -> (Answer, [UInt8]) {
        guard let line = try process.line(patience) else {
            throw Fault(.corrupt, "its pixels are damaged: decoding them failed", remedy: "export it again, uncompressed")
        }
        let words = line.split(separator: " ")
        let numbers = words.dropFirst().compactMap { Int($0) }
        guard words.first == "ok", numbers.count == 9, numbers.allSatisfy({ $0 >= 0 }) else {
            throw Fault(
                .corrupt,
                "its pixels cannot be decoded"
                    + (words.first == "no" ? " (\(words.dropFirst().joined(separator: " ").printable(limit: 80)))" : ""),
                remedy: "export it again, uncompressed")
        }
        guard numbers[8] <= 1 << 31 else { throw Fault(.limit, "holds more than 2 GiB of pixels") }
        let answer = Answer(
            rows: numbers[0], columns: numbers[1], frames: numbers[2], samples: numbers[3], allocated: numbers[4], stored: numbers[5],
            highBit: numbers[6], isSigned: numbers[7] == 1)
        return (answer, try process.read(numbers[8], patience))
    }
}

/// A process whose output is read with a time limit.
private final class Child {
    private var pid: pid_t = 0
    private var output: Int32 = -1
    private var buffer: [UInt8] = []

    init(_ program: URL, _ arguments: [String]) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Fault(.memory, "no pipe can be made: \(systemMessage())") }
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
        #else
            var actions = posix_spawn_file_actions_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        // GDCM's messages may quote the file, so they are discarded.
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addclose(&actions, ends[1])
        defer { posix_spawn_file_actions_destroy(&actions) }
        let words = [program.path] + arguments
        let pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        let environment: [UnsafeMutablePointer<CChar>?] = [strdup("PATH=/usr/bin:/bin"), strdup("LC_ALL=C"), nil]
        defer { for pointer in pointers + environment { free(pointer) } }
        let status = posix_spawn(&pid, program.path, &actions, nil, pointers, environment)
        close(ends[1])
        output = ends[0]
        guard status == 0 else {
            close(output)
            output = -1
            throw Fault(.unsupported, "\(program.lastPathComponent) cannot be run: \(systemMessage(status))", remedy: "build it again")
        }
    }

    /// Ends the process if it is still running, and waits for it.
    func end() {
        guard output >= 0 else { return }
        close(output)
        output = -1
        kill(pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }

    deinit { end() }

    /// The next line without its end; nil at the end of the output.
    func line(_ patience: Int32) throws -> String? {
        while true {
            if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let text = String(decoding: buffer[..<end], as: UTF8.self)
                buffer.removeFirst(end + 1)
                return text
            }
            guard buffer.count < 4096, try more(patience, 4096) else { return nil }
        }
    }

    func read(_ count: Int, _ patience: Int32) throws -> [UInt8] {
        try Memory.ask(for: count)
        while buffer.count < count {
            guard try more(patience, count - buffer.count) else {
                throw Fault(.corrupt, "its pixels are damaged: decoding them ended too early", remedy: "export it again, uncompressed")
            }
        }
        let bytes = Array(buffer[..<count])
        buffer.removeFirst(count)
        return bytes
    }

    private func more(_ patience: Int32, _ wanted: Int) throws -> Bool {
        var poller = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
        var ready: Int32
        repeat { ready = poll(&poller, 1, patience * 1000) } while ready < 0 && errno == EINTR
        guard ready != 0 else {
            throw Fault(.limit, "takes more than \(patience) seconds to decode", remedy: "export it again, uncompressed")
        }
        let size = min(max(wanted, 4096), 1 << 20)
        var got = 0
        let piece = [UInt8](unsafeUninitializedCapacity: size) { bytes, filled in
            repeat { got = systemRead(output, bytes.baseAddress!, size) } while got < 0 && errno == EINTR
            filled = max(0, got)
        }
        buffer += piece
        return got > 0
    }
}

/// The system's `read`; the method's name hides it.
private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int { read(descriptor, bytes, count) }
