import Foundation
import Testing

@testable import DICOM
@testable import Files
@testable import TensorFiles

/// The series that `Fixtures/make.py` writes.
enum Fixtures {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/Series")

    static func files(_ name: String) throws -> [URL] {
        let folder = folder.appendingPathComponent(name)
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).map { folder.appendingPathComponent($0) }
    }

    static func series(_ name: String) throws -> DICOMSeries {
        let folder = DICOMFolder(try files(name))
        try #require(folder.series.count == 1 && folder.failures.isEmpty)
        return folder.series[0]
    }

    static func read(_ name: String, resamples: Bool = false) throws -> DICOMVolume {
        var options = DICOMVolume.Options()
        (options.resamples, options.decoder) = (resamples, decoder)
        return try DICOMVolume(series(name), name: name, options: options)
    }

    /// Hounsfield units of every slice.
    static func values(_ slices: Range<Int> = 0..<6) -> [Float] {
        slices.flatMap { k in (0..<32).flatMap { y in (0..<40).map { x in Float((k * 37 + y * 16 + x) * 7 % 1200 - 1000) } } }
    }

    /// The program that decodes JPEG; nil if it was not built.
    static let decoder: URL? = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let program = root.appendingPathComponent(".build/dicom/vmunet-dicom")
        return FileManager.default.isExecutableFile(atPath: program.path) ? program : nil
    }()
}

/// Series as scanners write them, each with one peculiarity.
@Suite("DICOM series")
struct SeriesTests {
    private let straight = [[-2, 0, 0, 31.5], [0, -1.5, 0, 20.25], [0, 0, 5, 0]]

    /// The first file of `plain` with another value of an attribute, of even length.
    private func changed<R>(_ tag: [UInt8], _ representation: String, _ value: String, _ body: (URL) throws -> R) throws -> R {
        let file = try #require(try Fixtures.files("plain").first)
        var bytes = [UInt8](try Data(contentsOf: file))
        let place = try #require(bytes.firstRange(of: tag + Array(representation.utf8)))
        let length = Int(bytes[place.upperBound]) | Int(bytes[place.upperBound + 1]) << 8
        bytes.replaceSubrange(
            place.upperBound..<place.upperBound + 2 + length, with: [UInt8(value.utf8.count), 0] + Array(value.utf8))
        let changed = FileManager.default.temporaryDirectory.appendingPathComponent("vmunet-changed-\(UUID().uuidString).dcm")
        defer { try? FileManager.default.removeItem(at: changed) }
        try Data(bytes).write(to: changed)
        return try body(changed)
    }

    @Test(arguments: [("2,", "not a number"), ("zz", "not a number"), ("0 ", "slope of 0")])
    func slopesThatAreNoFactorsAreRefused(slope: String, reason: String) throws {
        let folder = try changed([0x28, 0, 0x53, 0x10], "DS", slope) { DICOMFolder([$0]) }
        #expect(folder.series.isEmpty && folder.failures.first?.reason.contains(reason) == true, "\(folder.failures)")
    }

    /// Slope and intercept may be numbers, and their result beyond the range of the voxels'.
    @Test(arguments: [(UInt8(0x53), "1e38"), (0x53, "1e39"), (0x53, "1e300 "), (0x52, "1e39"), (0x52, "-1e300")])
    func valuesBeyondNumbersAreRefused(element: UInt8, value: String) throws {
        try changed([0x28, 0, element, 0x10], "DS", value) { file in
            let series = try #require(DICOMFolder([file]).series.first)
            let error = try #require(throws: FileError.self) { try DICOMVolume(series, name: "series") }
            #expect(error.file.hasSuffix(file.lastPathComponent) && error.reason.contains("not finite"), "\(error)")
        }
        // The largest that fits is a value like any other.
        try changed([0x28, 0, 0x53, 0x10], "DS", "1e30") { file in
            let series = try #require(DICOMFolder([file]).series.first)
            #expect(try DICOMVolume(series, name: "series").values.max() ?? 0 > 1e32)
        }
    }

    /// One UID for series of two studies.
    @Test func severalStudiesAreRefused() throws {
        try changed([0x20, 0, 0x0D, 0], "UI", "1.2.3.4.5.6") { file in
            let folder = DICOMFolder([file] + (try Fixtures.files("plain")))
            let error = try #require(throws: FileError.self) { try DICOMVolume(folder.series[0], name: "series") }
            #expect(error.reason.contains("several studies"), "\(error)")
        }
    }

