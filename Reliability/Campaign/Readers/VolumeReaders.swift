import Foundation
import TensorFiles

let volumeReaders: [any Reader] = [
    NIfTIReader(name: "nifti", ending: "nii", envelope: .none), NIfTIReader(name: "nifti-gz", ending: "nii.gz", envelope: .gzip()),
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
