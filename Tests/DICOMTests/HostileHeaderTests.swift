import Foundation
import Testing

@testable import DICOM
@testable import Files
@testable import TensorFiles

/// Headers whose numbers no scanner writes: each is refused, and none takes memory for pixels that
/// the file does not hold.
@Suite("DICOM headers that lie")
struct HostileHeaderTests {
    /// An attribute of an explicit little-endian file.
    struct Element: Sendable {
        let group: UInt16, element: UInt16
        let representation: String
        let value: [UInt8]

        static func text(_ group: UInt16, _ element: UInt16, _ representation: String, _ text: String) -> Element {
            Element(
                group: group, element: element, representation: representation, value: Array((text + (text.count % 2 == 0 ? "" : " ")).utf8)
            )
        }
        static func short(_ element: UInt16, _ value: UInt16) -> Element {
            Element(group: 0x28, element: element, representation: "US", value: [UInt8(value & 0xFF), UInt8(value >> 8)])
        }
        static func reals(_ group: UInt16, _ element: UInt16, _ values: [Double]) -> Element {
            var bytes: [UInt8] = []
            for value in values { bytes += HostileHeaderTests.littleEndian(Int(bitPattern: UInt(value.bitPattern)), 8) }
            return Element(group: group, element: element, representation: "FD", value: bytes)
        }

        var bytes: [UInt8] {
            let isLong = ["OW", "SQ"].contains(representation)
            var bytes = HostileHeaderTests.littleEndian(Int(group), 2) + HostileHeaderTests.littleEndian(Int(element), 2)
            bytes += Array(representation.utf8)
            if isLong { bytes += [0, 0] }
            bytes += HostileHeaderTests.littleEndian(value.count, isLong ? 4 : 2)
            return bytes + value
        }
    }

    private static func littleEndian(_ number: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { (place: Int) -> UInt8 in UInt8(truncatingIfNeeded: number >> (8 * place)) }
    }