    /// One UID for the series of two patients.
    @Test func severalPatientsAreRefused() throws {
        try changed([0x10, 0, 0x20, 0], "LO", "SECRET77") { file in
            let folder = DICOMFolder([file] + (try Fixtures.files("plain")))
            let error = try #require(throws: FileError.self) { try DICOMVolume(folder.series[0], name: "series") }
            #expect(error.reason.contains("several patients") && !"\(error)".contains("SECRET"), "\(error)")
        }
    }

    @Test(arguments: [
        "plain", "implicit", "big", "deflated", "shuffled_names", "signed", "signed12_rubbish", "mono1", "rle", "multiframe",
    ]) func readsHounsfieldUnits(name: String) throws {
        let volume = try Fixtures.read(name)
        #expect(volume.shape == [6, 32, 40])
        #expect(volume.values == Fixtures.values())
        #expect(volume.geometry.affine == straight && volume.notes == [])
    }

    /// By GDCM, in a process of its own.
    @Test(.enabled(if: Fixtures.decoder != nil, "wants Scripts/dicom.sh"), arguments: ["jpegls", "jpeg2000"])
    func readsWhatLibrariesDecode(name: String) throws {
        let volume = try Fixtures.read(name)
        #expect(volume.values == Fixtures.values() && volume.geometry.affine == straight && volume.notes == [])
    }

    @Test func aMissingProgramIsNamed() throws {
        var options = DICOMVolume.Options()
        options.decoder = URL(fileURLWithPath: "/nonexistent/vmunet-dicom")
        let error = try #require(throws: FileError.self) { try DICOMVolume(Fixtures.series("jpegls"), name: "jpegls", options: options) }
        #expect(error.reason.contains("vmunet-dicom"))
    }

    @Test func eachSliceHasItsSlope() throws {
        let volume = try Fixtures.read("slope_each")
        let expected = Fixtures.values().enumerated().map { index, value in
            (value + 1024) * [0.25, 0.5, 1, 2, 4, 8][index / 1280] - 1024 * [0.25, 0.5, 1, 2, 4, 8][index / 1280]
        }
        #expect(volume.values == expected)
    }

    /// Padding outside the field of view becomes the least measured value.
    @Test func paddingIsTheLeastValue() throws {
        var expected = Fixtures.values()
        for k in 0..<6 { for x in 0..<3 { expected[k * 1280 + x] = .infinity } }
        let least = try #require(expected.min())
        #expect(try Fixtures.read("padded").values == expected.map { $0.isFinite ? $0 : least })
    }

