import Files
import Foundation

/// The package's promises about damaged files, as checks that trap.
enum Promise {
    static func hold(_ condition: Bool, _ what: @autoclosure () -> String) {
        if !condition { fatalError(" a promise was broken: \(what())") }
    }

    /// An error about a file must be the package's own, name the file, and be one line of text that
    /// a terminal can show.
    static func check(_ error: any Error, about file: Scratch) { check(error, naming: file.name) }

    /// As ``check(_:about:)``; an error about another file need not name this one.
    static func check(_ error: any Error, naming name: String?) {
        let text = "\(error)"
        var type: String { String(reflecting: Swift.type(of: error)) }
        // The usual case first: a type's name takes longer to find than a small file to read.
        if !(error is FileError) {
            hold(!["Swift.", "Foundation", "Yams."].contains { type.hasPrefix($0) }, "\(type) came through: \(text)")
        }
        hold(name.map { strstr(text, $0) != nil } ?? true, "\(type) does not name the file: \(text)")
        hold(text.utf8.count <= 4096, "\(type) is \(text.utf8.count) bytes long: \(text.prefix(200))")
        hold(strstr(text, "Fault(") == nil, "\(type) shows internals: \(text)")
        for scalar in text.unicodeScalars where scalar.value < 0x20 || scalar.value > 0x7E {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator:
                hold(false, "\(type) has the character \(scalar.value): \(text.debugDescription)")
            default: break
            }
        }
    }
}
