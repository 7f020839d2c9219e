extension String {
    /// The text made safe for messages: characters that control a terminal or hide text are written
    /// as `\u{1b}`.
    ///
    /// Escapes the C0 and C1 controls (including ESC and line feed), line and paragraph separators,
    /// direction marks, invisible characters and tags. File names, checkpoint keys and
    /// configuration values come from strangers, so all output of them passes through here.
    ///
    /// - Parameters:
    ///   - limit: cuts longer text, which then ends in "…".
    ///   - keepsLines: keeps line feeds, for messages of several lines.
    public func printable(limit: Int = .max, keepsLines: Bool = false) -> String {
        guard unicodeScalars.count > limit || unicodeScalars.contains(where: { $0.steersTerminal }) else { return self }
        var text = ""
        var length = 0
        for scalar in unicodeScalars {
            if length >= limit { return text + "…" }
            if scalar.steersTerminal, !(keepsLines && scalar == "\n") {
                text += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                text.unicodeScalars.append(scalar)
            }
            length += 1
        }
        return text
    }
}

extension Unicode.Scalar {
    /// True if the character controls a terminal, reorders the text around it or hides it.
    fileprivate var steersTerminal: Bool {
        switch value {
        case 0..<0x20, 0x7F...0x9F: true
        // Soft hyphen, Arabic letter mark, Mongolian separator, zero-width characters and marks of
        // direction.
        case 0xAD, 0x61C, 0x180E, 0x200B, 0x200E...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true
        // Interlinear annotation, tags.
        case 0xFFF9...0xFFFB, 0xE0000...0xE007F: true
        default: false
        }
    }
}
