import Files
import Foundation

/// The package's promises about damaged files, as checks that trap.
enum Promise {
    static func hold(_ condition: Bool, _ what: @autoclosure () -> String) {
        if !condition { fatalError(" a promise was broken: \(what())") }
    }

    /// An error about a file must be the package's own, name the file, and be one line of text that
    /// a terminal can show.
    ///
    /// - Parameter isNamed: false for an error that may be about another file.
    static func check(_ error: any Error, about file: Scratch, isNamed: Bool = true) {
        let text = "\(error)"
        var type: String { String(reflecting: Swift.type(of: error)) }
        // The usual case first: a type's name takes longer to find than a small file to read.
        if !(error is FileError) {
            hold(!["Swift.", "Foundation", "Yams."].contains { type.hasPrefix($0) }, "\(type) came through: \(text)")
        }
        hold(!isNamed || strstr(text, file.name) != nil, "\(type) does not name the file: \(text)")
        checkText(text, of: type)
        hold(!showsInternals(text), "\(type) shows internals: \(text)")
    }

    /// True if a text holds the beginning of an error of the package as Swift prints it. Compared
    /// turned by a bit: libFuzzer learns from comparisons what to put into files, whose own words
    /// would then look like ours.
    private static func showsInternals(_ text: String) -> Bool {
        let mark = Array("Gbvmu)ljoe;".utf8)
        let bytes = Array(text.utf8)
        return bytes.indices.contains { start in
            start + mark.count <= bytes.count && mark.indices.allSatisfy { bytes[start + $0] &+ 1 == mark[$0] }
        }
    }

    /// A note, or an error's text: short, and without characters that control a terminal.
    static func checkText(_ text: String, of type: @autoclosure () -> String) {
        hold(text.utf8.count <= 4096, "\(type()) is \(text.utf8.count) bytes long: \(text.prefix(200))")
        for scalar in text.unicodeScalars where scalar.value < 0x20 || scalar.value > 0x7E {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator:
                hold(false, "\(type()) has the character \(scalar.value): \(text.debugDescription)")
            default: break
            }
        }
    }
}