    /// An image of 8×8 pixels, with some attributes replaced.
    private static func file(_ changes: [Element]) -> [UInt8] {
        var elements: [Element] = [
            .text(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.2"), .text(8, 0x60, "CS", "CT"), .text(0x18, 0x50, "DS", "5"),
            .text(0x20, 0x0E, "UI", "1.2"), .text(0x20, 0x13, "IS", "1"),
            .text(0x20, 0x32, "DS", "0\\0\\0"), .text(0x20, 0x37, "DS", "1\\0\\0\\0\\1\\0"), .short(2, 1),
            .text(0x28, 4, "CS", "MONOCHROME2"), .text(0x28, 8, "IS", "1"), .short(0x10, 8), .short(0x11, 8),
            .text(0x28, 0x30, "DS", "1\\1"), .short(0x100, 16), .short(0x101, 12), .short(0x102, 11), .short(0x103, 0),
            Element(group: 0x7FE0, element: 0x10, representation: "OW", value: [UInt8](repeating: 1, count: 128)),
        ]
        for change in changes {
            elements = elements.map { $0.group == change.group && $0.element == change.element ? change : $0 }
        }
        return elements.flatMap(\.bytes)
    }

    private func read(_ bytes: [UInt8], resamples: Bool = false) throws -> DICOMVolume {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("lies-\(UUID().uuidString).dcm")
        try Data(bytes).write(to: url)
        defer { try? FileManager.default.removeItem(at: url) }
        let folder = DICOMFolder([url])
        if let failure = folder.failures.first { throw FileError(.corrupt, file: failure.file, reason: failure.reason) }
        var options = DICOMVolume.Options()
        options.resamples = resamples
        return try DICOMVolume(try #require(folder.series.first), name: url.lastPathComponent, options: options)
    }

    @Test func theImageItselfIsRead() throws {
        let volume = try read(Self.file([]))
        #expect(volume.shape == [1, 8, 8] && volume.values.allSatisfy { $0 == 257 })
    }

    @Test(
        arguments: [
            ("position", [Element.reals(0x20, 0x32, [.nan, 0, 0])], "does not say where its slice lies"),
            ("far away", [.text(0x20, 0x32, "DS", "1e300\\0\\0")], "does not say where its slice lies"),
            ("directions", [.reals(0x20, 0x37, [.infinity, 0, 0, 0, 1, 0])], "does not say where its slice lies"),
            ("huge directions", [.text(0x20, 0x37, "DS", "1e200\\0\\0\\0\\1e200\\0")], "does not say where its slice lies"),
            ("spacing", [.text(0x28, 0x30, "DS", "1e300\\1e300")], "no pixel spacing"),
            ("bits", [.text(0x28, 0x101, "IS", "-9223372036854775808")], "bits in pixels of 16"),
            ("frames", [.text(0x28, 8, "IS", "60000")], "truncated: its pixels have 128 of"),
            ("more frames", [.text(0x28, 8, "IS", "1048576")], "declares 1048576 frames"),
            ("rows", [.short(0x10, 30_000), .short(0x11, 30_000)], "truncated: its pixels have 128 of 1800000000 bytes"),
        ] as [(String, [Element], String)])
    func isRefused(name: String, changes: [Element], reason: String) throws {
        for resamples in [false, true] {
            let error = try #require(throws: FileError.self) { try read(Self.file(changes), resamples: resamples) }
            #expect(error.reason.contains(reason), "\(name): \(error)")
        }
    }

    /// A stream too short for its pixels is refused before memory is taken for them.
    @Test func runLengthsExpandByTheirMost() throws {
        var packed = [UInt8](repeating: 0, count: 64)
        (packed[0], packed[4]) = (1, 64)
        packed += [UInt8](repeating: 0x81, count: 64)
        #expect(throws: Fault.self) { try RunLength.decode(packed, pixels: 1 << 40, size: 1) }
        let values = try RunLength.decode(packed, pixels: 32 * 128, size: 1)
        #expect(values == [UInt8](repeating: 0x81, count: 4096))
    }

    /// A sequence of one item.
    private static func sequence(_ element: UInt16, _ elements: [Element]) -> Element {
        let content = elements.flatMap(\.bytes)
        var item: [UInt8] = [0xFE, 0xFF, 0, 0xE0]
        item += littleEndian(content.count, 4)
        item += content
        return Element(group: 0x3006, element: element, representation: "SQ", value: item)
    }

    /// Contours that cross an image again and again take no more time than regions do.
    @Test func contoursHaveABudget() throws {
        func drawn(_ points: String) throws -> [UInt8] {
            let contour = [Element.text(0x3006, 0x42, "CS", "CLOSED_PLANAR"), .text(0x3006, 0x50, "DS", points)]
            let file =
                [
                    Element.text(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.481.3"), .text(8, 0x60, "CS", "RTSTRUCT"),
                    Self.sequence(0x20, [.text(0x3006, 0x22, "IS", "1"), .text(0x3006, 0x26, "LO", "liver")]),
                    Self.sequence(0x39, [Self.sequence(0x40, contour), .text(0x3006, 0x84, "IS", "1")]),
                ].flatMap(\.bytes)
            let url = FileManager.default.temporaryDirectory.appendingPathComponent("contours-\(UUID().uuidString).dcm")
            try Data(file).write(to: url)
            defer { try? FileManager.default.removeItem(at: url) }
            return try StructureSet(url).labels(shape: [1, 512, 8], geometry: VolumeGeometry(spacing: [1, 1, 1])).labels
        }
        #expect(try drawn("0\\0\\0\\-3\\0\\0\\-3\\-9\\0\\0\\-9\\0").contains(1))
        let zigzag = (0..<4000).map { (point: Int) -> String in point % 2 == 0 ? "0\\-900\\0" : "1\\900\\0" }.joined(separator: "\\")
        let error = try #require(throws: FileError.self) { try drawn(zigzag) }
        #expect(error.kind == .limit, "\(error)")
    }
}
