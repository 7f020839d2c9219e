import Files
import Segmentation
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Messages go to standard error, results to standard output.
package enum Console {
    package static let isTerminal = isatty(STDERR_FILENO) == 1
    private static let isFirstCompilation = Atomic(true)

    /// Makes the three standard streams safe to write to, before any file is opened.
    ///
    /// A closed stream's number would go to the next file, and messages would end up in a
    /// checkpoint. A full disk must be an error of `write`, not a signal that ends the process
    /// between two files.
    package static func prepare() {
        signal(SIGXFSZ, SIG_IGN)
        for (descriptor, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDWR)]
        where fcntl(descriptor, F_GETFD) == -1 {
            _ = open("/dev/null", mode)  // takes the lowest free number, this stream's
        }
    }

    /// Prints only errors and results (`--quiet`).
    package static let isQuiet = Atomic(false)

    /// Prints a line for people.
    package static func note(_ text: String) {
        guard !isQuiet.load(ordering: .relaxed) else { return }
        write(clear + safe(text) + "\n")
    }

    /// Reports that kernels are compiled for the GPU: each on a terminal's last line, once in a
    /// log.
    @Sendable package static func compiling(_ kernels: String, for architecture: String) {
        let text = "compiling kernels for the GPU (\(architecture)), once on this machine"
        guard !isTerminal else { return status("\(text): \(kernels) …") }
        if isFirstCompilation.exchange(false, ordering: .relaxed) { note("note: \(text)") }
    }

    package static func error(_ text: String) { write(clear + "error: " + safe(text) + "\n") }

    /// Overwrites a terminal's last line; prints nothing elsewhere.
    package static func status(_ text: String) {
        guard isTerminal, !isQuiet.load(ordering: .relaxed) else { return }
        write(clear + String(safe(text).prefix(width - 1)))
    }

    /// The text without characters that a terminal would act on: file names and checkpoint keys
    /// come from others.
    private static func safe(_ text: String) -> String { text.printable(keepsLines: true) }

    /// Prints a message of the argument parser, which already says "Error".
    package static func plain(_ text: String) { write(clear + safe(text) + "\n") }

    /// Prints text on standard output, made safe. It is flushed at once, so that it stands between
    /// the notes before and after it if both go to one file.
    package static func out(_ text: String) {
        print(safe(text))
        if fflush(nil) != 0 { failure.store(errno, ordering: .relaxed) }
    }

    /// The system's number of the first failure to write; 0 if there was none.
    private static let failure = Atomic<Int32>(0)

    /// Prints one JSON object on standard output.
    package static func json(_ value: some Encodable) throws {
        print(try JSONText.encode(value))
        try finish()
    }

    /// Flushes standard output. Throws if that fails, so that a script never takes part of an
    /// answer for the whole.
    package static func finish() throws {
        let number = fflush(nil) != 0 ? errno : failure.load(ordering: .relaxed)
        guard number != 0 else { return }
        throw InputError("cannot write to standard output: \(systemMessage(number)); redirect it elsewhere")
    }

    private static var clear: String { isTerminal ? "\r\u{1B}[K" : "" }

    private static var width: Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 20 ? Int(size.ws_col) : 100
    }

    /// Failures of standard error are ignored: they must not end a training run.
    private static func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { writeBytes(STDERR_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }

    /// "1:02:03" or "4:05".
    package static func time(_ seconds: Double) -> String {
        let whole = Int(max(0, seconds.isFinite ? min(seconds.rounded(), 1e9) : 0))
        let (h, m, s) = (whole / 3600, whole / 60 % 60, whole % 60)
        func two(_ n: Int) -> String { (n < 10 ? "0" : "") + String(n) }
        return (h > 0 ? "\(h):\(two(m))" : "\(m)") + ":" + two(s)
    }

    /// "━━━━━─────" for a share in 0…1.
    package static func bar(_ share: Double, width: Int = 20) -> String {
        let filled = Int((min(max(share, 0), 1) * Double(width)).rounded())
        return String(repeating: "━", count: filled) + String(repeating: "─", count: width - filled)
    }
}

/// The system's `write`, under a name that ``Console`` does not hide.
private func writeBytes(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int { write(descriptor, bytes, count) }
