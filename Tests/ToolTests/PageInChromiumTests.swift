import Foundation
import Imaging
import TensorFiles
import Testing

extension ToolTests {
    /// The page in a headless Chromium (page.py): its masks beside the tool's.
    @Suite(.serialized) struct PageInChromiumTests {
        private static let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
        private static let data = Tool.environment["VMUNET_TEST_DATA"].map { URL(filePath: $0) }
        private static let canBrowse = chromium != nil && Tool.python.map { hasPlaywright($0) } == true

        private static func hasPlaywright(_ python: URL) -> Bool {
            (try? Running(python, ["-c", "import playwright.sync_api"]).outcome().code) == 0
        }

        private struct Shown: Decodable {
            struct Item: Decodable {
                let name, state, text: String
                let saved, note: String?
                let planes: [String]?
            }
            /// The page's state after each step.
            struct Keyboard: Decodable {
                let area, mode, threshold, lower, saved: String
                let zoom: [String]
            }
            /// A window of the browser.
            struct Layout: Decodable {
                let size: String
                let hasNotice, hasCurrent, isMessageWhole, isWide: Bool
                /// Of the page's name and of three buttons, in pixels.
                let heights: [Int]
            }
            let items: [Item]
            let layout: [Layout]?
            let statuses, intros, foreign, errors: [String]
            let keyboard: Keyboard?
        }

