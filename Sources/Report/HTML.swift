import Foundation

/// A piece of a page. Interpolated text is escaped, interpolated pieces are not, so text from a
/// file cannot become markup.
struct HTML: ExpressibleByStringInterpolation, Sendable, Equatable {
    private(set) var text: String

    init(stringLiteral value: String) { text = value }
    init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }
    /// Text as markup, escaped.
    init(_ text: String) { self.text = Self.escaped(text) }
    private init(markup: String) { text = markup }

    static func + (a: HTML, b: HTML) -> HTML { HTML(markup: a.text + b.text) }
    static func += (a: inout HTML, b: HTML) { a.text += b.text }

    var isEmpty: Bool { text.isEmpty }

    /// One piece for each element, in order.
    static func each<Element>(_ elements: some Sequence<Element>, _ piece: (Element) -> HTML) -> HTML {
        HTML(markup: elements.map { piece($0).text }.joined())
    }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }
        mutating func appendLiteral(_ literal: String) { text += literal }
        mutating func appendInterpolation(_ html: HTML) { text += html.text }
        mutating func appendInterpolation(_ value: String) { text += HTML.escaped(value) }
        mutating func appendInterpolation(_ value: Int) { text += String(value) }
    }

    /// For text, and for attribute values in either kind of quote. Replaces characters that XML
    /// forbids and those that change the direction of writing.
    private static func escaped(_ text: String) -> String {
        var out = ""
        out.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            case "\t", "\n": out.unicodeScalars.append(scalar)
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}", "\u{FFFE}", "\u{FFFF}":
                out += "\u{FFFD}"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}

/// Numbers for people, the same in every locale.
enum Figures {
    /// At most `digits` significant digits.
    static func short(_ value: Double, digits: Int = 4) -> String {
        guard value.isFinite else { return "–" }
        let text = String(format: "%.\(digits)g", value)
        // People write "1e-05" as 1e-5.
        return text.replacing("e-0", with: "e-").replacing("e+0", with: "e")
    }

    /// "9.5e-4".
    static func scientific(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        let parts = String(format: "%.3e", value).split(separator: "e")
        var mantissa = parts[0]
        while mantissa.hasSuffix("0") { mantissa.removeLast() }
        if mantissa.hasSuffix(".") { mantissa.removeLast() }
        return "\(mantissa)e\(Int(parts[1]) ?? 0)"
    }

    static func fixed(_ value: Double?, digits: Int = 4) -> String {
        guard let value, value.isFinite else { return "–" }
        return abs(value) < 1e6 ? String(format: "%.\(digits)f", value) : short(value)
    }

    /// "2 h 05 min", "28 min", "3 min 20 s", "12 s".
    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "–" }
        let whole = Int(seconds.rounded())
        let (h, m, s) = (whole / 3600, whole / 60 % 60, whole % 60)
        if h > 0 { return String(format: "%d h %02d min", h, m) }
        if m >= 10 { return "\((whole + 30) / 60) min" }
        return m > 0 ? String(format: "%d min %02d s", m, s) : "\(s) s"
    }
}
