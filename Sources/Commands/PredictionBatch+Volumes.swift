import Files
import Segmentation
import TensorFiles

extension PredictionBatch {
    /// A volume was given up.
    struct Terminated: Error {}

    /// Segments a volume and writes its results. Throws ``Terminated`` after SIGTERM.
    mutating func volume(_ item: InputList.Item, _ results: ResultFiles) throws -> ([PredictionRecord.ClassAmount], Doubt?) {
        tellOnce(item.isArray ? segmenter.convention.arrayAssumptions : segmenter.convention.volumeAssumptions)
        let format = wanted.format ?? VolumeOutput(for: item)
        let channels =
            try item.series.map { [try VolumeFile($0, path: item.path, resamples: command.resample)] }
            ?? ([item.url] + item.channels).flatMap { try VolumeFile.channels(of: $0) }
        let volume = channels[0]
        if format.isDICOM { _ = try VolumeResults.source(of: volume, item) }
        let prepared = try PreparedVolume(
            channels, path: item.path, convention: segmenter.convention, sliceAxis: command.input.sliceAxis, window: command.input.window)
        tellModality(item)
        for note in prepared.notes { Console.note("note: \(item.path): \(note)") }
        let slices = prepared.shape.depth, networked = VolumeSegmenter(segmenter)
        let passes = networked.passes(of: prepared)
        Console.note(
            "\(item.path): \(counted(slices, "slice")) of \(prepared.shape.height)×\(prepared.shape.width)\(Self.mapping(prepared)), "
                + "\(prepared.voxelOrder.map { "voxel order \($0)" } ?? "voxels as stored"), \(counted(passes, "pass", "passes")) through the network"
        )
        let ofSlices = WorkBar("segmenting")
        let found = try networked.maps(
            of: prepared, shows: command.probabilities, check: { if stop.isTermination { throw Terminated() } },
            progress: { ofSlices.show(Double($0) / Double(slices), "slice \($0)/\(slices)  \(item.url.lastPathComponent)") })
        try VolumeResults(
            item: item, volume: volume, prepared: prepared, maps: found, names: segmenter.labels,
            provenance: "vmunet \(Provenance.version), weights sha256 \(digest.value.prefix(32))", codes: codes
        ).write(results, format: format)
        // One class needs no table.
        hasLabelMaps = hasLabelMaps || (!format.isDICOM && segmenter.network.classes > 1)
        let classes = amounts(PictureWork.count(found.labels.labels)) { label, count in
            PredictionRecord.ClassAmount(label: label, name: segmenter.name(of: label), voxels: count, voxelVolume: volume.voxelVolume)
        }
        return (classes, found.doubt)
    }

    /// The intensities' mapping, and the pixels that the network sees.
    private static func mapping(_ volume: PreparedVolume) -> String {
        let same = Set(volume.normalizations).count == 1 ? Array(volume.normalizations.prefix(1)) : volume.normalizations
        let maps = same.map { if case .window(let window) = $0 { "window \(window)" } else { "\($0)" } }.joined(separator: "; ")
        return (volume.plane == volume.shape.plane ? "" : " as \(volume.plane.height)×\(volume.plane.width)") + ", \(maps)"
    }
}
