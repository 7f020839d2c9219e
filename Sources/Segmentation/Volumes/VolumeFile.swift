import DICOM
import Files
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A volume to segment: NIfTI, NRRD, MetaImage, a DICOM series, or an array `image` in Synapse's
/// layout.
public struct VolumeFile: Sendable {
    /// The voxels as they are stored, (slices, rows, columns), row-major; intensities are slope ·
    /// voxel + intercept.
    private let voxels: HostTensor
    private let slope: Double, intercept: Double
    /// Slices, rows and columns as they are stored.
    public let shape: VolumeShape
    /// The voxels' placement, which only NIfTI records; otherwise voxels of 1 mm.
    public let geometry: VolumeGeometry
    /// True if the intensities are already in 0…1, as in Synapse's layout.
    public let isNormalized: Bool
    /// Oddities and repairs of the file, a clause each, to show to the user once.
    public let notes: [String]
    /// The images of a DICOM series, for results that go back to an archive.
    public let source: DICOMSource?
    /// The frame of reference of a DICOM series; nil if there is none.
    let frameOfReference: String?

    /// Endings of readable files, longest first.
    static let extensions =
        [".npy.h5", ".nii.gz", ".nii", ".h5", ".npz", ".hdr.gz", ".img.gz", ".hdr", ".img"] + VolumeFormat.nrrd.endings
        + VolumeFormat.metaImage.endings
    /// The most bytes of an array in .npz or HDF5: 512 × 512 × 2000 numbers of 8 bytes.
    static let largestArray = 1 << 32
    /// The most voxels of a volume, which take four bytes each or less.
    static let largestVolume = 1 << 31

    /// True if the file has a volume's name.
    public static func isVolume(_ url: URL) -> Bool { suffix(of: url) != nil }

    /// The file's name without its ending.
    public static func name(of url: URL) -> String {
        String(url.lastPathComponent.dropLast(suffix(of: url)?.count ?? 0))
    }

    private static func suffix(of url: URL) -> String? {
        let name = url.lastPathComponent.lowercased()
        return extensions.first { name.hasSuffix($0) && name.count > $0.count }
    }

    /// Reads a volume, which takes at most four bytes per voxel. Throws ``DataError``, which names
    /// the file, if it is damaged, lacks `image`, has a wrong rank, is too large, or has values
    /// that are not finite.
    public init(_ url: URL) throws(DataError) {
        switch Self.suffix(of: url) {
        case ".npz"?:
            let tensor: HostTensor
            do throws(FileError) { tensor = try NPZFile(url).read("image", limit: Self.largestArray) } catch {
                throw DataError(error)
            }
            try self.init(array: tensor, path: url.relativePath)
        case ".h5"?, ".npy.h5"?:
            let tensor: HostTensor
            do throws(FileError) { tensor = try HDF5File.read(["image"], from: url, limit: Self.largestArray)[0] } catch {
                throw DataError(error)
            }
            try self.init(array: tensor, path: url.relativePath)
        default:
            let volume: VolumeImage
            do throws(FileError) {
                volume = try (VolumeFormat(url) ?? .nifti).readNarrow(url, voxels: Self.largestVolume)
            } catch { throw DataError(error) }
            let shape = volume.voxels.shape
            guard shape.allSatisfy({ (1...LabelVolume.largestExtent).contains($0) }) else {
                throw DataError(
                    .shape, path: url.relativePath, "its image has shape \(shape)",
                    remedy: "Crop the volume, or save it at a larger spacing.")
            }
            self.init(
                voxels: volume.voxels, slope: volume.slope, intercept: volume.intercept,
                shape: VolumeShape(depth: shape[0], height: shape[1], width: shape[2]), geometry: volume.geometry, isNormalized: false,
                notes: volume.notes)
        }
        try requireFinite(url.relativePath)
    }

    /// Reads a volume's channels, which lie along a fourth axis of the file; one if it has
    /// none. Throws ``DataError`` like ``init(_:)``, and before anything is read if there is no
    /// memory for the voxels and their labels.
    public static func channels(of url: URL) throws(DataError) -> [VolumeFile] {
        guard let format = VolumeFormat(url) else {
            if let (shape, elementType) = try arrayLayout(of: url) {
                try requireMemory(voxels: HostTensor.elementCount(shape: shape), of: elementType.byteCount, url)
            }
            return [try VolumeFile(url)]
        }
        let header: VolumeHeader
        do throws(FileError) { header = try format.header(url) } catch { throw DataError(error) }
        // Wider voxels are narrowed while they are read.
        try requireMemory(voxels: header.count, of: min(header.elementType.byteCount, 4), url)
        guard header.channels > 1 else { return [try VolumeFile(url)] }
        let (shape, count) = (header.shape, header.channels)
        guard shape.allSatisfy({ (1...LabelVolume.largestExtent).contains($0) }), count <= largestChannelCount else {
            throw DataError(
                .shape, path: url.relativePath, "holds \(count) volumes of \(shape) voxels, as a series in time does",
                remedy: "Give at most \(largestChannelCount) channels, of at most \(LabelVolume.largestExtent) voxels a side.")
        }
        let image: VolumeImage
        do throws(FileError) { image = try format.read(url, limit: largestArray, allChannels: true) } catch { throw DataError(error) }
        let volume = shape.reduce(1, *)
        var files: [VolumeFile] = []
        for channel in 0..<count {
            let file = VolumeFile(
                voxels: image.voxels.gathered(from: channel * volume, shape: shape, strides: [shape[1] * shape[2], shape[2], 1]),
                slope: image.slope, intercept: image.intercept, shape: VolumeShape(depth: shape[0], height: shape[1], width: shape[2]),
                geometry: image.geometry, isNormalized: false, notes: channel == 0 ? image.notes : [])
            try file.requireFinite(url.relativePath)
            files.append(file)
        }
        return files
    }

