import Foundation
import TensorFiles

/// A volume to segment: NIfTI, or an array `image` in Synapse's layout.
public struct VolumeFile: Sendable {
    /// Intensities in the file's unit, (slices, rows, columns), row-major.
    public let intensities: [Float]
    public let shape: VolumeShape
    /// The voxels' placement, which only NIfTI records; otherwise voxels of 1 mm.
    public let geometry: NIfTIGeometry
    /// Whether the intensities are already in 0…1, as in Synapse's layout.
    public let isNormalized: Bool

    /// Endings of readable files, longest first.
    static let extensions = [".npy.h5", ".nii.gz", ".nii", ".h5", ".npz"]
    /// The most bytes of a file's array: 512 × 512 × 2000 numbers of 4 bytes.
    static let largestArray = 1 << 31

    /// Whether the file has a volume's name.
    public static func isVolume(_ url: URL) -> Bool { suffix(of: url) != nil }

    /// The file's name without its ending.
    public static func name(of url: URL) -> String {
        String(url.lastPathComponent.dropLast(suffix(of: url)?.count ?? 0))
    }

    private static func suffix(of url: URL) -> String? {
        let name = url.lastPathComponent.lowercased()
        return extensions.first { name.hasSuffix($0) && name.count > $0.count }
    }

    /// Reads a volume. Throws ``DataError``, which names the file, if it is damaged, lacks `image`,
    /// has a wrong rank, is too large, or has values that are not finite.
    public init(_ url: URL) throws(DataError) {
        switch Self.suffix(of: url) {
        case ".npz"?:
            let tensor: HostTensor
            do throws(TensorFileError) { tensor = try NPZFile(url).read("image", limit: Self.largestArray) } catch {
                throw DataError(error)
            }
            try self.init(array: tensor, path: url.relativePath)
        case ".h5"?, ".npy.h5"?:
            let tensor: HostTensor
            do throws(TensorFileError) { tensor = try HDF5File.read(["image"], from: url, limit: Self.largestArray)[0] } catch {
                throw DataError(error)
            }
            try self.init(array: tensor, path: url.relativePath)
        default:
            let volume: NIfTIVolume
            do throws(TensorFileError) { volume = try NIfTIFile.read(url, limit: Self.largestArray) } catch { throw DataError(error) }
            let shape = volume.voxels.shape
            guard volume.voxels.count <= Self.largestArray / 4, shape.allSatisfy({ (1...LabelVolume.largestExtent).contains($0) }) else {
                throw DataError(
                    .shape, path: url.relativePath, "its image has shape \(shape)",
                    remedy: "Crop the volume, or save it at a larger spacing.")
            }
            let values = volume.values
            guard values.allSatisfy(\.isFinite) else {
                throw DataError(
                    .unreadable, path: url.relativePath, "its image holds values that are not finite numbers (NaN or infinity)",
                    remedy: "Replace them by the value of the background and save the volume again.")
            }
            self.init(
                intensities: values, shape: VolumeShape(depth: shape[0], height: shape[1], width: shape[2]), geometry: volume.geometry,
                isNormalized: false)
        }
    }

    private init(array: HostTensor, path: String) throws(DataError) {
        if array.shape.count == 3, let last = array.shape.last, (2...4).contains(last), array.shape[0] > 4, array.shape[1] > 4 {
            throw DataError(
                .shape, path: path, "its image has shape \(array.shape): a picture of \(last) channels rather than a volume",
                remedy: "Save pictures as PNG; a volume has slices, rows and columns.")
        }
        let values = try SynapseArrays.intensities(array, path: path, rank: 2...3)
        let shape = Array(([1] + array.shape).suffix(3))
        self.init(
            intensities: values, shape: VolumeShape(depth: shape[0], height: shape[1], width: shape[2]),
            geometry: NIfTIGeometry(spacing: [1, 1, 1]), isNormalized: true)
    }

    private init(intensities: [Float], shape: VolumeShape, geometry: NIfTIGeometry, isNormalized: Bool) {
        self.intensities = intensities
        self.shape = shape
        self.geometry = geometry
        self.isNormalized = isNormalized
    }
}

extension VolumeFile {
    /// The directions in which columns, rows and slices increase; nil if the file records none that
    /// make sense.
    public var voxelOrder: VoxelOrder? { isNormalized ? nil : VoxelOrder(geometry.orientation) }

    /// Millimetres between slices, rows and columns; nil if the file does not record them.
    public var spacing: VoxelSpacing? {
        guard !isNormalized, let size = geometry.voxelSize else { return nil }
        return VoxelSpacing(depth: size.depth, height: size.height, width: size.width)
    }
}

extension LabelVolume {
    /// Writes the labels as NIfTI, compressed if the name ends in `.gz`.
    public func write(to url: URL, geometry: NIfTIGeometry, description: String = "") throws(TensorFileError) {
        try NIfTIFile.write(
            labels: labels, shape: [shape.depth, shape.height, shape.width], geometry: geometry, description: description, to: url)
    }
}

extension VoxelSpacing {
    /// A geometry with only this spacing.
    public var geometry: NIfTIGeometry { NIfTIGeometry(spacing: [width, height, depth]) }
}
