import Foundation
import Imaging
import TensorFiles
import Testing

extension ToolTests {
    @Suite struct PredictTests {
        private func predict(_ arguments: String..., to folder: URL, weights: URL = Shared.weights) throws -> Tool.Outcome {
            try Tool.run(["predict", "--weights", weights.path, "--output", folder.path, "--image-size", "64"] + arguments)
        }

        @Test func masksOverlaysAndProbabilities() throws {
            let folder = try Scratch.folder()
            let outcome = try predict(Shared.pictures.path, "--overlay", "--probabilities", to: folder)
            expectDone(outcome)
            #expect(outcome.out.isEmpty)
            let stems = names(Shared.pictures).map { ($0 as NSString).deletingPathExtension }
            #expect(results(folder) == stems.flatMap { ["\($0).png", "\($0)_overlay.png", "\($0)_probability.png"] })
            for stem in stems {
                let picture = try PictureFile.read(Shared.pictures.appending(path: stem + ".png"))
                let mask = try PictureFile.read(folder.appending(path: stem + ".png"))
                let overlay = try PictureFile.read(folder.appending(path: stem + "_overlay.png"))
                let probability = try PictureFile.read(folder.appending(path: stem + "_probability.png"))
                #expect(mask.channels == 1 && overlay.channels == 3 && probability.channels == 1)
                #expect(Set(mask.pixels) == [0, 255])
                // The threshold is 127.5 of 255; rounding leaves one value on either side.
                #expect(zip(mask.pixels, probability.pixels).allSatisfy { $0 == 255 ? $1 >= 127 : $1 <= 128 })
                let changed = mask.pixels.indices.count { i in (0..<3).contains { overlay.pixels[3 * i + $0] != picture.pixels[3 * i + $0] }
                }
                #expect(changed > 0 && changed < mask.pixels.count)
            }
        }

        /// Pictures of any size, form and name: each gets a mask of its own size under its own
        /// name.
        @Test func sizesAndNames() throws {
            let (folder, output) = (try Scratch.folder(), try Scratch.folder())
            let sizes = [
                "one.png": (1, 1), "thin line.png": (300, 1), "ünïcode 日本.jpg": (50, 70), "100%20.PNG": (33, 95), "a?b#c:d.jpeg": (64, 64),
                "-x.png": (5, 3),
            ]
            for (name, size) in sizes {
                // The writer chooses the format by the lower-case extension; users write it in any
                // case.
                let whole = Picture(
                    width: size.0, height: size.1, channels: 3, pixels: (0..<size.0 * size.1 * 3).map { UInt8(($0 * 37) % 251) })
                let plain = folder.appending(path: "plain." + (name as NSString).pathExtension.lowercased())
                try PictureFile.write(whole, to: plain)
                try FileManager.default.moveItem(at: plain, to: folder.appending(path: name))
            }
            expectDone(try predict(folder.path, to: output))
            #expect(results(output) == sizes.keys.map { ($0 as NSString).deletingPathExtension + ".png" }.sorted())
            for (name, size) in sizes {
                let mask = try PictureFile.read(output.appending(path: (name as NSString).deletingPathExtension + ".png"))
                #expect((mask.width, mask.height) == size, "\(name)")
            }
        }

        @Test func sameNamesDoNotReplaceEachOther() throws {
            let (folder, output) = (try Scratch.folder(), try Scratch.folder())
            let picture = Discs.pair(1, size: 32).picture
            for name in ["a.png", "a.jpg", "a_overlay.png"] { try PictureFile.write(picture, to: folder.appending(path: name)) }
            expectDone(try predict(folder.path, "--overlay", to: output))
            #expect(
                results(output) == [
                    "a.jpg.png", "a.jpg_overlay.png", "a.png.png", "a.png_overlay.png", "a_overlay.png.png", "a_overlay.png_overlay.png",
                ])
        }

