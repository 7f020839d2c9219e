import Foundation
import Testing

@testable import Files

@Suite struct TextTests {
    private func printf(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

    @Test(arguments: [
        0, 0.5, 1.5, 2.5, 0.125, 0.375, 2.675, 1.005, 0.045, 0.285, 99.995, 0.9999, 9.5, 999_999.5, 1e15, 123_456_789.123_456_789,
        4_503_599_627_370_497.5, 9_007_199_254_740_992, 1e18, 1.8e19, 1e22, 3.3e100, .greatestFiniteMagnitude, .leastNonzeroMagnitude, 1e-5,
        5e-16,
        0.1 + 0.2,
    ])
    func numbersAreWrittenAsPrintfWritesThem(_ value: Double) {
        for digits in 0...15 {
            #expect(fixedPoint(value, digits: digits) == printf(value, digits))
            #expect(fixedPoint(-value, digits: digits) == printf(-value, digits))
        }
    }

    @Test func anyNumberIsWrittenAsPrintfWritesIt() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            let bits = Double(bitPattern: random.next())
            let near = Double(Int.random(in: -100_000...100_000)) / [2, 4, 8, 10, 100, 1000].randomElement()!
            for value in [bits, near, Double.random(in: -1...1)] where value.isFinite {
                let digits = Int.random(in: 0...6)
                let (ours, theirs) = (fixedPoint(value, digits: digits), printf(value, digits))
                #expect(ours == theirs, "\(value), \(digits) digits")
            }
        }
    }

    @Test func whatIsNoNumberIsSaid() {
        #expect(fixedPoint(.nan, digits: 2) == "nan")
        #expect(fixedPoint(.infinity, digits: 2) == "inf" && fixedPoint(-.infinity, digits: 0) == "-inf")
    }

    @Test func textIsPaddedAndTrimmed() {
        #expect("liver".padded(to: 8) == "liver   " && "liver".padded(to: 3) == "liver" && "".padded(to: 2) == "  ")
        #expect(" \t1,2\r\n".trimmed == "1,2" && "   ".trimmed == "" && "a b".trimmed == "a b")
    }

    @Test func theProgramKnowsWhereItLies() throws {
        let path = try #require(executablePath())
        #expect(FileManager.default.isExecutableFile(atPath: path))
    }
}
