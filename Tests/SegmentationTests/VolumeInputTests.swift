import Foundation
import TensorFiles
import TestSupport
import Testing

@testable import Segmentation

@Suite("Volumes from files", .serialized)
struct VolumeInputTests {
    @Test func namesOfVolumes() {
        let names = ["a/Scan.nii.gz": "Scan", "b.nii": "b", "case0001.npy.h5": "case0001", "x.h5": "x", "s.npz": "s", "P.1.NII": "P.1"]
        for (path, name) in names {
            #expect(VolumeFile.isVolume(URL(filePath: path)) && VolumeFile.name(of: URL(filePath: path)) == name)
        }
        for path in ["a.png", ".nii", "a.npy", "b.gz", "nii"] { #expect(!VolumeFile.isVolume(URL(filePath: path)), "\(path)") }
    }

    /// Reading Synapse's layout here gives what the set's own reader gives; a slice is a volume of
    /// one slice.
    @Test func arraysAreRead() throws {
        let volume = try SynapseVolumes(SynapseSet.url, classNames: SynapseSet.names).load(at: 0)
        let file = try VolumeFile(SynapseSet.url.appending(path: "test_vol_h5/case0008.npy.h5"))
        #expect(file.intensities == volume.image && file.shape == volume.shape && file.isNormalized)
        // Arrays already hold 0…1, whatever window the weights have.
        var known = WeightsMetadata()
        known.window = .abdomen
        let prepared = try PreparedVolume(file, path: "a", convention: InputConvention(known))
        #expect(prepared.window == .none && prepared.intensities == volume.image && prepared.turnBack.isIdentity)
        let slice = try VolumeFile(SynapseSet.url.appending(path: "train_npz/case0000_slice000.npz"))
        #expect(slice.shape == VolumeShape(depth: 1, height: 36, width: 40))
    }

    /// Labels keep the image's geometry, and the header then has nothing about a person.
    @Test func labelsKeepTheGeometry() throws {
        try withTemporaryFolder { folder in
            var geometry = VolumeGeometry(spacing: [0.75, 0.5, 3])
            geometry.matrixCode = 1
            geometry.matrix = [[-0.75, 0, 0, 90], [0, 0, 3, -120], [0, 0.5, 0, 33]]
            let input = folder.appending(path: "ct.nii.gz")
            let values = (0..<5 * 40 * 36).map { Int16(truncatingIfNeeded: $0 % 700 - 300) }
            try NIfTIFile.write(VolumeImage(voxels: HostTensor(values, shape: [5, 40, 36]), geometry: geometry), to: input)
            let file = try VolumeFile(input)
            #expect(file.intensities == values.map(Float.init) && !file.isNormalized && file.geometry == geometry)
            let segmenter = try SynapseSet.segmenter()
            #expect(file.voxelOrder == VoxelOrder("LSA") && file.spacing == VoxelSpacing(depth: 3, height: 0.5, width: 0.75))
            let prepared = try PreparedVolume(file, path: "ct", convention: segmenter.convention)
            #expect(prepared.window == .percentiles && prepared.voxelOrder == nil && prepared.shape == file.shape)
            let labels = try VolumeSegmenter(segmenter).segment(prepared.intensities, shape: file.shape)
            let output = folder.appending(path: "labels.nii.gz")
            try labels.write(to: output, geometry: file.geometry)
            let back = try NIfTIFile.read(output)
            #expect(back.geometry == geometry && back.labels == labels.labels && back.voxels.shape == [5, 40, 36])
        }
    }

    /// The same anatomy in any stored order is turned to the training order, and its labels are
    /// turned back.
    @Test(arguments: ["RAS", "LPS", "RSA", "PSR", "SAL"])
    func storedOrdersMakeNoDifference(stored: String) throws {
        try withTemporaryFolder { folder in
            let ras = try #require(VoxelOrder("RAS")), order = try #require(VoxelOrder(stored))
            let shape = VolumeShape(depth: 9, height: 40, width: 36)
            let values = (0..<shape.count).map { Int16(truncatingIfNeeded: ($0 * 7) % 500 - 200) }
            var known = WeightsMetadata()
            (known.window, known.voxelOrder) = (.abdomen, ras)
            let convention = InputConvention(known)
            func labels(_ order: VoxelOrder) throws -> (LabelVolume, VolumeShape) {
                let turn = ras.turn(to: order)
                let turned = turn.applied(to: shape)
                let geometry = VolumeGeometry(along: order)
                let url = folder.appending(path: "\(order).nii")
                let voxels = HostTensor(turn.applied(to: values, shape), shape: [turned.depth, turned.height, turned.width])
                try NIfTIFile.write(VolumeImage(voxels: voxels, geometry: geometry), to: url)
                let file = try VolumeFile(url)
                #expect(file.voxelOrder == order)
                let prepared = try PreparedVolume(file, path: "v", convention: convention)
                #expect(prepared.voxelOrder == ras && prepared.shape == shape)
                let found = try VolumeSegmenter(try SynapseSet.segmenter()).segment(prepared.intensities, shape: prepared.shape)
                return (try LabelVolume(shape: turned, labels: prepared.turnBack.applied(to: found.labels, shape)), turned)
            }
            let (expected, _) = try labels(ras)
            let (found, turned) = try labels(order)
            #expect(order.turn(to: ras).applied(to: found.labels, turned) == expected.labels)
            #expect(Set(expected.labels).count > 1)
        }
    }

    @Test func slicesThatShowNothingAreRefused() throws {
        try withTemporaryFolder { folder in
            func prepared(_ shape: [Int], axis: Int? = nil) throws -> PreparedVolume {
                let url = folder.appending(path: "v.nii")
                let voxels = HostTensor([Float](repeating: 1, count: shape.reduce(1, *)), shape: shape)
                try NIfTIFile.write(VolumeImage(voxels: voxels, geometry: VolumeGeometry(spacing: [1, 1, 1])), to: url)
                return try PreparedVolume(VolumeFile(url), path: "v.nii", convention: InputConvention(WeightsMetadata()), sliceAxis: axis)
            }
            // 80 slices of 6×96 where six of 80×96 are meant; NIfTI's axes are columns, rows,
            // slices.
            let error = try #require(throws: DataError.self) { try prepared([80, 6, 96]) }
            #expect(error.description.contains("6×96 pixels of a volume of 96×6×80") && error.remedy.contains("--slice-axis 2"))
            #expect(try prepared([80, 6, 96], axis: 2).shape == VolumeShape(depth: 6, height: 80, width: 96))
            #expect(try #require(throws: DataError.self) { try prepared([500, 1, 1]) }.remedy.contains("at least 8"))
            #expect(try prepared([80, 10, 96]).notes.contains { $0.contains("--slice-axis 2") })
            #expect(try prepared([5, 40, 36]).notes.allSatisfy { !$0.contains("--slice-axis") })
        }
    }

    @Test func unsoundVolumesAreNamed() throws {
        try withTemporaryFolder { folder in
            var bad: [URL] = []
            for name in ["absent.nii", "empty.nii.gz", "text.npz", "text.npy.h5", "nan.nii", "cut.nii"] {
                let url = folder.appending(path: name)
                bad.append(url)
                switch name {
                case "absent.nii": break
                case "nan.nii":
                    let voxels = HostTensor([1, .nan, 3, 4] as [Float], shape: [1, 2, 2])
                    try NIfTIFile.write(VolumeImage(voxels: voxels, geometry: VolumeGeometry(spacing: [1, 1, 1])), to: url)
                case "cut.nii":
                    let voxels = HostTensor([Float](repeating: 1, count: 64), shape: [4, 4, 4])
                    try NIfTIFile.write(VolumeImage(voxels: voxels, geometry: VolumeGeometry(spacing: [1, 1, 1])), to: url)
                    try Data(contentsOf: url).dropLast(9).write(to: url)
                default: try Data(name.hasPrefix("empty") ? [] : Array("not one".utf8)).write(to: url)
                }
            }
            for url in bad {
                let error = try #require(throws: DataError.self) { try VolumeFile(url) }
                #expect(error.path.hasSuffix(url.lastPathComponent) && !error.remedy.isEmpty, "\(error)")
            }
        }
    }
}
