import DICOM
import Foundation
import TensorFiles

let dicomReaders: [any Reader] = [DICOMReader(name: "dicom"), DICOMReader(name: "dicom-zip", isDeflated: true)]

/// DICOM files: images, segmentations and structure sets. Compressed pixels are left out, because
/// another process decodes them.
private struct DICOMReader: Reader {
    let name: String
    var isDeflated = false
    let ending = "dcm"
    let fixtures = ["dcm"]

    /// The length of the head that names the syntax, in a deflated fixture.
    private static func head(_ file: [UInt8]) -> Int? {
        guard file.count > 144, file[128..<132].elementsEqual("DICM".utf8) else { return nil }
        var length = 0
        for byte in file[140..<144].reversed() { length = length << 8 | Int(byte) }
        return 144 + length < file.count ? 144 + length : nil
    }

    private static let deflated = Array("1.2.840.10008.1.2.1.99".utf8)

    func seeds(in fixture: [UInt8]) -> [[UInt8]] {
        guard let head = Self.head(fixture), fixture[..<head].contains(Self.deflated) else { return isDeflated ? [] : [fixture] }
        return isDeflated ? [fixture[..<head] + Deflate.unpack(Array(fixture[head...]), .raw)] : []
    }

    func file(of input: [UInt8]) -> [UInt8] {
        guard isDeflated, let head = Self.head(input) else { return input }
        return input[..<head] + Deflate.pack(Array(input[head...]), .raw)
    }

    func read(_ file: Scratch) throws {
        let folder = DICOMFolder([file.url])
        for text in [folder.list] + folder.failures.map(\.reason) { Promise.checkText(text, of: "DICOMFolder") }
        var options = DICOMVolume.Options()
        (options.limit, options.resamples, options.decoder) = (1 << 26, file.digest % 2 == 0, file.other("none"))
        var grid = ([4, 8, 8], VolumeGeometry(spacing: [1, 1, 1]))
        var fault: (any Error)?
        func attempt(_ read: () throws -> Void) {
            do { try read() } catch {
                Promise.check(error, about: file)
                fault = error
            }
        }
        for series in folder.series {
            attempt {
                let volume = try DICOMVolume(series, name: file.name, options: options)
                Promise.hold(volume.values.count == volume.shape.reduce(1, *), "shape \(volume.shape) and \(volume.values.count) values")
                for note in volume.notes { Promise.checkText(note, of: "DICOMVolume") }
                if volume.values.count <= 1 << 14 { grid = (volume.shape, volume.geometry) }
            }
        }
        attempt {
            let (labels, notes) = try SegmentationFile(file.url).labels(shape: grid.0, geometry: grid.1)
            Promise.hold(labels.count == grid.0.reduce(1, *), "\(labels.count) labels of shape \(grid.0)")
            for note in notes { Promise.checkText(note, of: "SegmentationFile") }
        }
        attempt {
            let (labels, notes) = try StructureSet(file.url).labels(shape: grid.0, geometry: grid.1)
            Promise.hold(labels.count == grid.0.reduce(1, *), "\(labels.count) labels of shape \(grid.0)")
            for note in notes { Promise.checkText(note, of: "StructureSet") }
        }
        if folder.series.isEmpty, let fault { throw fault }
    }
}
