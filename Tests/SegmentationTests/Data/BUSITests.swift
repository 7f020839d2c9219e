import Foundation
import Imaging
import TestSupport
import Testing

@testable import Segmentation

@Suite("BUSI's layout") struct BUSITests {
    /// Four pictures of 12×8: one lesion, two lesions in two masks, a malignant one, none.
    private func made() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for (name, seed) in [("benign/benign (1)", 1), ("benign/benign (2)", 2), ("malignant/malignant (1)", 3), ("normal/normal (1)", 4)] {
            try folder.write(.noise(width: 12, height: 8, seed: UInt64(seed)), name + ".png")
        }
        func mask(_ columns: Range<Int>) -> Picture {
            var mask = Picture(width: 12, height: 8, channels: 1)
            for y in 2..<6 { for x in columns { mask[y, x] = 255 } }
            return mask
        }
        try folder.write(mask(1..<4), "benign/benign (1)_mask.png")
        try folder.write(mask(1..<4), "benign/benign (2)_mask.png")
        try folder.write(mask(3..<9), "benign/benign (2)_mask_1.png")
        try folder.write(mask(2..<11), "malignant/malignant (1)_mask.png")
        try folder.write(mask(0..<0), "normal/normal (1)_mask.png")
        return folder
    }

    private func settings(_ folder: URL) -> DataSettings {
        var settings = DataSettings(.busi, path: folder.path)
        settings.imageSize = 32
        return settings
    }

    @Test func masksBesideTheirPicturesAreUnited() throws {
        let folder = try made()
        let recognised: Dataset? = Dataset(recognising: folder.url)
        #expect(recognised?.rawValue == "busi")
        let set = try BUSI().part(nil, of: folder.url, PairedFolder.Options(settings(folder.url)))
        #expect(set.pairs.map(\.name) == ["benign (1)", "benign (2)", "malignant (1)", "normal (1)"])
        #expect(set.pairs.map(\.masks.count) == [1, 2, 1, 1])
        let areas = try set.pairs.map { try set.options.masks.read($0.masks).traits.foreground }
        #expect(areas == [12, 32, 36, 0])  // columns 1..<4 and 3..<9 share one
        guard case .binary(let plane) = try set.sample(at: 1).target else {
            Issue.record("the target is not binary")
            return
        }
        let share: Float = plane.reduce(0, +) / Float(plane.count)
        #expect(abs(share - 32 / 96) < 0.01)
    }

    @Test func partsAreFolders() throws {
        let folder = try made(), settings = settings(folder.url)
        func names(_ split: String) throws -> [String] {
            let set = try BUSI().evaluationSet(settings, split: split)
            return (0..<set.count).map(set.name(at:))
        }
        #expect(try names("all").count == 4)
        #expect(try names("malignant") == ["malignant (1)"])
        let error = try #require(throws: DataError.self) { try names("val") }
        #expect(error.kind == .missingFolder && error.description.contains("the parts are all and those three"))
    }

    @Test func aSetIsDividedToTrain() throws {
        let folder = try made()
        var settings = settings(folder.url)
        settings.validationFraction = 0.5
        let sets = try BUSI().trainingData(settings, seed: 7)
        #expect(sets.training.count == 2 && sets.validation?.count == 2)
        let origin = BUSI().origin(settings)
        #expect(origin.modality == "ultrasound" && origin.classNames == ["background", "lesion"])
        let check = BUSI().check(settings, givenClasses: false)
        #expect(check.problems.isEmpty && check.parts.map(\.samples) == [4] && check.parts[0].empty == 1)
    }

    @Test func filesWithoutAPartnerAreListed() throws {
        let folder = try made()
        try folder.write(.noise(width: 12, height: 8), "normal/normal (2).png")
        try folder.write(.disc(width: 12, height: 8), "benign/benign (9)_mask.png")
        try folder.write(.disc(width: 8, height: 12), "malignant/malignant (1)_mask_1.png")
        let unpaired = try #require(throws: DataError.self) { try BUSI().trainingData(settings(folder.url), seed: 1) }
        #expect(unpaired.problems == ["mask without a picture: benign (9)_mask.png", "picture without a mask: normal (2).png"])
        try FileManager.default.removeItem(at: folder.url.appending(path: "normal/normal (2).png"))
        try FileManager.default.removeItem(at: folder.url.appending(path: "benign/benign (9)_mask.png"))
        let set = try BUSI().part(nil, of: folder.url, PairedFolder.Options(settings(folder.url)))
        let turned = try #require(throws: DataError.self) { try set.verify() }
        #expect(turned.kind == .sizeMismatch && turned.path.hasSuffix("malignant (1)_mask_1.png"))
    }

    @Test(arguments: ["_mask.png", "_mask_1.png", "x_mask_.png", "mask.png"]) func oddNamesArePictures(name: String) throws {
        let folder = try made()
        try folder.write(.noise(width: 12, height: 8), "normal/" + name)
        let error = try #require(throws: DataError.self) { try BUSI().part("normal", of: folder.url, PairedFolder.Options()) }
        #expect(error.problems == ["picture without a mask: \(name)"])
    }

    /// The published set's files, in its layout and in folders of images and masks, are the same
    /// samples.
    @Test(.enabled(if: TestMachine.data("busi/train") != nil, "set VMUNET_TEST_DATA")) func realFilesGiveTheSameSamples() throws {
        let source = try #require(TestMachine.data("busi/train"))
        let paired = try PairedFolder(source, split: nil, options: .init(size: 64))
        let folder = try TemporaryFolder()
        for pair in paired.pairs {
            let kind = folder.url.appending(path: String(pair.name.prefix { $0.isLetter }))
            try FileManager.default.createDirectory(at: kind, withIntermediateDirectories: true)
            for (file, name) in [(pair.picture, pair.name), (pair.masks[0], pair.name + "_mask")] {
                try FileManager.default.createSymbolicLink(
                    at: kind.appending(path: "\(name).\(file.pathExtension)"), withDestinationURL: file)
            }
        }
        let set = try BUSI().part("all", of: folder.url, .init(size: 64))
        #expect(set.count == paired.count && set.count == 160)
        #expect(try set.verify(forTraining: true).contains { $0.contains("empty") })
        for index in stride(from: 0, to: set.count, by: 16) { #expect(try set.sample(at: index) == paired.sample(at: index)) }
    }
}
