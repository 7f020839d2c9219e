import Files
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A volume with its truth.
public struct SynapseVolume: Sendable {
    /// The case's name in the list.
    public let name: String
    /// Intensities, (slices, rows, columns), row-major.
    public let image: [Float]
    /// The true labels.
    public let label: LabelVolume
    /// The channels as their files hold them, where a network's own conventions prepare them;
    /// ``image`` is empty then.
    public let channels: [VolumeFile]
    /// Oddities of the files, a clause each, to show to the user.
    public let notes: [String]

    /// A volume that was read before.
    public init(name: String, image: [Float], label: LabelVolume) {
        (self.name, self.image, self.label, channels, notes) = (name, image, label, [], [])
    }

    /// A volume of files, with labels of their voxels.
    init(name: String, channels: [VolumeFile], label: LabelVolume, notes: [String] = []) {
        (self.name, image, self.label, self.channels, self.notes) = (name, [], label, channels, notes)
    }

    /// The first channel's intensities as 0…1 for people to look at, (slices, rows, columns).
    public var shown: [Float] { channels.first.map { IntensityWindow.percentiles.applied(to: $0.intensities) } ?? image }

    /// Millimetres between slices, rows and columns; nil if no file records them.
    public var spacing: VoxelSpacing? { channels.first?.spacing }

    /// Slices, rows and columns.
    public var shape: VolumeShape { label.shape }

    /// Clauses about what looks odd, for the user.
    package var doubts: [String] { [sliceDoubt].compactMap(\.self) + notes }

    /// A clause about slices that seem to lie along another axis; nil if these look like slices. Files
    /// that record their voxels' place need none.
    package var sliceDoubt: String? {
        guard channels.isEmpty, shape.depth > 3 * min(shape.height, shape.width) else { return nil }
        return "\(shape.depth) slices of \(shape.height)×\(shape.width) pixels: where slices lie along another axis, "
            + "data.slice_axis (--slice-axis) says so"
    }

    /// The intensities of one slice, (rows, columns).
    public func slice(_ index: Int) -> [Float] { Array(image[index * shape.plane.count..<(index + 1) * shape.plane.count]) }
}

/// Test volumes in Synapse's layout: `DIR/test_vol_h5/NAME.npy.h5` with `image` and `label`, listed
/// in `DIR/lists/lists_Synapse/test_vol.txt`.
package struct SynapseVolumes: VolumeDataset {
    /// The volumes' names, in the list's order.
    package let cases: [String]
    /// The classes' names, background first.
    package let classNames: [String]
    /// An allowed label beyond the classes, for ignored voxels.
    package let ignoredLabel: UInt8?
    /// Facts about the files' arrays.
    package var reading = ArrayReading()
    /// Regions to score, if the set's `dataset.json` defines any.
    package var regions: [LabelRegion] { description?.regions ?? [] }
    private let files: [URL]
    private let description: VolumeSetDescription?

    /// The volumes of a list; `classNames` come from
    /// ``SynapseClasses/names(in:configured:ignoredLabel:)``.
    ///
    /// Throws ``DataError`` without a folder or list, and lists every missing case.
    package init(_ directory: URL, list: String = "test_vol", classNames: [String], ignoredLabel: UInt8? = nil) throws(DataError) {
        let layout = SynapseLayout(directory: directory)
        cases = try layout.cases(in: list)
        files = try layout.files(cases, folder: "test_vol_h5", extensions: ["npy.h5", "h5"])
        self.classNames = classNames
        self.ignoredLabel = ignoredLabel
        description = try? SynapseClasses.description(in: directory)
    }

    /// True if a list names volumes rather than training slices, judged by its first case's file.
    /// Throws ``DataError`` like the initialiser.
    package static func areListed(in directory: URL, list: String) throws(DataError) -> Bool {
        let layout = SynapseLayout(directory: directory)
        guard let first = try layout.cases(in: list).first else { return false }
        return (try? layout.files([first], folder: "train_npz", extensions: ["npz"])) == nil
    }

    /// Volumes of the list.
    package var count: Int { cases.count }

    /// A volume, read and checked; a two-dimensional array is one slice. Throws ``DataError``,
    /// which names the file.
    package func load(at index: Int) throws(DataError) -> SynapseVolume {
        let file = files[index]
        let arrays: [HostTensor]
        do throws(FileError) {
            arrays = try HDF5File.read(["image", "label"], from: file, limit: VolumeFile.largestArray)
        } catch { throw DataError(error) }
        var (image, label, shape) = try SynapseArrays.checked(
            arrays, path: file.path, rank: 2...3, classes: classNames.count, ignoredLabel: ignoredLabel, description: description)
        var extents = VolumeShape(depth: shape.count == 3 ? shape[0] : 1, height: shape[shape.count - 2], width: shape[shape.count - 1])
        if shape.count == 3, reading.sliceAxis > 1 {
            let turn = VolumeTurn.slicesFirst(axis: reading.sliceAxis)
            (image, label, extents) = (turn.applied(to: image, extents), turn.applied(to: label, extents), turn.applied(to: extents))
        }
        if let window = reading.window { image = window.applied(to: image) }
        do throws(VolumeError) {
            return SynapseVolume(name: cases[index], image: image, label: try LabelVolume(shape: extents, labels: label))
        } catch {
            throw DataError(.shape, path: file.path, error.description, remedy: "Save the volume as slices, rows and columns.")
        }
    }
}

extension SynapseVolumes {
    /// The volumes of a list, with names for as many classes as a network has: the weights' own,
    /// else the set's, else numbers.
    ///
    /// Throws ``DataError`` like the initialiser, and if the set's files name another number of
    /// classes.
    init(_ directory: URL, list: String = "test_vol", classes: Int, weightsClassNames: [String]?, ignoredLabel: UInt8? = nil)
        throws(DataError)
    {
        let count = max(classes, 2)  // a binary network's labels are 0 and 1
        var names = SynapseClasses.named(count)
        if let weightsClassNames, weightsClassNames.count == count {
            names = weightsClassNames
        } else if SynapseClasses.areNamed(in: directory) {
            names = try SynapseClasses.names(in: directory)
            guard names.count == count else {
                throw DataError(
                    .labelOutOfRange, path: directory.path, "the set has \(names.count) classes, the weights \(count)",
                    remedy: "Evaluate weights that were trained on this set's classes.")
            }
        }
        try self.init(directory, list: list, classNames: names, ignoredLabel: ignoredLabel)
    }
}
