import Foundation
import Imaging
import TensorFiles
import Testing

extension ToolTests {
    /// Runs into a folder that holds results already, and inputs of which a part is damaged.
    @Suite struct RerunTests {
        private static let series = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "DICOMTests/Fixtures/Series")

        private func volume(_ arguments: String...) throws -> Tool.Outcome {
            try Tool.run(["predict", "--weights", Shared.nineClasses.path, "--image-size", "32"] + arguments)
        }

        private func entry(_ folder: URL) throws -> [String: Any] {
            let data = try Data(contentsOf: folder.appending(path: "predictions.json"))
            return try #require((try JSONSerialization.jsonObject(with: data) as? [[String: Any]])?.first)
        }

        /// An input that fails keeps what was made from it before, and gets its place back once it is
        /// repaired.
        @Test func aRepairedInputReplacesItsResult() throws {
            let (folder, output) = (try Scratch.folder(), try Scratch.folder()), file = folder.appending(path: "a.png")
            func run() throws -> Tool.Outcome { try Tool.run("predict", file.path, "--output", output.path) }
            try PictureFile.write(Discs.pair(3).picture, to: file)
            let whole = try Data(contentsOf: file)
            expectDone(try run())
            let mask = try Data(contentsOf: output.appending(path: "a.png"))
            try whole.prefix(whole.count / 2).write(to: file)
            expectRefusal(try run(), naming: "a.png")
            var found = try entry(output)
            #expect(found["files"] as? [String] == [] && found["earlier_files"] as? [String] == ["a.png"])
            #expect(try Data(contentsOf: output.appending(path: "a.png")) == mask)
            try whole.write(to: file)
            expectDone(try run())
            found = try entry(output)
            #expect(found["files"] as? [String] == ["a.png"] && found["earlier_files"] == nil && found["error"] == nil)
        }

        /// Results in one format do not bar the way to those in another, nor back.
        @Test func oneFormatAfterTheOther() throws {
            let output = try Scratch.folder(), series = Self.series.appending(path: "plain").path
            for format in ["dicom-seg", "nii.gz", "nrrd", "dicom-seg", "nii.gz"] {
                expectDone(try volume(series, "--statistics", "--format", format, "--output", output.path))
            }
            let files = Set(try #require(try entry(output)["files"] as? [String]))
            let earlier = Set(try #require(try entry(output)["earlier_files"] as? [String]))
            #expect(files == ["plain.nii.gz", "plain_statistics.csv", "plain_statistics.json"])
            #expect(earlier == ["plain.dcm", "plain.seg.nrrd"])
        }

        /// A slice that is no DICOM any more, or has lost its pixels, is missing from the series, even at
        /// its end.
        @Test func aLostSliceIsNamed() throws {
            let source = Self.series.appending(path: "plain")
            let last = try #require(try FileManager.default.contentsOfDirectory(atPath: source.path).max())
            for (bytes, words) in [(0, "not a DICOM file"), (100, "not a DICOM file"), (-1, "without its pixels")] {
                let folder = try Scratch.folder().appending(path: "series"), output = try Scratch.folder()
                try FileManager.default.copyItem(at: source, to: folder)
                let file = folder.appending(path: last), whole = try Data(contentsOf: file)
                // The pixels are the last element: their tag, OW, and their length.
                let pixels = try #require(whole.range(of: Data([0xE0, 0x7F, 0x10, 0x00]), options: .backwards)).lowerBound
                try whole.prefix(bytes < 0 ? pixels : bytes).write(to: file)
                expectRefusal(try volume(folder.path, "--output", output.path), naming: last, words, "--resample")
                #expect(results(output).isEmpty)
                expectDone(try volume(folder.path, "--output", output.path, "--resample"))
            }
        }

        /// The shape that a network of another number of channels wants is said as it is.
        @Test func channelsAreTheNetworks() throws {
            let folder = try Scratch.folder(), file = folder.appending(path: "x.npy"), weights = folder.appending(path: "one.safetensors")
            var network = try WeightsFile.read(Shared.nineClasses)
            let key = "vmunet.patch_embed.proj.weight", filters = try #require(network[key]), area = filters.shape[2] * filters.shape[3]
            let first = filters.floats.enumerated().filter { $0.offset / area % filters.shape[1] == 0 }.map(\.element)
            network[key] = HostTensor(first, shape: [filters.shape[0], 1, filters.shape[2], filters.shape[3]])
            try WeightsFile.write(network, to: weights)
            func predict(_ arguments: String...) throws -> Tool.Outcome {
                try Tool.run(["predict", "--weights", weights.path, "--image-size", "32"] + arguments)
            }
            try NumPyFile.write(HostTensor([Float](repeating: 0, count: 2 * 32 * 32), shape: [1, 2, 32, 32]), to: file)
            expectRefusal(try predict("--raw", file.path, "--output", folder.appending(path: "y.npy").path), naming: "[B, 1, H, W]")
            try PictureFile.write(Discs.pair(3).picture, to: folder.appending(path: "a.png"))
            expectRefusal(
                try predict(folder.appending(path: "a.png").path, "--output", folder.appending(path: "b.png").path),
                naming: "three channels", "takes one")
        }
    }
}
