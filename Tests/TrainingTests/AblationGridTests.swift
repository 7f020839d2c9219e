import Files
import Foundation
import Networks
import Runs
import Segmentation
import TensorFiles
import TestSupport
import Testing
import Torch
import VMUNet

@testable import Training

extension TrainingSuites {
    @Suite("Ablations: grids")
    struct AblationGridTests {
        /// The rows of the paper's Tables III–VI, and their settings.
        @Test func paperTablesBuildTheirGrids() throws {
            let base = RunConfiguration(.isic17, path: "data")
            let drop = try PaperTable.dropPath.grid(base)
            #expect(drop.cells.map(\.configuration.vmunet?.dropPath) == [0, 0.1, 0.2, 0.3])
            #expect(drop.cells.map(\.name) == ["drop_path-0.0", "drop_path-0.1", "drop_path-0.2", "drop_path-0.3"])
            #expect(drop.cells[2].configuration == base)  // the published setting itself

            let sizes = try PaperTable.architecture.grid(base).cells.compactMap(\.configuration.vmunet)
            #expect(sizes.map(\.depths) == [[2, 2, 2, 2], [2, 2, 2, 2], [2, 2, 3, 2], [2, 2, 4, 2], [2, 2, 9, 2]])
            #expect(sizes.map(\.decoderDepths) == [[2, 2, 2, 1], [2, 2, 2, 2], [2, 3, 2, 2], [2, 4, 2, 2], [2, 9, 2, 2]])
            // Table V's parameters.
            #expect(
                sizes.map { VMUNetSummary($0, height: 256, width: 256).parameters } == [
                    27_427_561, 27_532_969, 29_924_521, 32_316_073, 44_273_833,
                ])

            #expect(try PaperTable.inputSize.grid(base).cells.map(\.configuration.data.imageSize) == [256, 384, 512])

            let weights = try PaperTable.initialWeights.grid(base, initialWeights: ["VMamba-S": "a \"b\"/s.pth"])
            #expect(weights.cells.map(\.configuration.initialWeights) == [nil, "a \"b\"/s.pth"])
            #expect(weights.cells.map(\.labels) == [["–"], ["VMamba-S"]])
        }

        /// Figures as printed in the paper.
        @Test func paperFiguresAreThePapers() {
            #expect(PaperTable.initialWeights.figures("–", on: .isic17) == .init(miou: 77.59, dsc: 87.38))
            #expect(PaperTable.initialWeights.figures("VMamba-T", on: .isic18) == .init(miou: 79.04, dsc: 88.29))
            #expect(PaperTable.dropPath.figures("0.0", on: .isic17) == .init(miou: 80.45, dsc: 89.17))
            #expect(PaperTable.dropPath.figures("0.3", on: .isic18) == .init(miou: 79.72, dsc: 88.71))
            #expect(PaperTable.architecture.figures("{2,2,9,2-2,9,2,2}", on: .isic18) == .init(miou: 81.05, dsc: 89.54))
            #expect(PaperTable.inputSize.figures("512×512", on: .isic17) == .init(miou: 70.88, dsc: 82.96))
            #expect(PaperTable.inputSize.figures("512×512", on: .folder) == nil && PaperTable.inputSize.figures("1×1", on: .isic17) == nil)
        }

        @Test func filesAreRead() throws {
            let grid = try Self.grid(
                """
                title: Two things
                base:
                  data: {path: d, dataset: isic18}
                  epochs: 7
                axes:
                  network.drop_path: [0.0, 0.25]
                  optimizer:
                    adam: {optimizer.name: adamw, optimizer.learning_rate: 0.002}
                    momentum: {optimizer.name: sgd, optimizer.momentum: 0.9}
                  network.preset: [tiny]
                  initial_weights: [null, some/where.pth]
                """)
            #expect(
                grid.title == "Two things"
                    && grid.axes.map(\.name) == ["network.drop_path", "optimizer", "network.preset", "initial_weights"])
            #expect(grid.cells.count == 8 && Set(grid.cells.map(\.name)).count == 8)
            let last = try #require(grid.cells.last)
            #expect(last.labels == ["0.25", "momentum", "tiny", "where.pth"])
            #expect(last.name == "drop_path-0.25_optimizer-momentum_preset-tiny_initial_weights-where.pth")
            var expected = RunConfiguration(.isic18, path: "d")
            expected.epochs = 7
            expected.vmunet = .tiny
            expected.vmunet?.dropPath = 0.25
            expected.optimizer = OptimizerConfiguration(.sgd, learningRate: 1e-3)
            expected.optimizer.momentum = 0.9
            expected.initialWeights = "some/where.pth"
            #expect(last.configuration == expected)
            #expect(grid.cells[0].configuration.optimizer.learningRate == 0.002 && grid.cells[0].configuration.initialWeights == nil)
        }

        @Test(
            arguments: [
                ("axes: {epochs: [1]}\nmore: 1", "more", 2), ("base: {epochs: 2}", "axes", nil), ("- 1", "", 1),
                ("base: {epoch: 2}\naxes: {epochs: [1]}", "epoch", 1), ("axes:\n  epochs: [1, 2]\n  epcohs: [3]", "epcohs", 3),
                ("axes:\n  epochs: 3", "axes.epochs", 2), ("axes:\n  epochs: []", "axes.epochs", 2),
                ("axes:\n\n  epochs: [two]", "epochs", 3),
                ("axes:\n  network.drop_path: [0.1, 1.5]", "network.drop_path", 2), ("axes:\n  epochs: [3, 3]", "", nil),
                ("axes:\n  sizes: {a: 3}", "axes.sizes", 2), ("title: a\nbase: missing.yaml\naxes: {epochs: [1]}", "base", 2),
                ("base: \(String(repeating: "a/", count: 3000))\naxes: {epochs: [1]}", "base", 1),
                ("title: [1]\naxes: {epochs: [1]}", "title", 1),
                ("axes:\n  seed: [\(Array(repeating: "1", count: 5000).joined(separator: ","))]", "axes.seed", 2),
            ] as [(String, String, Int?)])
        func unsoundFilesAreRefused(text: String, key: String, line: Int?) throws {
            let error = try #require(throws: ConfigurationFileError.self) { try Self.grid(text) }
            #expect(error.key == key && (line == nil || error.line == line), "\(error)")
            #expect(error.path.hasSuffix("grid.yaml") && error.description.utf8.count < 1000, "\(error)")
        }

        /// Reads a grid from YAML.
        static func grid(_ text: String) throws -> AblationGrid {
            try withTemporaryFolder { folder in
                let file = folder.appending(path: "grid.yaml")
                try Data(text.utf8).write(to: file)
                return try AblationGrid(yamlFile: file)
            }
        }
    }
}