    @Test func aTiltedGantryShears() throws {
        let volume = try Fixtures.read("tilt")
        let affine = volume.geometry.affine
        let c = cos(15 * Double.pi / 180), s = sin(15 * Double.pi / 180)
        let expected = [[-2, 0, 0, 31.5], [0, -1.5 * c, 0, 20.25], [0, -1.5 * s, 5, 0]]
        for (a, b) in zip(affine.joined(), expected.joined()) { #expect(abs(a - b) < 1e-6) }
        #expect(volume.notes == ["the slices are tilted by 15° against the line that they lie on: the affine is sheared"])
        #expect(volume.values == Fixtures.values())
    }

    @Test(arguments: [
        ("missing", ["a slice is missing", "IM003.dcm", "IM004.dcm"]),
        ("unequal", ["not equally far apart", "7.5 mm", "IM004.dcm", "IM005.dcm", "5 mm"]),
        ("duplicate", ["two slices at one place", "IM003.dcm", "IM007.dcm"]),
        ("no_iop", ["does not say where its slice lies", "IM001.dcm"]),
    ]) func refusesWhatIsNoRegularStack(name: String, words: [String]) throws {
        let error = try #require(throws: FileError.self) { try Fixtures.read(name) }
        #expect(error.kind == .unsupported && error.file == name)
        for word in words { #expect(error.reason.contains(word), "\(error)") }
        #expect(!error.remedy.isEmpty && !"\(error)".contains("SECRET"))
    }

    @Test func mendsWhatItCan() throws {
        let missing = try Fixtures.read("missing", resamples: true)
        #expect(missing.shape == [6, 32, 40] && missing.geometry.affine == straight && missing.source == nil)
        #expect(missing.notes.count == 2 && missing.notes[1] == "5 slices are interpolated to 6, 5 mm apart")
        let (all, between) = (Fixtures.values(), missing.values)
        #expect(Array(between[0..<3840]) == Array(all[0..<3840]) && Array(between[5120...]) == Array(all[5120...]))
        for i in 0..<1280 { #expect(abs(between[3840 + i] - (all[2560 + i] + all[5120 + i]) / 2) < 1e-3) }
        #expect(try Fixtures.read("unequal", resamples: true).shape == [7, 32, 40])
        let duplicate = try Fixtures.read("duplicate", resamples: true)
        #expect(duplicate.values == all && duplicate.notes == ["of IM003.dcm and IM007.dcm, at one place, the first is taken"])
        #expect(throws: FileError.self) { try Fixtures.read("no_iop", resamples: true) }
    }

    @Test func listsSeriesAndPicksOne() throws {
        let folder = DICOMFolder(try Fixtures.files("mixed"))
        #expect(folder.series.count == 2)
        #expect(folder.list.contains("1: CT, thick, 6 slices of 32×40") && folder.list.contains("2: CT, other, 4 slices of 32×40"))
        #expect(!folder.list.contains("SECRET"))
        let other = try #require(folder.pick("2"))
        #expect(folder.pick(other.uid) == other && folder.pick("3") == nil && folder.pick("1.2.3") == nil)
        #expect(try DICOMVolume(other, name: "mixed").geometry.affine[2] == [0, 0, 5, 100])
    }

    @Test(arguments: [
        ("sagittal", [[0.0, 0, 4], [-2, 0, 0], [0, -1.5, 0]]), ("coronal", [[-2.0, 0, 0], [0, 0, -4], [0, -1.5, 0]]),
        ("backwards", [[-2.0, 0, 0], [0, 1.5, 0], [0, 0, -4]]),
    ]) func placesOtherOrientations(name: String, axes: [[Double]]) throws {
        let affine = try Fixtures.read(name).geometry.affine
        for row in 0..<3 { for column in 0..<3 { #expect(abs(affine[row][column] - axes[row][column]) < 1e-9) } }
    }

    // MARK: Real files

    static let real = ProcessInfo.processInfo.environment["VMUNET_TEST_DATA"].map {
        URL(fileURLWithPath: $0).appendingPathComponent("dicom")
    }
    .flatMap { FileManager.default.fileExists(atPath: $0.path) ? $0 : nil }

    /// One CT in every lossless syntax is the same CT.
    @Test(.enabled(if: real != nil && Fixtures.decoder != nil)) func readsOneCTInEverySyntax() throws {
        let folder = try #require(Self.real).appendingPathComponent("cornerstone")
        var options = DICOMVolume.Options()
        options.decoder = Fixtures.decoder
        var first: [Float]?
        var read = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() where name.hasPrefix("CTImage.dcm_") {
            guard !name.contains("4.50"), !name.contains("4.51"), !name.contains("4.81"), !name.contains("4.91") else { continue }
            let series = DICOMFolder([folder.appendingPathComponent(name)]).series
            let volume = try DICOMVolume(try #require(series.first), name: name, options: options)
            if let first { #expect(volume.values == first, "\(name)") } else { first = volume.values }
            read += 1
        }
        #expect(read >= 6)
    }

    @Test(.enabled(if: real != nil)) func readsARealSeries() throws {
        let folder = try #require(Self.real).appendingPathComponent("torchio")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).map { folder.appendingPathComponent($0) }
        let volume = try DICOMVolume(try #require(DICOMFolder(files).series.first), name: "torchio")
        #expect(volume.shape == [17, 128, 88] && volume.values.max() == 696)
    }

    // MARK: Damage

    /// Every cut and many changed bytes: an error or an image, never a trap.
    @Test(arguments: ["plain", "implicit", "deflated", "rle", "multiframe"]) func survivesDamage(name: String) throws {
        let url = try #require(try Fixtures.files(name).sorted { $0.path < $1.path }.first)
        let bytes = [UInt8](try Data(contentsOf: url))
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("dicom-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let copy = folder.appendingPathComponent("x.dcm")
        var (refused, state) = (0, UInt64(7))
        for round in 0..<400 {
            var damaged = bytes
            if round < 100 {
                damaged = Array(bytes.prefix(bytes.count * round / 100))
            } else {
                for _ in 0..<(1 + round % 4) {
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    damaged[128 + Int(state >> 33) % (min(bytes.count, 2200) - 128)] = UInt8(truncatingIfNeeded: state >> 20)
                }
            }
            try Data(damaged).write(to: copy)
            let found = DICOMFolder([copy])
            guard let series = found.series.first, (try? DICOMVolume(series, name: "x", options: .init())) != nil else {
                refused += 1
                continue
            }
        }
        #expect(refused > 50)
    }
}
