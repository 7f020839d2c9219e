import Foundation
import Imaging
import TestSupport
import Testing

@testable import Segmentation

@Suite struct PairedFolderTests {
    let folder: TemporaryFolder
    let options = PairedFolder.Options(size: 16)

    init() throws { folder = try TemporaryFolder() }

    private func open(_ split: String? = "train", _ options: PairedFolder.Options? = nil) throws(DataError) -> PairedFolder {
        try PairedFolder(folder.url, split: split, options: options ?? self.options)
    }

    private func fault(_ body: () throws -> Void) -> DataError? {
        do { try body() } catch { return error as? DataError }
        return nil
    }

    // MARK: Pairs

    @Test func pairsByNameWhateverTheOrder() throws {
        // Sorted, the masks are in another order than the pictures.
        let masks = [
            "a.JPG": "a_Segmentation.PNG", "a_1.png": "a_1.png", "a_mask.png": "a_mask_label.png", "B.jpeg": "B_mask.png",
            "é.png": "é_label.png",
        ]
        for (i, (picture, mask)) in masks.sorted(by: { $0.key < $1.key }).enumerated() {
            try folder.write(.noise(width: 8, height: 9 + i), "train/images/\(picture)")
            try folder.write(.disc(width: 8, height: 9 + i), "train/masks/\(mask)")
        }
        for name in [".DS_Store", "Thumbs.db", "notes.txt", "a_superpixels.png", "._a.jpg"] {
            try folder.write([1], "train/images/\(name)")
        }
        try folder.write([1], "train/masks/Thumbs.db")

        let set = try open()
        #expect(set.pairs.map(\.name) == ["B", "a", "a_1", "a_mask", "é"])
        for pair in set.pairs { #expect(masks[pair.picture.lastPathComponent] == pair.masks[0].lastPathComponent) }
        // Each pair has its own height, so this fails if any is mismatched.
        try set.verify()
        for i in 0..<set.count { #expect(try set.sample(at: i).name == set.name(at: i)) }
    }

    @Test func samplesHaveTheShapeAskedFor() throws {
        try folder.writePairs(3, split: "train")
        var options = options
        (options.height, options.width) = (12, 18)
        let sample = try open("train", options).sample(at: 2)
        #expect((sample.channels, sample.height, sample.width) == (3, 12, 18))
        #expect(sample.image.count == 3 * 12 * 18)
        guard case .binary(let plane) = sample.target else { return #expect(Bool(false), "a binary target") }
        #expect(plane.count == 12 * 18 && plane.max() == 1 && plane.min() == 0)
    }

    @Test func evaluationTakesFlatFolders() throws {
        try folder.writePairs(3, split: "flat")
        let flat = folder.url.appending(path: "flat")
        #expect(try PairedFolder.evaluation(flat, split: "val", options: options).count == 3)
        #expect(try PairedFolder.evaluation(folder.url, split: "flat", options: options).count == 3)
        #expect(fault { _ = try PairedFolder(flat, split: "val", options: options) }?.kind == .missingFolder)
    }

    @Test func dividedByTheSeedAlone() throws {
        try folder.writePairs(10, split: "train")
        let set = try open()
        let (training, validation) = try set.divided(seed: 5)
        #expect((training.count, validation.count) == (8, 2))
        #expect(Set((training.pairs + validation.pairs).map(\.name)) == Set(set.pairs.map(\.name)))
        #expect(try set.divided(seed: 5).validation.pairs == validation.pairs)
        #expect(try set.divided(seed: 6).validation.pairs != validation.pairs || set.divided(seed: 7).validation.pairs != validation.pairs)
        #expect(try set.divided(validationFraction: 0, seed: 5).validation.count == 1)
        #expect(try set.divided(validationFraction: 1, seed: 5).training.count == 1)
        let one = PairedFolder(pairs: Array(set.pairs.prefix(1)), options: options)
        #expect(fault { _ = try one.divided(seed: 1) }?.kind == .noPairs)
    }

    // MARK: Wrong folders and names

    @Test func missingFoldersSayWhatIsThere() throws {
        let nowhere = folder.url.appending(path: "nowhere")
        #expect(fault { _ = try PairedFolder(nowhere, split: "train", options: options) }?.path == nowhere.path)
        let empty = try #require(fault { _ = try open() })
        #expect(empty.kind == .missingFolder && empty.description.contains("train/images and train/masks not found; the folder is empty"))
        try folder.writePairs(1, split: "Training")
        let error = try #require(fault { _ = try open() })
        #expect(error.description.contains("it holds Training/"))
    }

    @Test func noPairs() throws {
        try folder.write([1], "train/images/a.bmp")
        try folder.write(.disc(width: 4, height: 4), "train/masks/b.png")
        let error = try #require(fault { _ = try open() })
        #expect(error.kind == .noPairs)
        #expect(error.description.contains("1 bmp in images, 1 png in masks"))
    }

    @Test func everyUnpairedFileIsListed() throws {
        try folder.writePairs(2, split: "train")
        for i in 0..<6 {
            try folder.write(.noise(width: 4, height: 4), "train/images/lone_\(i).png")
            try folder.write(.disc(width: 4, height: 4), "train/masks/orphan_\(i).png")
        }
        try folder.write(.disc(width: 4, height: 4), "train/masks/case_0.png")
        try folder.write(.noise(width: 4, height: 4), "train/images/case_1.jpg")
        let error = try #require(fault { _ = try open() })
        #expect(error.kind == .unpaired && error.problems.count == 14)
        for i in 0..<6 {
            #expect(error.problems.contains("picture without a mask: lone_\(i).png"))
            #expect(error.problems.contains("mask without a picture: orphan_\(i).png"))
        }
        #expect(error.problems.contains("several masks for case_0.png: case_0.png, case_0_segmentation.png"))
        #expect(error.problems.contains("two pictures of one name: case_1.jpg, case_1.png"))
        #expect(error.description.contains("14 problems") && error.description.contains("and 4 more"))
    }

    // MARK: Wrong files

    @Test func sizesThatDifferAreListedUpFront() throws {
        try folder.writePairs(4, split: "train")
        try folder.write(.disc(width: 5, height: 6), "train/masks/case_1_segmentation.png")
        try folder.write([], "train/images/case_2.png")
        let set = try open()
        let error = try #require(fault { try set.verify() })
        #expect(error.problems.count == 2)
        #expect(error.problems[0].contains("case_1_segmentation.png: the mask is 5×6 pixels, its picture 21×21"))
        #expect(error.problems[1].contains("case_2.png: is empty"))
        let atReading = fault { _ = try set.load(at: 1) }
        #expect(atReading?.kind == .sizeMismatch && atReading?.path.hasSuffix("case_1_segmentation.png") == true)
    }

    @Test func unreadablePicturesAreNamed() throws {
        try folder.writePairs(3, split: "train")
        let whole = try Data(contentsOf: folder.url.appending(path: "train/images/case_0.png"))
        try folder.write(Array(whole.prefix(whole.count / 2)), "train/images/case_0.png")
        try folder.write(Array("not a picture".utf8), "train/masks/case_1_segmentation.png")
        let set = try open()
        for (index, name) in [(0, "images/case_0.png"), (1, "masks/case_1_segmentation.png")] {
            let error = try #require(fault { _ = try set.load(at: index) })
            #expect(error.kind == .unreadable && error.path.hasSuffix(name) && error.description.hasPrefix(error.path + ": "))
        }
        #expect(try set.load(at: 2).name == "case_2")
        // The batch with this file fails with the same message.
        let stream = DataLoader(set, DataLoader.Options(batchSize: 1)).batches(epoch: 0)
        #expect(fault { _ = try stream.next() }?.path.hasSuffix("images/case_0.png") == true)
    }

    @Test func examineListsAllFaultsAndCountsTheRest() throws {
        try folder.writePairs(4, split: "train")
        try folder.write(Picture(width: 21, height: 21, channels: 1, filledWith: 0), "train/masks/case_1_segmentation.png")
        let found = try open().examine()
        #expect(found.masks == 4 && found.empty == ["case_1"] && found.full.isEmpty && found.labels == [0, 1] && !found.isUniform)
        #expect(found.notes(classes: 1, threshold: 0.5).count == 1)
        try folder.write(.noise(width: 20, height: 21, channels: 3), "train/masks/case_3_segmentation.png")
        try folder.write(.disc(width: 20, height: 22), "train/masks/case_0_segmentation.png")
        let error = try #require(fault { _ = try open().examine() })
        #expect(error.problems.count == 2)
        #expect(error.problems[0].hasPrefix("case_0_segmentation.png: the mask is 20×22 pixels, its picture 20×20"))
        #expect(error.problems[1].hasPrefix("case_3_segmentation.png: this mask is painted in"))
    }

    @Test func masksOnTheirSideAreCalledSo() throws {
        try folder.write(.noise(width: 8, height: 9), "train/images/a.png")
        try folder.write(.disc(width: 9, height: 8), "train/masks/a.png")
        #expect(fault { try open().verify() }?.description.contains("lies on its side") == true)
    }

    @Test(arguments: ["_lesion", "_Seg", "-mask", "_GT", "_anno", "_manual1", "_bin", "_Segmentation", ".png", ".jpg", "_strange", "x"])
    func endingsOfMasks(ending: String) throws {
        for (i, name) in ["IMD01", "IMD02", "IMD01_2"].enumerated() {
            try folder.write(.noise(width: 8, height: 9 + i), "train/images/\(name).png")
            try folder.write(.disc(width: 8, height: 9 + i), "train/masks/\(name)\(ending).png")
        }
        let set = try open()
        #expect(set.pairs.map(\.name) == ["IMD01", "IMD01_2", "IMD02"])
        try set.verify()
        #expect(set.notes == (["_strange", "x"].contains(ending) ? ["masks are named NAME\(ending)"] : []))
    }

    /// `img_07.png` with `mask_07.png`: each wraps the shared name in text of its own.
    @Test(arguments: ["img_N mask_N", "N_image N-gt", "scan-N-raw N_groundtruth"]) func namesInsideOtherTexts(names: String) throws {
        let (picture, mask) = (names.split(separator: " ")[0], names.split(separator: " ")[1])
        for (i, core) in ["07", "08", "17"].enumerated() {
            try folder.write(.noise(width: 8, height: 9 + i), "train/images/\(picture.replacing("N", with: core)).png")
            try folder.write(.disc(width: 8, height: 9 + i), "train/masks/\(mask.replacing("N", with: core)).png")
        }
        // Each pair has its own size, so a mismatch fails.
        let set = try open()
        try set.verify()
        #expect(set.count == 3)
        let shown = (picture.replacing("N", with: "NAME"), mask.replacing("N", with: "NAME"))
        #expect(set.notes == ["pictures are named \(shown.0), masks \(shown.1)"])
    }

    /// Names that share only numbers do not pair.
    @Test func numbersAloneDoNotPair() throws {
        for i in 1...3 {
            try folder.write(.noise(width: 8, height: 8), "train/images/cat\(i).png")
            try folder.write(.disc(width: 8, height: 8), "train/masks/dog\(i).png")
        }
        let error = try #require(fault { _ = try open() })
        #expect(error.kind == .noPairs && error.description.contains("the first are cat1.png and dog1.png"))
    }

    @Test func prefixesAndCapitals() throws {
        for (i, names) in [("IMD1", "mask_IMD1"), ("b", "mask_b")].enumerated() {
            try folder.write(.noise(width: 8, height: 9 + i), "a/images/\(names.0).png")
            try folder.write(.disc(width: 8, height: 9 + i), "a/masks/\(names.1).png")
            try folder.write(.noise(width: 8, height: 9 + i), "b/images/\(names.0).png")
            try folder.write(.disc(width: 8, height: 9 + i), "b/masks/\(names.0.uppercased())_MASK.png")
        }
        try open("a").verify()
        #expect(try open("a").notes == ["masks are named mask_NAME"])
        // IMD1 is capitalised differently; b is written B.
        try open("b").verify()
        #expect(try open("b").notes == ["1 mask has its picture's name in other capitals"])
        // Two names that differ only in case, and a mask that could belong to either.
        try folder.write(.noise(width: 8, height: 8), "c/images/x.png")
        try folder.write(.noise(width: 8, height: 8), "c/images/X.png")
        try folder.write(.disc(width: 8, height: 8), "c/masks/x.png")
        try folder.write(.disc(width: 8, height: 8), "c/masks/X_mask.png")
        #expect(try open("c").pairs.map(\.name) == ["X", "x"])
    }

    /// A JPEG with an EXIF orientation.
    private func photograph(_ picture: Picture, orientation: UInt8) throws -> [UInt8] {
        let jpeg = try PictureFile.jpeg(picture, quality: 95)
        let tiff: [UInt8] =
            [0x49, 0x49, 0x2A, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0]
        let segment = Array("Exif\0\0".utf8) + tiff
        return Array(jpeg[..<2]) + [0xFF, 0xE1, 0, UInt8(segment.count + 2)] + segment + jpeg[2...]
    }

    /// Photographs on their side: masks as viewers show them, and masks as the pixels are stored.
    @Test(arguments: [6, 8] as [UInt8]) func photographsOnTheirSide(orientation: UInt8) throws {
        // Bright above, dark below, as stored: 20 columns, 12 rows.
        let stored = Picture(width: 20, height: 12, channels: 3, pixels: (0..<720).map { $0 < 360 ? 240 : 10 })
        try folder.write(photograph(stored, orientation: orientation), "seen/images/a.jpg")
        try folder.write(.disc(width: 12, height: 20), "seen/masks/a.png")
        let seen = try open("seen")
        #expect(try seen.examine().takenAsStored == 0)
        let shown = try #require(try seen.picture(at: 0))
        #expect((shown.width, shown.height) == (12, 20))
        // EXIF 6 turns to the right, so the top becomes the right side; 8 turns to the left.
        #expect((shown[10, 11] > 128) == (orientation == 6) && (shown[10, 0] > 128) == (orientation == 8))
        try folder.write(photograph(stored, orientation: orientation), "stored/images/a.jpg")
        try folder.write(.disc(width: 20, height: 12), "stored/masks/a.png")
        let unturned = try open("stored")
        let found = try unturned.examine()
        #expect(found.takenAsStored == 1 && found.notes(classes: 1, threshold: 0.5).contains { $0.contains("EXIF") })
        let picture = try #require(try unturned.picture(at: 0))
        #expect((picture.width, picture.height) == (20, 12) && picture[0, 5] > 128 && picture[11, 5] < 128)
        #expect(try unturned.load(at: 0).name == "a")
    }

    @Test func superpixelsAreNoMasks() throws {
        try folder.write(.noise(width: 8, height: 8), "train/images/ISIC_1.jpg")
        try folder.write(.disc(width: 8, height: 8), "train/masks/ISIC_1_superpixels.png")
        #expect(fault { _ = try open() }?.kind == .noPairs)
    }

    @Test func kindsThatAreNotReadAreNamed() throws {
        try folder.writePairs(2, split: "train")
        try folder.write([1], "train/images/p.webp")
        try folder.write([1], "train/images/notes.txt")
        #expect(try open().notes == ["train: skipped 1 webp"])
        try folder.write(.disc(width: 8, height: 8), "train/masks/p.png")
        let error = try #require(fault { _ = try open() })
        #expect(error.problems == ["mask without a picture: p.png (p.webp is there, a kind that is not read)"])
    }

    @Test func summaryCounts() throws {
        try folder.writePairs(6, split: "train")
        let set = try open()
        let summary = try set.summary()
        #expect((summary.count, summary.classes, summary.sampled) == (6, 1, 6))
        #expect(summary.widths == 20...22 && summary.heights == 20...21)
        let sum: Double = summary.classFrequencies.reduce(0, +)
        #expect(abs(sum - 1) < 1e-9)
        // The disc covers π · 0.4 / 4 of its square.
        #expect(abs(summary.classFrequencies[1] - .pi / 10) < 0.05)
        #expect(try set.summary(sampling: 0).classFrequencies == [0, 0])
    }
}
