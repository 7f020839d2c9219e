import Foundation
import Testing

extension ToolTests {
    /// Runs `Benchmarks/gpu.sh` without a GPU: all its steps, in small sizes.
    @Suite(.enabled(if: Tool.python != nil, "set VMUNET_PYTHON")) struct GPUScriptTests {
        private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()

        private func script(_ arguments: String...) throws -> Tool.Outcome {
            let tool = try #require(Tool.binary).path
            let folder = URL(filePath: try #require(Tool.environment["VMUNET_LIBRARY_PATH"])).deletingLastPathComponent().path
            return try Running(
                URL(filePath: "/usr/bin/env"),
                ["VMUNET_BINARY=\(tool)", "VMUNET_TORCH=\(folder)", Self.root.appending(path: "Benchmarks/gpu.sh").path] + arguments
            ).outcome()
        }

        @Test func dryRunWritesAReport() throws {
            let file = try Scratch.folder().appending(path: "results/gpu.md")
            let outcome = try script("--cpu-dry-run", "--output", file.path)
            expectDone(outcome)
            #expect(outcome.out == file.path + "\n")
            let report = try text(file)
            for heading in ["A dry run on a CPU", "## Times", "## Each operator against its floors", "## Parity"] {
                #expect(report.contains(heading))
            }
            let rows = report.split(separator: "\n")
            #expect(rows.filter { $0.hasPrefix("| training step") }.count == 2 && rows.filter { $0.hasPrefix("| inference") }.count == 4)
            #expect(rows.filter { $0.hasPrefix("| ss2d | backward") }.count == 4, "two stages, two precisions")
            #expect(report.contains("All rows are within their limits") && !report.contains("failed:") && !report.contains("beyond**"))
            #expect(rows.contains { $0.contains("| as a graph |") })
            #expect(report.contains("the literal recurrence of oracle.py"), "the report names the peer's scan")
        }

        @Test func anUnusableToolIsRefused() throws {
            let outcome = try Running(
                URL(filePath: "/usr/bin/env"), ["VMUNET_BINARY=/nonexistent", Self.root.appending(path: "Benchmarks/gpu.sh").path]
            ).outcome()
            #expect(outcome.code == 69 && outcome.error.contains("VMUNET_BINARY"))
        }
    }
}