        private func browse(_ arguments: [String], _ files: [URL]) throws -> Shown {
            let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "page.py").path
            let all =
                [script, try #require(Self.chromium), try PageTests.page.get().path, try Scratch.folder().path] + arguments
                + files.map(\.path)
            let outcome = try Running(try #require(Tool.python), all).outcome()
            try #require(outcome.code == 0, "\(outcome.error)")
            let shown = try JSONDecoder().decode(Shown.self, from: Data(outcome.out.utf8))
            #expect(shown.foreign.isEmpty)
            #expect(shown.errors.isEmpty)
            return shown
        }

        /// Expects the masks that `vmunet predict` gives, save for one pixel in `share`.
        private func expectTheTools(
            _ items: [Shown.Item], _ folder: URL, oneIn share: Int = 10_000, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            for item in items {
                #expect(item.state == "done", "\(item.name): \(item.text)", sourceLocation: sourceLocation)
                let mask = try PictureFile.read(URL(filePath: try #require(item.saved, sourceLocation: sourceLocation)))
                let truth = try PictureFile.read(folder.appending(path: item.name).deletingPathExtension().appendingPathExtension("png"))
                try #require((mask.width, mask.height, mask.channels) == (truth.width, truth.height, 1), sourceLocation: sourceLocation)
                #expect(Set(mask.pixels) == [0, 255], "\(item.name)", sourceLocation: sourceLocation)
                let differing = zip(mask.pixels, truth.pixels).count { $0 != $1 }
                #expect(
                    differing * share <= mask.pixels.count, "\(item.name): \(differing) of \(mask.pixels.count) differ",
                    sourceLocation: sourceLocation)
            }
        }

        /// PNG of every kind; with several threads, and without a connection, too.
        @Test(.enabled(if: canBrowse, "needs Chromium and Python's playwright (VMUNET_PYTHON)"))
        func masksAreTheTools() throws {
            let (input, output) = (try Scratch.folder(), try Scratch.folder())
            let lesion = LesionGenerator.sample(index: 16, size: 333, seed: 42).picture
            try PictureFile.write(lesion, to: input.appending(path: "rgb.png"))
            _ = try Tool.python(
                """
                import sys
                import numpy as np
                from PIL import Image
                folder = sys.argv[1]
                rgb = Image.open(folder + "/rgb.png")
                rgb.convert("L").save(folder + "/grey.png")
                rgb.quantize(64).save(folder + "/palette.png")
                alpha = rgb.copy()
                alpha.putalpha(Image.fromarray((np.indices((333, 333)).sum(0) % 256).astype(np.uint8)))
                alpha.save(folder + "/alpha.png")
                Image.fromarray(np.asarray(rgb.convert("L")).astype(np.uint16) * 257).save(folder + "/sixteen.png")
                rgb.resize((1200, 700)).save(folder + "/wide.png")
                rgb.resize((40, 90)).save(folder + "/small.png")
                for orientation in (3, 6, 7):
                    exif = Image.Exif()
                    exif[0x112] = orientation
                    rgb.resize((300, 200)).save(f"{folder}/turned{orientation}.png", exif=exif)
                """, input.path)
            let files = names(input).map { input.appending(path: $0) }
            #expect(files.count == 10)
            expectDone(try Tool.run(["predict", "--output", output.path] + files.map(\.path)))
            try expectTheTools(try browse([], files).items, output)
            for mode in ["--isolated", "--offline"] { try expectTheTools(try browse([mode], Array(files.prefix(2))).items, output) }
        }

        /// Dermoscopic pictures as PNG, one of them of six million pixels. As JPEG, which the
        /// browser decodes, pixels along the outline may differ.
        @Test(
            .enabled(if: canBrowse, "needs Chromium and Python's playwright (VMUNET_PYTHON)"),
            .enabled(if: data != nil, "needs real pictures (VMUNET_TEST_DATA)"))
        func masksOfRealPicturesAreTheTools() throws {
            let (input, output) = (try Scratch.folder(), try Scratch.folder())
            _ = try Tool.python(
                """
                import glob, shutil, sys
                from PIL import Image
                data, folder = sys.argv[1:]
                small = sorted(glob.glob(data + "/isic17/val/images/*.jpg"))[:24:8]
                large = sorted(glob.glob(data + "/isic17_fullres/images/*.jpg"))[:1]
                for i, file in enumerate(small + large):
                    Image.open(file).save(f"{folder}/{i}.png")
                    shutil.copy(file, f"{folder}/jpeg{i}.jpg")
                exif = Image.Exif()
                exif[0x112] = 6
                Image.open(small[0]).resize((300, 200)).save(folder + "/turned.jpg", exif=exif)
                """, try #require(Self.data).path, input.path)
            let files = names(input).map { input.appending(path: $0) }
            try #require(files.count == 9)
            expectDone(try Tool.run(["predict", "--output", output.path] + files.map(\.path)))
            let items = try browse([], files).items, isJPEG = { (item: Shown.Item) in item.name.hasSuffix(".jpg") }
            try expectTheTools(items.filter { !isJPEG($0) }, output)
            try expectTheTools(items.filter(isJPEG), output, oneIn: 1000)
        }

        /// A CT with weights of nine classes: labels, and where they lie, are those of `vmunet
        /// predict`.
        @Test(
            .enabled(if: canBrowse, "needs Chromium and Python's playwright (VMUNET_PYTHON)"),
            .enabled(if: data != nil && Tool.fixtures != nil, "needs a real volume (VMUNET_TEST_DATA) and VMUNET_FIXTURES"))
        func labelsOfAVolumeAreTheTools() throws {
            let output = try Scratch.folder()
            let file = try #require(Self.data).appending(path: "volumes/spleen_ct/sub-spleen2_ct.nii.gz")
            let weights = try #require(Tool.fixtures).appending(path: "model_small9_weights.safetensors")
            expectDone(try Tool.run("predict", "--weights", weights.path, "--output", output.path, file.path))
            let shown = try browse(["--weights", weights.path], [file]), item = try #require(shown.items.first)
            #expect(item.state == "done", "\(item.text)")
            let found = try NIfTIFile.read(URL(filePath: try #require(item.saved)))
            let truth = try NIfTIFile.read(output.appending(path: file.lastPathComponent))
            #expect(found.voxels.shape == truth.voxels.shape && found.geometry.affine == truth.geometry.affine)
            let (a, b) = (try #require(found.labels), try #require(truth.labels))
            #expect(Set(b).count > 3)
            let differing = zip(a, b).count { $0 != $1 }
            #expect(differing * 10_000 <= b.count, "\(differing) of \(b.count) differ")
        }

        /// A volume whose header gives no directions is shown as it is stored, and says so.
        @Test(
            .enabled(if: canBrowse, "needs Chromium and Python's playwright (VMUNET_PYTHON)"),
            .enabled(if: Tool.fixtures != nil, "needs VMUNET_FIXTURES"))
        func aVolumeWithoutDirectionsNamesNoSide() throws {
            let folder = try Scratch.folder(), weights = try #require(Tool.fixtures).appending(path: "model_small9_weights.safetensors")
            _ = try Tool.python(
                """
                import struct, sys
                for name, code in [("placed.nii", 1), ("stored.nii", 0)]:
                    h = bytearray(352); struct.pack_into("<i", h, 0, 348); struct.pack_into("<8h", h, 40, 3, 40, 36, 3, 1, 1, 1, 1)
                    struct.pack_into("<hh", h, 70, 2, 8); struct.pack_into("<8f", h, 76, 1, 1, 1, 2, 1, 1, 1, 1); struct.pack_into("<f", h, 108, 352)
                    struct.pack_into("<h", h, 254, code); h[344:348] = b"n+1\\0"
                    for row, size in enumerate([1, 1, 2]): struct.pack_into("<f", h, 280 + 20 * row, size)
                    open(sys.argv[1] + "/" + name, "wb").write(bytes(h) + bytes(i % 251 for i in range(40 * 36 * 3)))
                """, folder.path)
            let files = names(folder).map { folder.appending(path: $0) }
            let items = try browse(["--weights", weights.path], files).items
            try #require(items.map(\.state) == ["done", "done"], "\(items.map(\.text))")
            #expect(items[0].planes?.starts(with: ["Axial", "Coronal", "Sagittal", "R", "L"]) == true && items[0].note == "")
            #expect(items[1].planes == ["Slices", "Rows", "Columns"])
            #expect(items[1].note?.contains("does not say how the voxels lie: the volume is taken as stored") == true)
        }

        /// Damaged and hostile pictures and volumes get a message, and the page goes on.
        @Test(.enabled(if: canBrowse, "needs Chromium and Python's playwright (VMUNET_PYTHON)"))
        func hostileFilesGetAMessage() throws {
            let folder = try Scratch.folder()
            let good = LesionGenerator.sample(index: 3, size: 96, seed: 1).picture
            try PictureFile.write(good, to: folder.appending(path: "z_good.png"))
            _ = try Tool.python(
                """
                import gzip, io, struct, sys, zlib
                from PIL import Image
                folder = sys.argv[1]
                png = open(folder + "/z_good.png", "rb").read()
                def encoded(**options): file = io.BytesIO(); Image.open(folder + "/z_good.png").save(file, "JPEG", **options); return file.getvalue()
                jpeg, progressive = encoded(), encoded(progressive=True)
                def closed(data, count): return data[:-count] + b"\\xff\\xd9"
                def repeated(data): return data[:-2] + data[-200:]
                middle = len(jpeg) * 2 // 3
                for i, options in enumerate([{"progressive": True}, {"subsampling": 2, "restart_marker_rows": 1}, {"progressive": True, "restart_marker_blocks": 3}, {"optimize": True, "quality": 100}]):
                    open(f"{folder}/z_good{i}.jpg", "wb").write(encoded(**options) + b"more than the picture")
                Image.open(folder + "/z_good.png").convert("CMYK").save(folder + "/z_good_inks.jpg")
                def chunk(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
                def bomb(width, height): return png[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
                def nifti(shape, kind=2, bits=8, offset=352.0):
                    h = bytearray(352); struct.pack_into("<i", h, 0, 348); struct.pack_into("<8h", h, 40, 3, *shape, 1, 1, 1, 1)
                    struct.pack_into("<hh", h, 70, kind, bits); struct.pack_into("<f", h, 108, offset); h[344:348] = b"n+1\\0"; return bytes(h)
                files = {
                    "empty.png": b"", "cut.png": png[:len(png) // 2], "flipped.png": png[:200] + bytes([png[200] ^ 255]) + png[201:],
                    "huge.png": bomb(2**31 - 1, 2**31 - 1), "bomb.png": bomb(9000, 9000), "cut.jpg": jpeg[:len(jpeg) // 2],
                    "closed.jpg": closed(jpeg, 500), "closed_progressive.jpg": closed(progressive, 100), "missing.jpg": jpeg[:middle] + jpeg[middle + 200:],
                    "repeated.jpg": repeated(jpeg), "repeated_progressive.jpg": repeated(progressive), "headless.jpg": jpeg[:2] + b"\\xff\\xd9",
                    "huge.jpg": jpeg.replace(struct.pack(">HH", 96, 96), struct.pack(">HH", 65535, 65535), 1), "page.jpg": b"<!doctype html><html></html>",
                    "text.png": b"no picture", "a.nii": b"no volume", "negative.nii": nifti((-5, 5, 5)), "large.nii": nifti((32767, 32767, 32767)),
                    "short.nii": nifti((9, 9, 9)), "zip.nii.gz": gzip.compress(nifti((2000, 2000, 200)))[:200], "bomb.nii.gz": gzip.compress(nifti((1000, 1000, 900)) + bytes(1000)),
                    "small.nii": nifti((4, 4, 4)) + bytes(64),
                }
                for name, data in files.items(): open(folder + "/" + name, "wb").write(data)
                """, folder.path)
            let files = names(folder).map { folder.appending(path: $0) }
            let shown = try browse([], files)
            for item in shown.items {
                #expect(item.state == (item.name.hasPrefix("z_good") ? "done" : "failed"), "\(item.name): \(item.text)")
                #expect(!item.text.contains("inside the page"), "\(item.name): \(item.text)")
            }
            #expect(shown.items.count == files.count)
        }

        /// Files that are not weights get a message, and the previous weights stay.
        @Test(.enabled(if: canBrowse, "needs Chromium and Python's playwright (VMUNET_PYTHON)"))
        func hostileWeightsGetAMessage() throws {
            let folder = try Scratch.folder(), picture = folder.appending(path: "good.png")
            try PictureFile.write(LesionGenerator.sample(index: 3, size: 96, seed: 1).picture, to: picture)
            func safetensors(_ header: String, _ count: Int) -> Data {
                var data = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
                data.append(Data(header.utf8))
                data.append(Data(count: count))
                return data
            }
            let hostile = [
                "text": Data("no weights".utf8), "long": Data([255, 255, 255, 255, 255, 255, 255, 127, 123]),
                "other": safetensors(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8),
                "outside": safetensors(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,80]}}"#, 8),
                "wrapped": safetensors(#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#, 0),
                "deep": safetensors(String(repeating: "[", count: 100_000), 0),
            ]
            let all = try hostile.sorted { $0.key < $1.key }.map { name, data in
                let file = folder.appending(path: name + ".safetensors")
                try data.write(to: file)
                return file
            }
            let shown = try browse(all.flatMap { ["--weights", $0.path] }, [picture])
            #expect(shown.items.map(\.state) == ["done"])
            try #require(shown.statuses.count == 1 + all.count)
            for (file, status) in zip(all, shown.statuses.dropFirst()) {
                #expect(status.contains("weights") || status.contains("safetensors"), "\(file.lastPathComponent): \(status)")
                #expect(!status.contains("inside the page"), "\(file.lastPathComponent): \(status)")
            }
        }

        /// Other weights are announced as what they are.
        @Test(.enabled(if: canBrowse, "needs Chromium and Python's playwright (VMUNET_PYTHON)"))
        func theIntroductionIsTheWeights() throws {
            let file = try Scratch.folder().appending(path: "organs.safetensors")
            var weights = try WeightsFile.read(Shared.nineClasses)
            let names = ["background"] + (1...8).map { "organ \($0)" }
            for (key, text) in [
                ("format_version", "1"), ("input", "volumes"), ("modality", "CT"), ("class_names", names.joined(separator: ",")),
            ] { weights.metadata[key] = .string(text) }
            try WeightsFile.write(weights, to: file)
            let intro = try #require(try browse(["--weights", file.path], []).intros.last)
            #expect(intro.contains("medical volumes") && intro.contains("CT volumes here; the network looks for 8 classes."), "\(intro)")
            #expect(!intro.contains("an example") && !intro.contains("lesion") && !intro.contains("pictures"), "\(intro)")
            // An optimizer's state is no part of the network.
            let run = try Scratch.folder().appending(path: "last.safetensors")
            for (key, tensor) in weights { weights["optimizer.exp_avg." + key] = tensor }
            try WeightsFile.write(weights, to: run)
            let both = try browse(["--weights", file.path, "--weights", run.path], []).intros.dropFirst()
            #expect(both.count == 2 && Set(both).count == 1, "\(both)")
        }

        /// Tab reaches everything, and keys zoom, choose and save.
        @Test(.enabled(if: canBrowse, "needs Chromium and Python's playwright (VMUNET_PYTHON)"))
        func theKeyboardAloneIsEnough() throws {
            let shown = try browse(["--keyboard"], []), keyboard = try #require(shown.keyboard)
            let intro = try #require(shown.intros.first)
            #expect(
                intro.contains("medical pictures") && intro.contains("dermoscopy pictures here; the network looks for “lesion”."),
                "\(intro)")
            #expect(intro.hasSuffix("an example"), "\(intro)")
            #expect(Set(keyboard.zoom).count == 2 && keyboard.zoom[0] == keyboard.zoom[2], "\(keyboard.zoom)")
            #expect(keyboard.mode == "compare" && keyboard.threshold == "0.40" && keyboard.saved == "example_mask.png")
            let areas = try [keyboard.area, keyboard.lower].map { try #require(Int($0.replacing(",", with: ""))) }
            #expect(areas[0] > 1000 && areas[1] > areas[0], "a lower threshold takes in more: \(areas)")
        }

        @Test(
            .enabled(if: canBrowse, "needs Chromium and Python's playwright (VMUNET_PYTHON)"),
            arguments: [(["--without-simd"], "SIMD"), (["--memory", "512"], "64 MB of memory")])
        func whatIsMissingIsSaid(_ arguments: [String], _ words: String) throws {
            let statuses = try browse(arguments, []).statuses
            #expect(statuses.count == 1 && statuses[0].contains(words), "\(statuses)")
        }

        /// What could not be loaded is said in the picture's place, and asked for again.
        @Test(
            .enabled(if: canBrowse, "needs Chromium and Python's playwright (VMUNET_PYTHON)"),
            arguments: [
                ("page.json", "page.json"), ("weights/isic17.safetensors", "weights could not be loaded"),
                ("vmunet-relaxed.wasm", "code could not be loaded"), ("worker/worker.js", "worker could not go on"),
            ])
        func aLostFileIsSaid(_ path: String, _ words: String) throws {
            let picture = try Scratch.folder().appending(path: "good.png")
            try PictureFile.write(LesionGenerator.sample(index: 3, size: 96, seed: 1).picture, to: picture)
            let shown = try browse(["--lost", path], [picture])
            #expect(shown.statuses.count == 1 && shown.statuses[0].contains(words), "\(shown.statuses)")
            #expect(shown.items.count == 1 && shown.items[0].text.contains(words), "\(shown.items.map(\.text))")
        }

        /// A volume that was stopped is started again, and then as if nothing had been.
        @Test(.enabled(if: canBrowse, "needs Chromium and Python's playwright (VMUNET_PYTHON)"))
        func stoppedAndStartedAgain() throws {
            let folder = try Scratch.folder(), file = folder.appending(path: "long.nii.gz")
            _ = try Tool.python(
                """
                import sys, nibabel, numpy as np
                values = np.random.default_rng(1).normal(40, 30, (64, 64, 160)).astype(np.int16)
                nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), sys.argv[1])
                """, file.path)
            var network = try WeightsFile.read(Shared.nineClasses)
            network.metadata["format_version"] = .string("1")
            network.metadata["input"] = .string("volumes")
            try WeightsFile.write(network, to: folder.appending(path: "volumes.safetensors"))
            let weights = ["--weights", folder.appending(path: "volumes.safetensors").path]
            let (once, twice) = (try browse(weights, [file]), try browse(weights + ["--stop"], [file]))
            #expect(once.items.map(\.state) == ["done"] && twice.items.map(\.state) == ["done"], "\(twice.items.map(\.text))")
            let saved = try (once.items + twice.items).map { try Data(contentsOf: URL(filePath: try #require($0.saved))) }
            #expect(saved.count == 2 && saved[0] == saved[1])
        }

        /// Two pages in two folders of one server are kept both.
        @Test(.enabled(if: canBrowse, "needs Chromium and Python's playwright (VMUNET_PYTHON)"))
        func twoPagesOfAServerAreKept() throws {
            let folder = try Scratch.folder(), picture = folder.appending(path: "good.png"), other = folder.appending(path: "page")
            try PictureFile.write(LesionGenerator.sample(index: 3, size: 96, seed: 1).picture, to: picture)
            expectDone(try Tool.run("page", "--output", other.path, "--weights", Shared.nineClasses.path))
            #expect(try browse(["--beside", other.path], [picture]).items.map(\.state) == ["done"])
        }

        /// Closing a picture that is segmented stops that, and no weights that are being loaded.
        @Test(.enabled(if: canBrowse, "needs Chromium and Python's playwright (VMUNET_PYTHON)"))
        func closingAPictureStopsNoWeights() throws {
            let folder = try Scratch.folder()
            for (name, size) in [("a", 96), ("b", 3000)] {
                try PictureFile.write(
                    LesionGenerator.sample(index: 3, size: size, seed: 1).picture, to: folder.appending(path: name + ".png"))
            }
            let weights = try PageTests.page.get().appending(path: "weights/isic17.safetensors")
            let shown = try browse(["--close", "--weights", weights.path], names(folder).map { folder.appending(path: $0) })
            #expect(shown.statuses.count == 3 && shown.statuses.last?.hasPrefix("Ready") == true, "\(shown.statuses)")
        }

        /// In windows of all sizes the notice is in view, the list shows the current file, and
        /// texts are whole.
        @Test(.enabled(if: canBrowse, "needs Chromium and Python's playwright (VMUNET_PYTHON)"))
        func everyWindowShowsWhatMatters() throws {
            let folder = try Scratch.folder(), weights = folder.appending(path: "bad.safetensors")
            let files = try (0..<14).map { index in
                let file = folder.appending(path: "picture\(index).png")
                try PictureFile.write(LesionGenerator.sample(index: index, size: 64, seed: 1).picture, to: file)
                return file
            }
            try Data("nothing that could be the weights of a network".utf8).write(to: weights)
            let layout = try #require(try browse(["--layout", "--weights", weights.path], files).layout)
            #expect(layout.count == 5)
            for window in layout {
                #expect(window.hasNotice && window.hasCurrent && window.isMessageWhole && !window.isWide, "\(window)")
                #expect(window.heights.allSatisfy { $0 <= 40 }, "\(window): a text takes two lines")
            }
        }
    }
}
