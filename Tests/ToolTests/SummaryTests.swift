import Foundation
import Testing

extension ToolTests {
    @Suite struct SummaryTests {
        /// The paper's Table V: encoder and decoder depths, parameters, FLOPs at 256×256.
        @Test(arguments: [
            ("2,2,2,2", "2,2,2,1", 27_427_561, 4.1119),
            ("2,2,2,2", "2,2,2,2", 27_532_969, 4.3501),
            ("2,2,3,2", "2,3,2,2", 29_924_521, 4.8090),
            ("2,2,4,2", "2,4,2,2", 32_316_073, 5.2679),
            ("2,2,9,2", "2,9,2,2", 44_273_833, 7.5623),
        ])
        func tableFive(depths: String, decoder: String, parameters: Int, flops: Double) throws {
            let outcome = try Tool.run("summary", "--depths", depths, "--decoder-depths", decoder, "--json")
            expectDone(outcome)
            let summary = try json(outcome.out)
            #expect(summary["parameters"] as? Int == parameters)
            let paper = try #require(summary["flops_paper"] as? Int)
            #expect(String(format: "%.4f", Double(paper) / 1e9) == String(format: "%.4f", flops))
            #expect(try #require(summary["flops"] as? Int) > paper)
            #expect(outcome.error.isEmpty)
        }

        @Test func tableForPeople() throws {
            let outcome = try Tool.run("summary")
            expectDone(outcome)
            let total = try #require(outcome.out.split(separator: "\n").last)
            #expect(total.contains("27,427,561") && total.contains("4.1119 G"))
            #expect(outcome.out.contains("final_conv"))
        }

        @Test func classesAndPresetsChangeTheCount() throws {
            let tiny = try json(Tool.run("summary", "--preset", "tiny", "--json").out)
            let nine = try json(Tool.run("summary", "--preset", "tiny", "--classes", "9", "--json").out)
            // Eight more 1×1 filters over 24 / 4 channels, each with a bias: 8 · (6 + 1).
            let (few, more) = (try #require(tiny["parameters"] as? Int), try #require(nine["parameters"] as? Int))
            #expect(more - few == 56)
        }
    }
}
