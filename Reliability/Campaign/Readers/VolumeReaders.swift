import Foundation
import TensorFiles

let volumeReaders: [any Reader] = [
    NIfTIReader(name: "nifti", ending: "nii", envelope: .none), NIfTIReader(name: "nifti-gz", ending: "nii.gz", envelope: .gzip()),
    HeaderedReader(name: "nrrd", ending: "nrrd", format: .nrrd), HeaderedReader(name: "metaimage", ending: "mha", format: .metaImage),
]

private struct NIfTIReader: Reader {
    let name: String
    let ending: String
    let fixtures = ["nii", "nii.gz", "hdr"]
    let envelope: Envelope

    func seeds(in fixture: [UInt8]) -> [[UInt8]] {
        let isPacked = fixture.starts(with: [0x1F, 0x8B])
        if ending == "nii" { return [isPacked ? Deflate.unpack(fixture, .gzip) : fixture] }
        return [isPacked ? fixture : Deflate.pack(fixture, .gzip)]
    }

    func read(_ file: Scratch) throws {
        let volume = try NIfTIFile.read(file.url)
        check(volume.voxels)
        guard file.digest % 8 == 0, volume.voxels.bytes.count <= 1 << 16 else { return }
        // Writing may refuse a volume, but must be able to read back what it wrote.
        let copy = file.other("input.copy.nii")
        guard (try? NIfTIFile.write(volume, to: copy)) != nil else { return }
        let again = try NIfTIFile.read(copy)
        Promise.hold(again.voxels == volume.voxels, "voxels of shape \(volume.voxels.shape) read back otherwise")
    }
}

/// Formats of a header of text before the data: NRRD in each of its encodings, MetaImage.
private struct HeaderedReader: Reader {
    let name: String
    let ending: String
    let format: VolumeFormat
    var fixtures: [String] { [ending] }

    func read(_ file: Scratch) throws {
        let volume = try format.read(file.url, limit: 1 << 26, allChannels: true)
        check(volume.voxels)
        if format == .nrrd { _ = try NRRDFile.segments(file.url) }
        guard file.digest % 8 == 0, volume.voxels.bytes.count <= 1 << 16 else { return }
        let copy = file.other("input.copy.\(ending)")
        guard (try? format.write(volume, to: copy)) != nil else { return }
        let again = try format.read(copy, allChannels: true)
        Promise.hold(again.voxels.bytes == volume.voxels.bytes, "voxels of shape \(volume.voxels.shape) read back otherwise")
    }
}
