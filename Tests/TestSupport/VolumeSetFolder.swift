import Foundation
import Segmentation
import TensorFiles

/// Sets of volumes in nnU-Net's and the Decathlon's layouts, made here.
package struct VolumeSetFolder {
    package let url: URL

    /// An affine from voxel sizes, with columns, rows and slices along right, anterior, superior.
    package static func geometry(_ spacing: [Double], origin: [Double] = [0, 0, 0]) -> VolumeGeometry {
        VolumeGeometry(
            affine: [[spacing[0], 0, 0, origin[0]], [0, spacing[1], 0, origin[1]], [0, 0, spacing[2], origin[2]]])
    }

    package func write<Value: HostScalar>(
        _ values: [Value], _ shape: [Int], to path: String, spacing: [Double] = [1, 1, 1], origin: [Double] = [0, 0, 0]
    ) throws {
        let file = url.appending(path: path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        let image = VolumeImage(voxels: HostTensor(values, shape: shape), geometry: Self.geometry(spacing, origin: origin))
        try (VolumeFormat(file) ?? .nifti).write(image, to: file)
    }

    package func json(_ text: String, _ name: String = "dataset.json") throws { try Data(text.utf8).write(to: url.appending(path: name)) }

    /// A ball of `label` in a volume of 12 slices of 20×16, whose intensities are brighter inside.
    package static func ball(_ label: UInt8, at center: (Int, Int, Int), radius: Int = 4) -> (image: [Int16], labels: [UInt8]) {
        var (image, labels) = ([Int16](), [UInt8]())
        for z in 0..<12 {
            for y in 0..<20 {
                for x in 0..<16 {
                    let (a, b, c) = (z - center.0, y - center.1, x - center.2)
                    let isInside = a * a + b * b + c * c <= radius * radius
                    image.append(Int16(isInside ? 300 : 100) + Int16((x * 7 + y * 3 + z) % 5))
                    labels.append(isInside ? label : 0)
                }
            }
        }
        return (image, labels)
    }

    package static let shape = [12, 20, 16]

    package var settings: DataSettings { DataSettings(.nnunet, path: url.path) }

    /// Settings with classes and plan, as `train` resolves them.
    package func resolved(_ change: (inout DataSettings) -> Void = { _ in }) throws -> DataSettings {
        var settings = settings
        change(&settings)
        let named = try settings.dataset.layout.resolvingClasses(settings, givenCount: false, givenNames: false)
        return try settings.dataset.layout.planned(named, givenSize: false)
    }
}

package func withVolumeSet<Result>(_ body: (VolumeSetFolder) throws -> Result) throws -> Result {
    try withTemporaryFolder { try body(VolumeSetFolder(url: $0)) }
}
