import Foundation
import Testing

@testable import Files

@Suite struct MemoryTests {
    @Test func asksBeforeTaking() throws {
        try Memory.ask(for: 0)
        try Memory.ask(for: 1 << 21)
        for bytes in [-1, .max, Memory.available() + 1] {
            let fault = try #require(throws: Fault.self) { try Memory.ask(for: bytes, remedy: "do less") }
            #expect(fault.kind == .memory && fault.remedy == "do less" && fault.reason.hasPrefix("needs "))
        }
        // The kernel's own figure is the upper bound.
        #expect(Memory.available() > 64 << 20 && Memory.available() <= Int(ProcessInfo.processInfo.physicalMemory) * 2)
    }

    @Test func workSaysWhatItIsForAndWhatHelps() throws {
        try Memory.require(1 << 21, for: "a pass", remedy: "do less")
        let error = try #require(throws: MemoryError.self) { try Memory.require(.max, for: "a \u{1b}pass", remedy: "do less") }
        #expect(
            error.category == .memory && error.description.hasPrefix("a \\u{1b}pass: needs ") && error.description.hasSuffix("; do less"))
    }

    @Test func sizesAsPeopleWriteThem() {
        #expect(Memory.size(999) == "999 bytes")
        #expect(Memory.size(1_000) == "1.0 kB")
        #expect(Memory.size(10_649_000_000) == "10 GB")
        #expect(Memory.size(3_750_000_000) == "3.7 GB")
        #expect(Memory.size(256 << 20) == "268 MB")
    }
}
