import Foundation
import Imaging
import TensorFiles
import Testing

extension ToolTests {
    /// Options that do not fit: refused by name, before anything is computed.
    @Suite struct UsageTests {
        private func predict(_ arguments: String..., in folder: URL? = nil) throws -> Tool.Outcome {
            try Tool.run(["predict", "--weights", Shared.weights.path] + arguments, in: folder)
        }

        /// A folder with `photo.png`, and `scan.nii.gz` of two slices.
        private static let inputs = Result { () throws -> URL in
            let folder = try Scratch.folder()
            try PictureFile.write(Discs.pair(3).picture, to: folder.appending(path: "photo.png"))
            let values: [Float] = (0..<3200).map { Float($0 % 50) / 50 }
            let image = VolumeImage(voxels: HostTensor(values, shape: [2, 40, 40]), geometry: VolumeGeometry(spacing: [1, 1, 3]))
            try NIfTIFile.write(image, to: folder.appending(path: "scan.nii.gz"))
            return folder
        }

        /// Silence would let the user believe that they had an effect.
        @Test(arguments: [
            ["--format", "nii.gz"], ["--series", "2"], ["--slice-axis", "1"], ["--statistics"], ["--resample"], ["--window", "none"],
            ["--voxel-order", "RAS"], ["--segment-codes", "codes.csv"],
        ])
        func optionsForVolumesAreRefusedForPictures(_ options: [String]) throws {
            let folder = try Self.inputs.get(), output = try Scratch.folder().appending(path: "out")
            let outcome = try Tool.run(
                ["predict", "--weights", Shared.weights.path, folder.appending(path: "photo.png").path, "--output", output.path] + options)
            expectRefusal(outcome, 64, naming: options[0], "for volumes", "leave it out")
            #expect(!exists(output))
        }

        @Test func formatsThatDoNotFitAreRefusedBeforeTheNetworkRuns() throws {
            let folder = try Self.inputs.get(), output = try Scratch.folder().appending(path: "out")
            func refused(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
                let outcome = try Tool.run(
                    ["predict", "--weights", Shared.nineClasses.path, "--image-size", "32", "scan.nii.gz"] + arguments, in: folder)
                #expect(outcome.code == 65 || outcome.code == 64, "\(outcome.error)", sourceLocation: sourceLocation)
                #expect(!outcome.error.contains("through the network"), "\(outcome.error)", sourceLocation: sourceLocation)
                return outcome.error
            }
            #expect(try refused("--output", output.path, "--format", "png").contains("scan.nii.gz: is a volume"))
            for format in ["dicom-seg", "dicom-sc"] {
                #expect(try refused("--output", output.path, "--format", format).contains("not a DICOM series"))
            }
            let file = output.appending(path: "found.dcm").path
            #expect(try refused("--output", file).contains("not a DICOM series"))
            #expect(try refused("--output", output.appending(path: "a.nrrd").path, "--format", "mha").contains("--format mha"))
            #expect(results(output).isEmpty)
        }

        /// Arrays hold 0…1, so no window is assumed, applied or recorded.
        @Test func arraysAreNotMapped() throws {
            let array = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "SegmentationTests/Fixtures/SynapseSet/test_vol_h5")
            let output = try Scratch.folder()
            let outcome = try Tool.run(
                "predict", "--weights", Shared.nineClasses.path, "--image-size", "32", array.path, "--output", output.path)
            expectDone(outcome)
            #expect(!outcome.error.contains("percentile") && outcome.error.contains("values 0…1"), "\(outcome.error)")
            let records = try JSONSerialization.jsonObject(with: Data(contentsOf: output.appending(path: "predictions.json")))
            let settings = try #require((records as? [[String: Any]])?.first?["settings"] as? [String: Any])
            #expect(settings["window"] as? String == "none" && settings["voxel_order"] == nil, "\(settings)")
        }

        @Test func rawLogitsTakeNoOptionsForMasks() throws {
            expectRefusal(try predict("--raw", "x.npy", "--output", "y.npy", "--overlay"), 64, naming: "--overlay", "--raw")
            expectRefusal(try predict("--raw", "x.npy", "--output", "y.npy", "--window", "0,1"), 64, naming: "--window", "--raw")
        }

