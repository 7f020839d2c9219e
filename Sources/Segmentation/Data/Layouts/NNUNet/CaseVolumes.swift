/// Cases as volumes to score, each on its own voxels.
struct CaseVolumes: VolumeDataset {
    let cases: [VolumeCase]
    let description: VolumeSetDescription

    var count: Int { cases.count }
    var classNames: [String] { description.classNames }
    var ignoredLabel: UInt8? { description.ignoredLabel }
    var regions: [LabelRegion] { description.regions }

    func load(at index: Int) throws(DataError) -> SynapseVolume {
        let content = try CaseReader(description: description).read(cases[index])
        return SynapseVolume(name: cases[index].name, channels: content.channels, label: content.labels, notes: content.notes)
    }
}