    /// The number of voxels that the file's header declares, all channels together; nil for a number
    /// beyond 64 bits. Throws ``DataError`` if the header cannot be read.
    package static func voxelCount(of url: URL) throws(DataError) -> Int? {
        if let (shape, _) = try arrayLayout(of: url) { return HostTensor.elementCount(shape: shape) }
        do throws(FileError) { return try (VolumeFormat(url) ?? .nifti).header(url).count } catch { throw DataError(error) }
    }

    /// The lengths and the type of the array `image`; nil for files of other kinds.
    private static func arrayLayout(of url: URL) throws(DataError) -> (shape: [Int], elementType: ElementType)? {
        do throws(FileError) {
            return switch suffix(of: url) {
            case ".npz"?: try NPZFile(url).layout(of: "image")
            case ".h5"?, ".npy.h5"?: try HDF5File.layout(of: "image", in: url)
            default: nil
            }
        } catch { throw DataError(error) }
    }

    /// Asks for the memory of voxels and of three labels for each; nil is an overflow.
    private static func requireMemory(voxels: Int?, of byteCount: Int, _ url: URL) throws(DataError) {
        let needed = voxels?.multipliedReportingOverflow(by: byteCount + 3)
        try DataError.requireMemory(
            needed.map { $0.overflow ? -1 : $0.partialValue } ?? -1, for: url.relativePath,
            remedy: "Crop the volume, or save it at a larger spacing.")
    }

    /// The most channels of a volume.
    static let largestChannelCount = 16

    /// Bytes of the stored voxels.
    var byteCount: Int { voxels.bytes.count }

    private init(array: HostTensor, path: String) throws(DataError) {
        if array.shape.count == 3, let last = array.shape.last, (2...4).contains(last), array.shape[0] > 4, array.shape[1] > 4 {
            throw DataError(
                .shape, path: path, "its image has shape \(array.shape): a picture of \(last) channels rather than a volume",
                remedy: "Save pictures as PNG; a volume has slices, rows and columns.")
        }
        try SynapseArrays.checkImage(array, path: path, rank: 2...3)
        let shape = Array(([1] + array.shape).suffix(3))
        var geometry = VolumeGeometry(spacing: [1, 1, 1])
        geometry.axes = array.shape.count
        let mayBeColor = array.shape.count == 3 && (3...4).contains(shape[0]) && min(shape[1], shape[2]) > 4
        self.init(
            voxels: array, slope: 1, intercept: 0, shape: VolumeShape(depth: shape[0], height: shape[1], width: shape[2]),
            geometry: geometry, isNormalized: true,
            notes: mayBeColor ? ["its \(shape[0]) planes are taken as slices; channels of a picture belong into a PNG"] : [])
    }

    /// Reads a DICOM series; `path` names its folder in errors. `resamples` repairs what it can;
    /// ``notes`` list it.
    public init(_ series: DICOMSeries, path: String, resamples: Bool = false) throws(DataError) {
        var options = DICOMVolume.Options()
        options.resamples = resamples
        options.limit = Self.largestArray
        let volume: DICOMVolume
        do throws(FileError) { volume = try DICOMVolume(series, name: path, options: options) } catch { throw DataError(error) }
        let shape = VolumeShape(depth: volume.shape[0], height: volume.shape[1], width: volume.shape[2])
        self.init(
            voxels: HostTensor(volume.values, shape: volume.shape), slope: 1, intercept: 0, shape: shape, geometry: volume.geometry,
            isNormalized: false, notes: volume.notes, source: volume.source, frameOfReference: series.frameOfReference)
    }

    init(
        voxels: HostTensor, slope: Double, intercept: Double, shape: VolumeShape, geometry: VolumeGeometry, isNormalized: Bool,
        notes: [String] = [], source: DICOMSource? = nil, frameOfReference: String? = nil
    ) {
        (self.notes, self.source, self.frameOfReference) = (notes, source, frameOfReference)
        (self.voxels, self.slope, self.intercept) = (voxels, slope, intercept)
        (self.shape, self.geometry, self.isNormalized) = (shape, geometry, isNormalized)
    }

