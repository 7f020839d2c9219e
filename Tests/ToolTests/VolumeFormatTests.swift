import Foundation
import Testing

@testable import TensorFiles

extension ToolTests {
    /// Volumes in and out in every format.
    @Suite("predict on volumes") struct VolumeFormatTests {
        private static let series = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "DICOMTests/Fixtures/Series")

        private func predict(_ arguments: String..., to output: URL) throws -> Tool.Outcome {
            try Tool.run(
                ["predict", "--weights", Shared.nineClasses.path, "--image-size", "32", "--output", output.path] + arguments)
        }

        private func series(_ name: String) -> String { Self.series.appending(path: name).path }

        private static let tables = ["labels.ctbl", "labels.json", "labels.txt"]

        @Test func aSeriesBecomesEveryFormat() throws {
            var labels: [[UInt8]] = []
            for (format, name) in [("nii.gz", "plain.nii.gz"), ("nrrd", "plain.seg.nrrd"), ("mha", "plain.mha")] {
                let folder = try Scratch.folder()
                expectDone(try predict(series("plain"), "--format", format, to: folder))
                #expect(results(folder) == (Self.tables + [name]).sorted())
                let url = folder.appending(path: name)
                let image = try #require(VolumeFormat(url)).read(url)
                #expect(image.voxels.shape == [6, 32, 40] && image.voxels.elementType == .uint8)
                let affine = try #require(image.geometry.millimetreAffine)
                for (a, b) in zip(affine.joined(), [-2, 0, 0, 31.5, 0, -1.5, 0, 20.25, 0, 0, 5, 0]) { #expect(abs(a - b) < 1e-5) }
                labels.append(image.voxels.bytes)
            }
            #expect(labels[0] == labels[1] && labels[1] == labels[2] && Set(labels[0]).count > 1)
        }

        @Test func namesAndColoursLieBesideAndInside() throws {
            let folder = try Scratch.folder()
            expectDone(try predict(series("plain"), "--format", "nrrd", to: folder))
            let segments = try NRRDFile.segments(folder.appending(path: "plain.seg.nrrd"))
            #expect(segments.map(\.value) == Array(1...8) && segments[0].color == [86, 180, 233])
            #expect(try json(text(folder.appending(path: "labels.json"))).count == 9)
            #expect(try text(folder.appending(path: "labels.txt")).contains("1 86 180 233 1 1 1 \""))
            #expect(try text(folder.appending(path: "labels.ctbl")).contains(" 86 180 233 255\n"))
        }

        /// The result of an NRRD is an NRRD, and so on, unless told otherwise.
        @Test func theInputsKindIsKept() throws {
            let folder = try Scratch.folder(), output = try Scratch.folder()
            let values: [Float] = (0..<3200).map { Float($0 % 50) }
            let image = VolumeImage(voxels: HostTensor(values, shape: [2, 40, 40]), geometry: VolumeGeometry(spacing: [1, 2, 3]))
            for name in ["a.nrrd", "b.mha", "c.nii"] {
                let url = folder.appending(path: name)
                try #require(VolumeFormat(url)).write(image, to: url)
            }
            expectDone(try predict(folder.path, to: output))
            #expect(results(output) == (["a.seg.nrrd", "b.mha", "c.nii.gz"] + Self.tables).sorted())
            let file = try Scratch.folder().appending(path: "found.mha")
            expectDone(try predict(folder.appending(path: "a.nrrd").path, to: file))
            #expect(try VolumeFormat.metaImage.read(file).voxels.shape == [2, 40, 40])
        }

        @Test func statisticsProbabilitiesAndOverlay() throws {
            let folder = try Scratch.folder()
            expectDone(try predict(series("tilt"), "--statistics", "--probabilities", "--overlay", to: folder))
            let names = (1...8).map { "tilt_probability_\($0).nii.gz" }
            #expect(
                results(folder)
                    == (["tilt.nii.gz", "tilt_overlay.png", "tilt_statistics.csv", "tilt_statistics.json"] + names + Self.tables).sorted())
            let labels = try NIfTIFile.read(folder.appending(path: "tilt.nii.gz")).voxels.bytes
            let data = try Data(contentsOf: folder.appending(path: "tilt_statistics.json"))
            let regions = try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
            #expect(regions.count == 8)
            for region in regions {
                let label = try #require(region["label"] as? Int), voxels = labels.filter { Int($0) == label }.count
                #expect(region["voxels"] as? Int == voxels)
                // A sheared voxel of 2 × 1.5 × 5 mm, tilted by 15°.
                let milliliters = try #require(region["volume_ml"] as? Double)
                #expect(abs(milliliters - Double(voxels) * 15 * cos(15 * Double.pi / 180) / 1000) < 0.001)
            }
            // The most probable class is the label, but for rounding and the way of resizing.
            let all = try names.map { try NIfTIFile.read(folder.appending(path: $0)).values }
            #expect(all.allSatisfy { $0.allSatisfy { (0...1).contains($0) } })
            for i in stride(from: 0, to: labels.count, by: 97) { #expect(all.reduce(0) { $0 + $1[i] } <= 1.02) }
        }

        @Test func segmentationsAndCapturesForArchives() throws {
            let folder = try Scratch.folder()
            expectDone(try predict(series("plain"), "--format", "dicom-seg", to: folder))
            #expect(results(folder) == ["plain.dcm"])
            let bytes = try Data(contentsOf: folder.appending(path: "plain.dcm"))
            #expect(bytes[128..<132] == Data("DICM".utf8))
            expectDone(try predict(series("plain"), "--format", "dicom-sc", to: folder))
            #expect(names(folder.appending(path: "plain_sc")) == (1...6).map { "IM000\($0).dcm" })
            // Only those two carry the patient's data, by which archives file them.
            #expect(!(try text(folder.appending(path: "predictions.json"))).contains("SECRET"))
        }

        /// Weights of MR for a series of CT.
        @Test(arguments: [("MRI", true), ("CT", false)]) func anotherModalityIsNoted(modality: String, isNoted: Bool) throws {
            let folder = try Scratch.folder()
            var weights = try SafetensorsFile.read(Shared.nineClasses)
            (weights.metadata["format_version"], weights.metadata["modality"]) = (.string("1"), .string(modality))
            try SafetensorsFile.write(weights, to: folder.appending(path: "w.safetensors"))
            let outcome = try Tool.run(
                "predict", "--weights", folder.appending(path: "w.safetensors").path, "--image-size", "32", "--output",
                folder.appending(path: "out").path, series("plain"))
            expectDone(outcome)
            #expect(outcome.error.contains("is CT, and these weights were trained on MR: do not trust") == isNoted, "\(outcome.error)")
        }

        @Test func refusesWithTheReason() throws {
            let folder = try Scratch.folder()
            for (name, words) in [
                ("missing", ["IM003.dcm and IM004.dcm", "--resample"]), ("duplicate", ["IM003.dcm and IM007.dcm"]),
                ("no_iop", ["IM001.dcm", "position"]), ("mixed", ["--series", "1: CT, thick", "2: CT, other"]),
            ] {
                let outcome = try predict(series(name), to: folder)
                #expect(outcome.code == 65 && outcome.out.isEmpty)
                for word in words { #expect(outcome.error.contains(word), "\(outcome.error)") }
                #expect(!outcome.error.contains("SECRET"))
            }
            #expect(results(folder) == [])
            expectDone(try predict(series("mixed"), "--series", "2", to: folder))
            expectDone(try predict(series("missing"), "--resample", to: folder))
            #expect(try NIfTIFile.read(folder.appending(path: "mixed.nii.gz")).voxels.shape == [4, 32, 40])
            #expect(try NIfTIFile.read(folder.appending(path: "missing.nii.gz")).voxels.shape == [6, 32, 40])
            let interpolated = try predict(series("missing"), "--resample", "--format", "dicom-seg", to: folder)
            #expect(interpolated.code == 65 && interpolated.error.contains("interpolated"))
        }
    }
}
