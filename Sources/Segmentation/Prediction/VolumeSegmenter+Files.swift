import Files
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension VolumeSegmenter {
    /// The classes in a volume's file.
    public struct Result: Sendable {
        /// One label per voxel, in the file's own order (slices, rows, columns); of a binary
        /// network 0 and 1.
        public let labels: LabelVolume
        /// The voxels' place, from the file.
        public let geometry: VolumeGeometry
        /// Millimetres between slices, rows and columns; nil if the file does not say.
        public let spacing: VoxelSpacing?
        /// Notes about this volume for the reader of the result, a line each.
        public let notes: [String]

        /// A class's volume in millilitres; nil if the file does not give the voxels' size.
        public func milliliters(of label: UInt8) -> Double? {
            spacing.map { Double(voxels(of: label)) * $0.depth * $0.height * $0.width / 1000 }
        }

        /// Voxels of a class.
        public func voxels(of label: UInt8) -> Int { labels.labels.count { $0 == label } }

        /// Writes the labels as NIfTI with the file's geometry, whole or not at all; packed if
        /// the name ends in `.gz`.
        ///
        /// - Throws: ``/Files/FileError`` if the file cannot be written.
        public func write(to url: URL) throws(FileError) { try labels.write(to: url, geometry: geometry) }
    }

    /// Segments a volume's file: turned and mapped as the weights were trained, labels turned back.
    /// `progress` gets the number of slices that are done, and of all slices.
    ///
    /// - Throws: ``DataError`` for a file that cannot be read, what the network throws, and
    ///   `CancellationError` in a task that was cancelled, which is looked at before each batch of
    ///   slices.
    public func segment(_ file: URL, progress: (_ slices: Int, _ of: Int) -> Void = { _, _ in }) throws -> Result {
        try segment(VolumeFile.channels(of: file), path: file.relativePath, progress: progress) {}
    }

    /// Segments a volume's file beside the caller's own work: no thread of Swift's concurrency is
    /// held up. `progress` gets the number of slices that are done, and of all slices, on a thread
    /// of its own.
    ///
    /// - Throws: `CancellationError` when the task is cancelled, which is looked at before each
    ///   batch of slices; otherwise as there.
    public func segment(
        _ file: URL, progress: @escaping @Sendable (_ slices: Int, _ of: Int) -> Void = { _, _ in }
    ) async throws -> Result {
        try await Offload.run { isCancelled in
            try isCancelled.check()
            return try segment(VolumeFile.channels(of: file), path: file.relativePath, progress: progress, check: isCancelled.check)
        }
    }

    /// Segments a volume that is already read, or one in memory, given as its channels in the order
    /// of training. Everything else is as for a file.
    public func segment(
        _ channels: [VolumeFile], name: String = "a volume in memory", progress: (_ slices: Int, _ of: Int) -> Void = { _, _ in }
    ) throws -> Result {
        guard !channels.isEmpty else {
            throw DataError(.shape, path: name, "has no channels", remedy: "Give each channel as a volume.")
        }
        return try segment(channels, path: name, progress: progress) {}
    }

    private func segment(
        _ channels: [VolumeFile], path: String, progress: (_ slices: Int, _ of: Int) -> Void, check: () throws -> Void
    ) throws -> Result {
        let volume = channels[0]
        let prepared = try PreparedVolume(channels, path: path, convention: convention)
        try check()
        let depth = prepared.shape.depth
        let labels = try segment(prepared, check: check) { progress($0, depth) }
        return Result(labels: labels, geometry: volume.geometry, spacing: volume.spacing, notes: prepared.notes)
    }
}
