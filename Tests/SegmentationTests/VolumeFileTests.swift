import Foundation
import TensorFiles
import TestSupport
import Testing

@testable import Segmentation

/// Volumes as found in practice: pairs of files, types of eight bytes, headers with something odd.
@Suite struct VolumeFileTests {
    private static let geometry = VolumeGeometry(spacing: [0.5, 0.75, 3])

    /// A pair made of a single file: the header without its last four bytes and with a pair's
    /// magic, and the voxels.
    private func writePair(_ voxels: HostTensor, in folder: URL, magic: String) throws {
        let whole = folder.appending(path: "whole.nii")
        try NIfTIFile.write(VolumeImage(voxels: voxels, geometry: Self.geometry), to: whole)
        var header = try Data(contentsOf: whole).prefix(348)
        header.replaceSubrange(108..<112, with: [0, 0, 0, 0])  // voxels begin with their file
        header.replaceSubrange(344..<348, with: Array(magic.utf8) + [0])
        try header.write(to: folder.appending(path: "pair.hdr"))
        try Data(contentsOf: whole).dropFirst(352).write(to: folder.appending(path: "pair.img"))
    }

    @Test(arguments: [("ni1", nil), ("\0\0\0", "its Analyze header does not say which side is left")])
    func readsPairs(magic: String, note: String?) throws {
        try withTemporaryFolder { folder in
            let values: [Int16] = (0..<288).map { 3 * Int16($0) - 200 }
            try writePair(HostTensor(values, shape: [4, 9, 8]), in: folder, magic: magic)
            for name in ["pair.hdr", "pair.img"] {
                let volume = try VolumeFile(folder.appending(path: name))
                #expect(volume.intensities == values.map(Float.init) && volume.shape == VolumeShape(depth: 4, height: 9, width: 8))
                #expect(volume.spacing == VoxelSpacing(depth: 3, height: 0.75, width: 0.5))
                #expect(volume.notes == (note.map { [$0] } ?? []))
                let prepared = try PreparedVolume(volume, path: name, convention: InputConvention(WeightsMetadata()))
                #expect(note.map { prepared.notes.contains($0) } ?? true, "\(prepared.notes)")
            }
        }
    }

    /// An unusable placement in a header is not written again.
    @Test func unusablePlacementsAreNotRepeated() throws {
        try withTemporaryFolder { folder in
            let (input, output) = (folder.appending(path: "in.nii"), folder.appending(path: "out.nii.gz"))
            var odd = Self.geometry
            (odd.quaternion, odd.matrix) = ([1, 1, 1], (0..<3).map { _ in [0, 0, 0, 0] })
            let voxels = HostTensor([UInt8](repeating: 3, count: 2 * 8 * 8), shape: [2, 8, 8])
            try NIfTIFile.write(VolumeImage(voxels: voxels, geometry: odd), to: input)
            let volume = try VolumeFile(input)
            #expect(volume.notes.count == 2 && volume.voxelOrder == nil && volume.geometry == odd)
            try LabelVolume(shape: volume.shape, labels: voxels.bytes).write(to: output, geometry: volume.geometry)
            let written = try NIfTIFile.read(output)
            #expect(written.geometry.quaternionCode == 0 && written.geometry.matrixCode == 0 && written.notes == [])
            #expect(written.geometry.spacing == [0.5, 0.75, 3])
        }
    }

    @Test func widerTypesBecomeFourBytes() throws {
        try withTemporaryFolder { folder in
            let values: [Double] = (0..<240).map { Double($0) / 7 - 12 }
            let url = folder.appending(path: "ct.nii.gz")
            try NIfTIFile.write(
                VolumeImage(voxels: HostTensor(values, shape: [3, 10, 8]), slope: 2, intercept: -5, geometry: Self.geometry), to: url)
            let expected: [Float] = values.map { Float(2 * $0 - 5) }
            #expect(try VolumeFile(url).intensities == expected)
        }
    }
}
