import Foundation

/// Standard error for people, standard output for programs.
enum Console {
    static let isTerminal = isatty(STDERR_FILENO) == 1

    /// A line for people.
    static func note(_ text: String) { write(clear + text + "\n") }

    static func error(_ text: String) { write(clear + "error: " + text + "\n") }

    /// Overwrites the last line of a terminal; writes nothing elsewhere.
    static func status(_ text: String) {
        guard isTerminal else { return }
        write(clear + String(text.prefix(width - 1)))
    }

    /// One JSON object on standard output.
    static func json(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        FileHandle.standardOutput.write(try encoder.encode(value) + Data("\n".utf8))
    }

    private static var clear: String { isTerminal ? "\r\u{1B}[K" : "" }

    private static var width: Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 20 ? Int(size.ws_col) : 100
    }

    private static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

    /// "1:02:03" or "4:05".
    static func time(_ seconds: Double) -> String {
        let whole = Int(max(0, seconds.isFinite ? seconds.rounded() : 0))
        let (h, m, s) = (whole / 3600, whole / 60 % 60, whole % 60)
        return h > 0 ? String(format: "%d:%02d:%02d", h, m, s) : String(format: "%d:%02d", m, s)
    }

    /// "━━━━━─────" for a share in 0…1.
    static func bar(_ share: Double, width: Int = 20) -> String {
        let filled = Int((min(max(share, 0), 1) * Double(width)).rounded())
        return String(repeating: "━", count: filled) + String(repeating: "─", count: width - filled)
    }

    /// A share in percent with two digits behind the point, "–" where there is none.
    static func percent(_ value: Double?) -> String { value.map { String(format: "%.2f", $0 * 100) } ?? "–" }
}
