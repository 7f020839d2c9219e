import DICOM
import Foundation
import Imaging
import TensorFiles
import TestSupport
import Testing

@testable import Segmentation

@Suite struct InputListTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func path(_ name: String) -> String { folder.url.appending(path: name).path }

    private func names(_ list: InputList, _ endings: [String] = [".png"]) -> [String?] {
        ResultNames(list.items) { i, name in list.items[i].isVolume ? [name + ".nii.gz"] : endings.map { name + $0 } }.names
    }

    @Test func foldersInOrderAndOnlyWhatIsRead() throws {
        for name in ["b.png", "a.jpg", "c.webp", "d.webp", "x.dcm", "n.txt", "v.nii.gz", "s1/i.png", "s2/j.png", ".hidden.png"] {
            try folder.write([1], name)
        }
        let list = InputList([path("")])
        #expect(list.items.map(\.url.lastPathComponent) == ["a.jpg", "b.png", "v.nii.gz"])
        #expect(list.items.map(\.isVolume) == [false, false, true])
        #expect(list.failures.isEmpty && list.foldersLeft == 2 && list.passedOver.count == 4)
        #expect(list.notes.count == 2)
        #expect(list.notes[0].hasPrefix("skipped 2 webp, 1 dcm ("))
        #expect(list.notes[0].contains("WebP: convert them to PNG") && list.notes[1].contains("--recursive"))
        let deep = InputList([path("")], recursive: true)
        let ends: [String] = deep.items.suffix(2).map { String($0.path.suffix(8)) }
        #expect(ends == ["s1/i.png", "s2/j.png"])
        #expect(deep.foldersLeft == 0)
    }

    @Test func resultsBesideTheirInputsAreLeft() throws {
        let results = [
            "a_mask.png", "a_overlay.png", "a_uncertainty.png", "a_probability.png", "a_probability_1.png", "a_probability_12.png",
            "v_mask.nii.gz", "v_probability_2.nii.gz",
        ]
        for name in ["a.jpg", "v.nii.gz", "lone_mask.png", "a_probability_x.png"] + results { try folder.write([1], name) }
        let list = InputList([path("")], leavesResults: true)
        #expect(list.items.map(\.url.lastPathComponent) == ["a.jpg", "a_probability_x.png", "lone_mask.png", "v.nii.gz"])
        #expect(list.resultsLeft == results.count)
        // Files named as arguments are kept, and so are all if the results go elsewhere.
        #expect(InputList([path("a_mask.png")], leavesResults: true).items.count == 1)
        #expect(InputList([path("")]).items.count == 4 + results.count)
    }

    /// A CD: a directory at its root, series in folders, a report or segmentation in another.
    @Test func filesWithoutImagesAreNoFailuresBesideOthers() throws {
        let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "DICOMTests/Fixtures")
        let plan = [UInt8](try Data(contentsOf: fixtures.appending(path: "structures_plain.dcm")))
        for name in ["cd/DICOMDIR", "cd/B/SR0", "lone/SR0"] { try folder.write(plan, name) }
        for part in ["A", "C"] {
            for slice in try FolderListing.list(fixtures.appending(path: "Series/plain")) {
                try folder.write([UInt8](Data(contentsOf: fixtures.appending(path: "Series/plain/\(slice)"))), "cd/\(part)/\(slice)")
            }
        }
        // A segmentation is one of them, also beside its images.
        let source = try #require(try VolumeFile(InputList([path("cd/A")]).items[0].series!, path: "A").source)
        let names = [VolumeLabel(value: 1, name: "liver", color: [1, 2, 3])]
        let labels = [UInt8](repeating: 1, count: 6 * 32 * 40)
        for name in ["cd/C/seg.dcm", "cd/D/seg.dcm"] {
            let url = folder.url.appending(path: name)
            try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try SegmentationObject(labels: labels, names: names, source: source).write(to: url)
        }
        let list = InputList([path("cd")], recursive: true)
        #expect(list.items.map(\.name) == ["A", "C"] && list.failures.isEmpty, "\(list.failures)")
        #expect(list.notes == ["skipped 4 DICOM files without images (reports, plans, segmentations, directories)"])
        // Nothing at all is a failure, with the way out.
        for (name, part, words) in [
            ("cd", "cd", "holds 1 DICOM file without images"), ("cd", "cd", "; --recursive looks into its sub-folders"),
            ("lone", "lone", "give the series of images"), ("lone/SR0", "SR0", "give the series of images"),
            ("cd/D/seg.dcm", "seg.dcm", "segmentations"),
        ] {
            let list = InputList([path(name)])
            #expect(list.items.isEmpty && list.failures.count == 1 && list.failures[0].path.hasSuffix(part))
            #expect(list.failures.first?.reason.contains(words) == true, "\(list.failures)")
        }
    }

    /// The voxels of a header that is read are no file of their own.
    @Test func voxelsBesideTheirHeader() throws {
        let image = VolumeImage(voxels: HostTensor([UInt8](1...8), shape: [2, 2, 2]), geometry: VolumeGeometry(spacing: [1, 1, 1]))
        try VolumeFormat.metaImage.write(image, to: folder.url.appending(path: "a.mhd"))
        let header = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: raw\ndata file: b.raw\n"
        try folder.write(Array(header.utf8), "b.nhdr")
        for name in ["b.raw", "c.raw"] { try folder.write([1, 2, 3, 4, 5, 6, 7, 8], name) }
        let list = InputList([path("")])
        #expect(list.items.map(\.name) == ["a", "b"] && list.notes == ["skipped 1 raw"], "\(list.notes)")
    }

    /// A DICOM file among pictures has its own name; one that is alone, and several, their folder's.
    @Test func aDICOMFileAmongPictures() throws {
        let series = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "DICOMTests/Fixtures/Series/plain")
        let slice = series.appending(path: try #require(try FolderListing.list(series).first))
        for folder in ["alone", "among"] {
            try self.folder.write([UInt8](Data(contentsOf: slice)), "\(folder)/IM7")
        }
        try folder.write([1], "among/a.png")
        #expect(InputList([path("alone")]).items.map(\.name) == ["alone"])
        #expect(InputList([path("among")]).items.map(\.name) == ["a", "IM7"])
    }

    @Test func namesThatAreNotText() {
        let list = InputList(["/nowhere/b\u{FFFD}.png", "/nowhere/b.png"])
        #expect(list.failures.map(\.reason) == ["its name is not UTF-8; rename it", "there is no such file or folder; check the path"])
    }

    @Test(arguments: ["out", "out/", "deep/../out"]) func theFolderOfResultsIsNotEntered(output: String) throws {
        for name in ["a.png", "deep/b.png", "deep/out/c.png", "out/a.png", "out/more/b.png"] { try folder.write([1], name) }
        let list = InputList([path("")], recursive: true, output: URL(filePath: path(output)))
        #expect(list.items.map(\.url.lastPathComponent) == ["a.png", "b.png", "c.png"] && list.foldersLeft == 0)
        #expect(InputList([path("out")], recursive: true, output: URL(filePath: path(output))).items.count == 2)
    }

    @Test func linksToFoldersAreNotFollowed() throws {
        try folder.write([1], "a/x.png")
        try FileManager.default.createSymbolicLink(atPath: path("a/up"), withDestinationPath: "..")
        let list = InputList([path("a")], recursive: true)
        #expect(list.items.count == 1 && list.foldersLeft == 0 && list.linksLeft == 1)
        #expect(list.notes == ["1 link to folders was not followed: name the folders themselves"])
        try FileManager.default.createDirectory(atPath: path("links"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: path("links/a"), withDestinationPath: path("a"))
        let links = InputList([path("links")], recursive: true)
        #expect(links.failures.map(\.reason).first?.hasSuffix("name the folders that its links lead to") == true)
    }

    @Test func aFolderNamedLikeAPictureIsAFolder() throws {
        try folder.write([1], "a/b.png/x.png")
        #expect(InputList([path("a")], recursive: true).items.map(\.name) == ["x"])
        #expect(InputList([path("a")]).foldersLeft == 1)
    }

    @Test func aFileThatIsNamedTwiceIsOne() throws {
        try folder.write([1], "a/x.png")
        try FileManager.default.createSymbolicLink(atPath: path("link"), withDestinationPath: "a")
        #expect(InputList([path("a"), path("a/x.png"), path("link/x.png")]).items.count == 1)
    }

    @Test func aPairOfFilesIsOneVolume() throws {
        for name in ["p.hdr", "p.img", "lone.hdr", "disk.img", "q.HDR", "q.IMG.gz"] { try folder.write([1], name) }
        let list = InputList([path("")])
        #expect(list.items.map(\.url.lastPathComponent) == ["p.hdr", "q.HDR"] && list.items.allSatisfy(\.isVolume))
        #expect(list.items.map(\.name) == ["p", "q"] && list.passedOver.description == "1 hdr, 1 img")
        // Naming either file names the pair.
        #expect(InputList([path("p.img"), path("p.hdr")]).items.map(\.url.lastPathComponent) == ["p.img"])
    }

    @Test func whatIsMissingOrOfAnotherKind() throws {
        try folder.write([1], "ct.dcm")
        try folder.write([1], "ct.mgz")
        try folder.write([1], "empty/readme.txt")
        try folder.write([1], "deep/s/i.png")
        let list = InputList(["nowhere.png", "ct.dcm", "ct.mgz", "empty", "deep"].map(path))
        #expect(list.items.isEmpty)
        let reasons = list.failures.map(\.reason)
        #expect(reasons.count == 5)
        for (reason, word) in zip(
            reasons, ["no such file", "is not a DICOM file", "save the volume as NIfTI", "check the path", "--recursive"])
        {
            #expect(reason.contains(word), "\(reason)")
        }
    }

    // MARK: Names

    @Test func namesStayWhereNothingClashes() throws {
        for name in ["a.png", "b.jpg", "v.nii", "v.png"] { try folder.write([1], name) }
        #expect(names(InputList([path("")])) == ["a", "b", "v", "v"])
    }

    @Test func inOneFolderTheEndingTellsThemApart() throws {
        for name in ["x.jpg", "x.png", "y.png", "a.nii", "a.nii.gz"] { try folder.write([1], "in/" + name) }
        #expect(names(InputList([path("in")])) == ["a.nii", "a.nii.gz", "x.jpg", "x.png", "y"])
    }

    @Test func acrossFoldersTheFolderDoes() throws {
        for name in ["s1/ct.nii.gz", "s2/ct.nii.gz", "s3/other.nii.gz"] { try folder.write([1], "in/" + name) }
        let list = InputList([path("in")], recursive: true)
        #expect(names(list) == ["s1_ct", "s2_ct", "other"])
        #expect(ResultNames(list.items) { [$1 + ".nii.gz"] }.renamed == [0, 1])
    }

    /// A second run into a folder of results keeps the names in it, and takes none of them.
    @Test func namesStayFromRunToRun() throws {
        for name in ["s1/ct.nii.gz", "s2/ct.nii.gz", "s2/x.nii.gz"] { try folder.write([1], "in/" + name) }
        let results = folder.url.appending(path: "out")
        let settings = PredictionRecord.Settings(weights: "", imageSize: 32, threshold: 0.5, precision: "fp32", valueRange: 255)
        func names(_ inputs: [String]) throws -> [String?] {
            let list = InputList(inputs.map { path($0) }, recursive: true)
            var file = try PredictionFile(in: results)
            let names = ResultNames(list.items, earlier: file) { [results.appending(path: $1 + ".nii.gz").standardizedFileURL.path] }.names
            for (item, name) in zip(list.items, names) {
                let result = (name ?? "") + ".nii.gz"
                try folder.write([1], "out/" + result)
                file.add(PredictionRecord(input: item.path, source: InputIdentity(item), files: [result], weights: "", settings: settings))
            }
            try file.write()
            return names
        }
        #expect(try names(["in/s1"]) == ["ct"])
        #expect(try names(["in/s1", "in/s2"]) == ["ct", "s2_ct", "x"])
        #expect(try names(["in/s2/ct.nii.gz", "in/s1/../s1/ct.nii.gz"]) == ["s2_ct", "ct"])
        try FileManager.default.removeItem(at: results.appending(path: PredictionFile.name))
        #expect(try names(["in/s2"]) == ["ct", "x"])
        // The file of another input counts as long as it is there, and listed.
        #expect(try names(["in/s1"]) == ["s1_ct"])
        try FileManager.default.removeItem(at: folder.url.appending(path: "in/s2"))
        try folder.write([2], "in/s3/ct.nii.gz")
        #expect(try names(["in/s3"]) == ["s3_ct"])
        try FileManager.default.removeItem(at: results.appending(path: "ct.nii.gz"))
        try folder.write([2], "in/s4/ct.nii.gz")
        #expect(try names(["in/s4"]) == ["ct"])
    }

    /// Folders of equal names, and a folder with two of the three.
    @Test func moreOfThePathWhereNeeded() throws {
        for name in ["p1/scan/ct.nii", "p2/scan/ct.nii"] { try folder.write([1], "in/" + name) }
        #expect(names(InputList([path("in")], recursive: true)) == ["p1_scan_ct", "p2_scan_ct"])
        for name in ["a/x.jpg", "a/x.png", "b/x.png"] { try folder.write([1], "mixed/" + name) }
        #expect(names(InputList([path("mixed")], recursive: true)) == ["a_x.jpg", "a_x.png", "b_x"])
    }

    /// One input's overlay equals another's mask.
    @Test func resultsOfOtherKindsClashToo() throws {
        for name in ["a.png", "a_overlay.png"] { try folder.write([1], "in/" + name) }
        let found = names(InputList([path("in")]), [".png", "_overlay.png"])
        #expect(found == ["a.png", "a_overlay.png"])
    }

    /// A name made to distinguish two inputs that a third already has.
    @Test func anotherInputMayHaveTheNameAlready() throws {
        for name in ["s1/ct.nii", "s2/ct.nii", "s1_ct.nii"] { try folder.write([1], "in/" + name) }
        let found = names(InputList([path("in")], recursive: true))
        #expect(Set(found).count == 3 && !found.contains(nil))
    }

    // MARK: predictions.json

    @Test func entriesReplaceThoseOfTheSameInputOrFiles() throws {
        let settings = PredictionRecord.Settings(weights: "w.pth", imageSize: 64, threshold: 0.5, precision: "fp32", valueRange: 255)
        for name in ["in/a.png", "in/b.png", "in/other/a.png"] { try folder.write(Array(name.utf8), name) }
        func source(_ name: String) throws -> InputIdentity {
            InputIdentity(try #require(InputList([path("in/" + name)]).items.first))
        }
        func record(_ input: String, _ files: [String], error: String? = nil) throws -> PredictionRecord {
            PredictionRecord(input: input, source: try source(input), files: files, error: error, weights: "ab", settings: settings)
        }
        var file = try PredictionFile(in: folder.url)
        file.add(try record("a.png", ["a.png"]))
        file.add(try record("b.png", ["b.png"]))
        file.add(try record("other/a.png", ["a.png"]))
        file.add(try record("b.png", [], error: "damaged"))
        try file.write()
        var read = try PredictionFile(in: folder.url)
        #expect(read.records.map { $0.input } == ["b.png", "other/a.png"])
        #expect(read.records[0].error == "damaged")
        // Finished means that results exist, from the same input, weights and settings.
        let other = try source("other/a.png")
        #expect(read.finished(other, weights: "ab", settings: settings) == nil)
        try folder.write([1], "a.png")
        #expect(read.finished(other, weights: "ab", settings: settings) != nil && !read.hasChanged(other))
        #expect(read.finished(other, weights: "cd", settings: settings) == nil)
        #expect(read.finished(try source("b.png"), weights: "ab", settings: settings) == nil)
        #expect(read.finished(try source("a.png"), weights: "ab", settings: settings) == nil)
        var changed = settings
        changed.threshold = 0.4
        #expect(read.finished(other, weights: "ab", settings: changed) == nil)
        try folder.write(Array("in/other/b.png".utf8), "in/other/a.png")
        #expect(read.finished(try source("other/a.png"), weights: "ab", settings: settings) == nil)
        #expect(try read.hasChanged(source("other/a.png")) && !read.hasChanged(source("a.png")))
        // A table of an earlier version does not say which file it means.
        read.add(PredictionRecord(input: "in/a.png", source: nil, files: ["old.png"], weights: "ab", settings: settings))
        #expect(read.finished(try source("a.png"), weights: "ab", settings: settings) == nil)
        read.add(PredictionRecord(input: "c\u{1B}[31m\u{9B}\u{202E}.png", source: nil, files: ["c.png"], weights: "", settings: settings))
        try read.write()
        let text = try String(contentsOf: folder.url.appending(path: "predictions.json"), encoding: .utf8)
        let isRaw = { (value: UInt32) -> Bool in (value < 0x20 && value != 0x0A) || (0x7F...0x9F).contains(value) || value == 0x202E }
        #expect(!text.unicodeScalars.contains { isRaw($0.value) })
        #expect(try PredictionFile(in: folder.url).records.last?.input == "c\u{1B}[31m\u{9B}\u{202E}.png")
        try folder.write(Array("{\"mine\": 1}".utf8), "predictions.json")
        #expect(throws: DataError.self) { try PredictionFile(in: folder.url) }
    }

    @Test func amountsHaveTheirUnitsInTheirNames() throws {
        let lesion = PredictionRecord.ClassAmount(label: 1, name: "lesion", pixels: 32, of: 1000)
        #expect(lesion.percent == 3.2)
        let spleen = PredictionRecord.ClassAmount(
            label: 2, name: nil, voxels: 2000, spacing: VoxelSpacing(depth: 5, height: 0.5, width: 0.5))
        #expect(spleen.milliliters == 2.5)
        let text = try JSONText.encode([lesion, spleen])
        for key in ["\"pixels\" : 32", "\"share_percent\" : 3.2", "\"voxels\" : 2000", "\"volume_ml\" : 2.5"] {
            #expect(text.contains(key))
        }
        #expect(PredictionRecord.ClassAmount(label: 1, name: nil, voxels: 7, spacing: nil).milliliters == nil)
    }
}