        @Test func aBadPictureStopsNoOther() throws {
            let (folder, output) = (try Scratch.folder(), try Scratch.folder())
            let good = try Data(contentsOf: Shared.pictures.appending(path: names(Shared.pictures)[0]))
            try good.write(to: folder.appending(path: "good.png"))
            try good.prefix(good.count / 2).write(to: folder.appending(path: "cut.png"))
            try Data().write(to: folder.appending(path: "empty.png"))
            try Data("<html>not found</html>".utf8).write(to: folder.appending(path: "page.jpg"))
            try FileManager.default.createDirectory(at: folder.appending(path: "folder.png"), withIntermediateDirectories: true)
            #expect(mkfifo(folder.appending(path: "pipe.png").path, 0o600) == 0)
            try FileManager.default.createSymbolicLink(atPath: folder.appending(path: "loop.png").path, withDestinationPath: "loop.png")
            let outcome = try predict(folder.path, folder.appending(path: "nowhere.png").path, to: output)
            expectRefusal(outcome, naming: "cut.png", "empty.png", "page.jpg", "HTML", "pipe.png", "loop.png", "nowhere.png")
            #expect(outcome.error.contains("1 sub-folder was not entered"), "a folder is one whatever its name: \(outcome.error)")
            #expect(results(output) == ["good.png"])
        }

        @Test func aPictureNamedAsAnotherKindIsReadByItsContent() throws {
            let (folder, output) = (try Scratch.folder(), try Scratch.folder())
            let jpeg = folder.appending(path: "x.jpg")
            try PictureFile.write(Discs.pair(2).picture, to: jpeg)
            try FileManager.default.moveItem(at: jpeg, to: folder.appending(path: "x.png"))
            expectDone(try predict(folder.path, to: output))
            #expect(results(output) == ["x.png"])
        }