        @Test func messagesSayWhatIsExpected() throws {
            for (arguments, words) in [
                (["predict", "--nope"], ["Unknown option '--nope'"]),
                (["predict"], ["name at least one picture, volume or folder"]),
                (["predict", "x.nii", "--window", "3,2"], ["'3,2'", "LOW below HIGH"]),
                (["predict", "x.nii", "--voxel-order", "RRS"], ["'RRS'", "one each of L or R"]),
                (["predict", "x.png", "--threshold", "-1"], ["--threshold", "got -1.0"]),
                (["evaluate", "--weights", "w", "--data", "d", "--spacing", "1,2"], ["'1,2'", "three numbers"]),
                (["summary", "--depths", "2,x"], ["'2,x'", "2,2,9,2"]),
                (["train", "--data", Shared.discs.path, "--lr", "-1"], ["learning_rate", "got -1"]),
            ] {
                let outcome = try Tool.run(arguments)
                #expect(outcome.code == 64, "\(arguments): \(outcome.error)")
                for word in words { #expect(outcome.error.contains(word), "\(arguments): \(outcome.error)") }
                #expect(!outcome.error.contains("Error:") && outcome.error.contains("error: "), "\(outcome.error)")
            }
        }

        @Test func sets() throws {
            let folder = try Scratch.folder(), photo = try Self.inputs.get().appending(path: "photo.png")
            expectRefusal(try Tool.run("check", photo.path), naming: "photo.png: is a file", "predict")
            expectRefusal(try Tool.run("check", folder.path), 64, naming: "--dataset", "train/images")
            try FileManager.default.copyItem(at: Shared.discs.appending(path: "val"), to: folder.appending(path: "val"))
            let outcome = try Tool.run("check", folder.path)
            expectDone(outcome)
            #expect(outcome.out.contains("val: 8 samples"))
        }

        /// The weights may be at fault, not the labels.
        @Test func weightsOfAnotherSetAreNamedFirst() throws {
            let outcome = try Tool.run(
                "evaluate", "--weights", Shared.nineClasses.path, "--data", Shared.discs.path, "--dataset", "folder", "--image-size", "32")
            expectRefusal(outcome, naming: "is a network of 9 classes, which this set does not fit")
            let lines = outcome.error.split(separator: "\n").filter { $0.hasPrefix("error: ") }
            #expect(lines.first?.contains(Shared.nineClasses.lastPathComponent) == true, "\(outcome.error)")
        }

        /// Keys are written like_this in every object.
        @Test func keysOfJSONHaveOneStyle() throws {
            func keys(_ value: Any) -> [String] {
                if let object = value as? [String: Any] { return Array(object.keys) + object.values.flatMap(keys) }
                return (value as? [Any])?.flatMap(keys) ?? []
            }
            let set = ["--data", Shared.discs.path, "--dataset", "folder"]
            for (arguments, expected) in [
                (["evaluate", "--weights", Shared.weights.path, "--json", "-"] + set, "true_positives"),
                (["summary", "--preset", "tiny", "--json"], "decoder_depths"), (["check", Shared.discs.path, "--json"], "width_pixels"),
                (["bench", "--preset", "tiny", "--image-size", "32", "--json"], "median_seconds"),
            ] {
                let outcome = try Tool.run(arguments)
                expectDone(outcome)
                let found = Set(keys(try json(outcome.out)))
                #expect(found.contains(expected) && found.allSatisfy { $0.wholeMatch(of: /[a-z0-9_]+/) != nil }, "\(found.sorted())")
            }
        }

        /// The page is made in a hidden folder, whose name would say nothing.
        @Test func namesOfTemporaryFoldersAreNotShown() throws {
            let folder = try Scratch.folder(), weights = folder.appending(path: String(repeating: "w", count: 247) + ".pth")
            try WeightsFile.write(try WeightsFile.read(Shared.weights), to: weights)
            let outcome = try Tool.run("page", "--output", folder.appending(path: "site").path, "--weights", weights.path)
            expectRefusal(outcome, naming: folder.appending(path: "site").path)
            #expect(!outcome.error.contains(".site.new") && names(folder) == [weights.lastPathComponent], "\(outcome.error)")
        }
    }
}