    private func requireFinite(_ path: String) throws(DataError) {
        guard voxels.elementType.isFloatingPoint || slope != 1 || intercept != 0 else { return }
        let isSound = (0..<shape.depth).allSatisfy { slice(at: $0).allSatisfy(\.isFinite) }
        guard isSound else {
            throw DataError(
                .unreadable, path: path, "its image holds values that are not finite numbers (NaN or infinity)",
                remedy: isNormalized
                    ? "Clip the intensities and scale them to 0…1 before saving."
                    : "Replace them by the value of the background and save the volume again.")
        }
    }
}

extension VolumeFile {
    /// All intensities in the file's unit, (slices, rows, columns), row-major: four bytes per
    /// voxel.
    public var intensities: [Float] { floats(voxels) }

    /// The intensities of a slice as it is stored, (rows, columns).
    public func slice(at index: Int) -> [Float] { slice(at: index, turned: .none) }

    /// The intensities of a slice of the turned volume, (rows, columns).
    public func slice(at index: Int, turned turn: VolumeTurn) -> [Float] {
        let (to, places) = (turn.applied(to: shape), turn.places(in: shape))
        return floats(
            voxels.gathered(
                from: places.start + index * places.slice, shape: [to.height, to.width], strides: [places.row, places.column]))
    }

    /// The least and the greatest intensity.
    public var extremes: ClosedRange<Float> {
        var (least, greatest) = (Float.infinity, -Float.infinity)
        for k in 0..<shape.depth {
            for value in slice(at: k) { (least, greatest) = (min(least, value), max(greatest, value)) }
        }
        return least...greatest
    }

    /// Evenly spaced intensities, at most `limit`.
    func sample(_ limit: Int) -> [Float] {
        let step = IntensityWindow.stride(shape.count, limit: limit)
        return floats(voxels.gathered(from: 0, shape: [(shape.count + step - 1) / step], strides: [step]))
    }

    private func floats(_ part: HostTensor) -> [Float] {
        slope == 1 && intercept == 0 ? part.floats : part.doubles.map { Float(slope * $0 + intercept) }
    }
}

extension IntensityWindow {
    /// The window that this one comes to for a volume: its own extremes or percentiles, found
    /// without all of it at once.
    func resolved(for volume: VolumeFile) -> IntensityWindow {
        switch self {
        case .none, .fixed: return self
        case .range:
            let extremes = volume.extremes
            return .fixed(low: Double(extremes.lowerBound), high: Double(extremes.upperBound))
        case .percentiles:
            let (low, high) = Self.percentiles(ofSample: volume.sample(Self.sampleLimit))
            return .fixed(low: Double(low), high: Double(high))
        }
    }
}

extension VolumeFile {
    /// The directions in which columns, rows and slices increase; nil if the file records none that
    /// make sense.
    public var voxelOrder: VoxelOrder? { isNormalized || !geometry.placesVoxels ? nil : VoxelOrder(geometry.orientation) }

    /// Millimetres between slices, rows and columns; nil if the file does not record them.
    public var spacing: VoxelSpacing? {
        guard !isNormalized, let size = geometry.voxelSize else { return nil }
        return VoxelSpacing(depth: size.depth, height: size.height, width: size.width)
    }
}

extension VolumeFile {
    /// A voxel's cubic millimetres, sheared or not; nil if the file does not record them.
    public var voxelVolume: Double? {
        guard !isNormalized, let spacing else { return nil }
        guard let m = geometry.millimetreAffine else { return spacing.voxelVolume }
        let determinant =
            m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
        return abs(determinant)
    }
}

extension LabelVolume {
    /// Writes the labels in the format of the name, with names and colours if it has a place for
    /// them.
    public func write(
        to url: URL, geometry: VolumeGeometry, description: String = "", labels names: [VolumeLabel]
    ) throws(FileError) {
        let image = VolumeImage(
            voxels: HostTensor(labels, shape: [shape.depth, shape.height, shape.width]), geometry: geometry.withoutUnusablePlacement,
            description: description)
        try (VolumeFormat(url) ?? .nifti).write(image, labels: names, to: url)
    }

    /// Writes the labels as NIfTI, compressed if the name ends in `.gz`.
    public func write(to url: URL, geometry: VolumeGeometry, description: String = "") throws(FileError) {
        try NIfTIFile.write(
            labels: labels, shape: [shape.depth, shape.height, shape.width], geometry: geometry.withoutUnusablePlacement,
            description: description, to: url)
    }
}

extension VoxelSpacing {
    /// A geometry with only this spacing.
    public var geometry: VolumeGeometry { VolumeGeometry(spacing: [width, height, depth]) }
}