        @Test func noPictureIsReplacedByItsMask() throws {
            let folder = try Scratch.folder()
            try PictureFile.write(Discs.pair(1).picture, to: folder.appending(path: "a.png"))
            let before = try Data(contentsOf: folder.appending(path: "a.png"))
            expectRefusal(try predict(folder.path, to: folder), naming: "a.png", "another --output")
            // By another path to the same place as well.
            let link = try Scratch.folder().appending(path: "link")
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: folder)
            expectRefusal(try predict(folder.path, to: link), naming: "a.png", "another --output")
            #expect(try Data(contentsOf: folder.appending(path: "a.png")) == before)
            #expect(results(folder) == ["a.png"])
        }

        /// a.nii becomes a.nii.gz, which is another volume here.
        @Test func noVolumeIsReplacedByLabels() throws {
            let folder = try Scratch.folder()
            let values: [Float] = (0..<3200).map { Float($0 % 50) }
            let voxels = HostTensor(values, shape: [2, 40, 40])
            let inputs = ["a.nii", "a.nii.gz"].map { folder.appending(path: $0) }
            for url in inputs { try NIfTIFile.write(VolumeImage(voxels: voxels, geometry: VolumeGeometry(spacing: [1, 1, 1])), to: url) }
            let before = try Data(contentsOf: inputs[1])
            // Distinguished by their endings, neither replaces the other.
            expectDone(try predict(folder.path, "--force", to: folder))
            #expect(try Data(contentsOf: inputs[1]) == before)
            #expect(results(folder) == ["a.nii", "a.nii.gz", "a.nii.gz.nii.gz", "a.nii.nii.gz"])
            let output = try Scratch.folder()
            expectDone(try predict(inputs[0].path, inputs[1].path, "--force", "--overlay", to: output))
            #expect(
                results(output) == [
                    "a.nii.gz.nii.gz", "a.nii.gz_overlay.png", "a.nii.nii.gz", "a.nii_overlay.png",
                ])
        }

        @Test func labelsOfSeveralClasses() throws {
            let output = try Scratch.folder()
            expectDone(try predict(Shared.pictures.path, to: output, weights: Shared.nineClasses))
            let mask = try PictureFile.readLabels(output.appending(path: results(output)[0]))
            #expect((mask.width, mask.height) == (64, 64))
            #expect(mask.pixels.allSatisfy { $0 < 9 } && Set(mask.pixels).count > 1)
        }

        // MARK: --raw

        private func raw(_ tensor: HostTensor, weights: URL = Shared.nineClasses) throws -> (Tool.Outcome, URL) {
            let folder = try Scratch.folder()
            let (input, output) = (folder.appending(path: "x.npy"), folder.appending(path: "y.npy"))
            try NumPyFile.write(tensor, to: input)
            return (try Tool.run("predict", "--weights", weights.path, "--raw", input.path, "--output", output.path), output)
        }

        @Test func logitsArePyTorchs() throws {
            let golden = try SafetensorsFile.read(Shared.nineClassesCase)
            let (outcome, output) = try raw(try #require(golden["x"]))
            expectDone(outcome)
            let (got, expected) = (try NumPyFile.read(output), try #require(golden["logits"]))
            #expect(got.shape == expected.shape && got.elementType == .float32)
            let difference = zip(got.doubles, expected.doubles).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
            let norm = expected.doubles.reduce(0) { $0 + $1 * $1 }
            #expect((difference / norm).squareRoot() < 1e-5)
        }

        @Test func sameBitsEveryTime() throws {
            let x = try #require(try SafetensorsFile.read(Shared.nineClassesCase)["x"])
            #expect(try Data(contentsOf: raw(x).1) == Data(contentsOf: raw(x).1))
        }

        @Test func notANumberGoesThrough() throws {
            var values = [Float](repeating: 0.5, count: 3 * 32 * 64)
            (values[7], values[900]) = (.nan, .infinity)
            let (outcome, output) = try raw(HostTensor(values, shape: [1, 3, 32, 64]))
            expectDone(outcome)
            let logits = try NumPyFile.read(output)
            #expect(logits.shape == [1, 9, 32, 64])
            #expect(logits.floats.contains { $0.isNaN })
        }

        @Test(arguments: [[1, 3, 60, 64], [1, 2, 64, 64], [3, 64, 64], [0, 3, 64, 64], [1, 3, 0, 64]])
        func shapesThatDoNotFit(shape: [Int]) throws {
            let (outcome, output) = try raw(HostTensor([Float](repeating: 0, count: shape.reduce(1, *)), shape: shape))
            expectRefusal(outcome, naming: "x.npy", "multiples of 32", "\(shape)")
            #expect(!exists(output))
        }

        @Test func typesThatDoNotFit() throws {
            let (outcome, _) = try raw(HostTensor([Double](repeating: 0, count: 3 * 32 * 32), shape: [1, 3, 32, 32]))
            expectRefusal(outcome, naming: "x.npy", "float64")
        }

        // MARK: Options

        @Test(arguments: [
            ["--image-size", "50"], ["--image-size", "0"], ["--image-size", "9223372036854775807"], ["--threshold", "1.5"],
            ["--threshold", "nan"],
            ["--device", "abacus"], ["--raw", "x.npy"],
        ])
        func usage(options: [String]) throws {
            let outcome = try Tool.run(["predict", "--weights", Shared.weights.path, "--output", "o", Shared.pictures.path] + options)
            expectRefusal(outcome, 64, naming: options[0])
        }

        @Test func outputsThatCannotBe() throws {
            let file = try Scratch.folder().appending(path: "file")
            try Data("mine".utf8).write(to: file)
            expectRefusal(try predict(Shared.pictures.path, to: file), naming: file.path, "--output")
            expectRefusal(
                try predict(Shared.pictures.path, to: file.appending(path: "below")), naming: "file/below", "cannot be created", "--output")
            #expect(try text(file) == "mine")
            expectRefusal(try predict("nowhere", to: try Scratch.folder()), naming: "nowhere", "check the path")
            expectRefusal(try predict(try Scratch.folder().path, to: try Scratch.folder()), naming: "no picture or volume")
        }
    }
}
