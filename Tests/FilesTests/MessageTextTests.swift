import Testing

@testable import Files

@Suite struct MessageTextTests {
    /// Found by mutation: a name of thousands of letters in a file was quoted in full.
    @Test func anErrorStaysShort() {
        let name = String(repeating: "é", count: 5000)
        let error = FileError(.corrupt, file: "w.safetensors", reason: "its header has an unexpected '\(name)'")
        #expect(error.reason.hasPrefix("its header has an unexpected 'ééé") && error.reason.hasSuffix("é…") && error.reason.count == 401)
        #expect(error.description.utf8.count < 1000)
    }

    @Test func escapesWhatSteersATerminal() {
        #expect("a\u{1b}[31mred\u{7}\u{9b}2J\n\u{7f}".printable() == "a\\u{1b}[31mred\\u{7}\\u{9b}2J\\u{a}\\u{7f}")
        // Carriage return and line feed are one character to Swift, two to a terminal.
        #expect("\r\n".printable() == "\\u{d}\\u{a}")
        #expect("\u{202e}gnp.exe\u{2066}\u{200f}\u{feff}".printable() == "\\u{202e}gnp.exe\\u{2066}\\u{200f}\\u{feff}")
        #expect("tag\u{E0041}".printable() == "tag\\u{e0041}")
    }

    @Test(arguments: ["", "Größe 3×4 µm", "患者.png", "🧠 x", "a\u{301}"])
    func leavesPlainTextAlone(text: String) { #expect(text.printable() == text) }

    @Test func cutsAndKeepsLines() {
        #expect("abcdef".printable(limit: 6) == "abcdef")
        #expect("abcdef".printable(limit: 5) == "abcde…")
        #expect("two\nlines\u{1b}".printable(keepsLines: true) == "two\nlines\\u{1b}")
    }

    @Test func errorsPrintNoControlCharacters() {
        let error = FileError(.corrupt, file: "a\u{1b}]0;x\u{7}.png", reason: "has key 'k\u{9b}'", remedy: "save it again")
        #expect(error.description == "a\\u{1b}]0;x\\u{7}.png: has key 'k\\u{9b}'; save it again")
        #expect(error.category == .input)
        #expect(FileError(.memory, file: "a", reason: "r").category == .memory)
    }
}
