import Files
import Imaging
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Training slices in Synapse's layout: `DIR/train_npz/NAME.npz` with `image` and `label`, listed
/// in `DIR/lists/lists_Synapse/train.txt`.
package struct SynapseDataset: TrainingSamples {
    /// The network's input.
    package struct Options: Sendable, Equatable {
        /// Rows and columns that slices are resized to.
        package var size: PlaneSize
        /// The variation of slices in training.
        package var augmentation: SynapseAugmentation
        /// An allowed label beyond the classes, for ignored pixels.
        package var ignoredLabel: UInt8?
        /// Maps the files' intensities to 0…1; nil if they already are.
        package var window: IntensityWindow?
        /// True if training takes patches of ``size`` out of whole slices, which are not resized.
        package var takesPatches = false

        /// The published sizes and augmentation; files that hold 0…1.
        package init(
            size: PlaneSize = PlaneSize(height: 224, width: 224), augmentation: SynapseAugmentation = SynapseAugmentation(),
            ignoredLabel: UInt8? = nil, window: IntensityWindow? = nil
        ) {
            self.size = size
            self.augmentation = augmentation
            self.ignoredLabel = ignoredLabel
            self.window = window
        }
    }

    /// The slices' names, in the list's order.
    package let cases: [String]
    /// The classes' names, background first.
    package let classNames: [String]
    /// The preparation of slices.
    package let options: Options
    private let files: [URL]
    /// Turns the files' labels into classes, where the set's regions overlap.
    private let description: VolumeSetDescription?

    /// The slices of a list; `classNames` come from
    /// ``SynapseClasses/names(in:configured:ignoredLabel:)``.
    ///
    /// Throws ``DataError`` without a folder or list, and lists every missing case.
    package init(_ directory: URL, list: String = "train", classNames: [String], options: Options = Options()) throws(DataError) {
        let layout = SynapseLayout(directory: directory)
        let cases = try layout.cases(in: list)
        self.init(
            cases: cases, files: try layout.files(cases, folder: "train_npz", extensions: ["npz"]), classNames: classNames,
            options: options, description: try? SynapseClasses.description(in: directory))
    }

    private init(cases: [String], files: [URL], classNames: [String], options: Options, description: VolumeSetDescription?) {
        self.cases = cases
        self.files = files
        self.classNames = classNames
        self.options = options
        self.description = description
    }

    /// Two sets without a common patient, chosen once by the seed. A slice's patient is the part of
    /// its name before `_slice`.
    ///
    /// With `groups`, one for each of ``patients``, patients of a group stay together. Throws
    /// ``DataError`` if there is only one patient or group.
    package func divided(validationFraction: Double = 0.2, groups: [String]? = nil, seed: UInt64) throws(DataError) -> (
        training: SynapseDataset, validation: SynapseDataset
    ) {
        if let groups, Set(groups).count > 1 {
            let isHeld = FoldDivision.held(of: groups, fraction: validationFraction, seed: seed)
            return divided(holding: Set(zip(self.patients, isHeld).filter(\.1).map(\.0)))
        }
        let patients = Set(cases.map(Self.patient)).sorted()
        guard patients.count > 1 else {
            throw DataError(
                .noPairs, path: folder,
                "slices of one patient cannot be divided into training and validation",
                remedy: "Add slices of other patients.")
        }
        var random = DataRandom.split(seed: seed)
        let drawn = random.permutation(patients.count)
        let wanted = Int((Double(patients.count) * validationFraction).rounded())
        let held = Set(drawn.prefix(min(max(1, wanted), patients.count - 1)).map { patients[$0] })
        return divided(holding: held)
    }

    /// The slices of these patients, and all others.
    func divided(holding held: Set<String>) -> (training: SynapseDataset, validation: SynapseDataset) {
        (part { !held.contains($0) }, part(held.contains))
    }

    /// The patients, in the order of their first slice.
    package var patients: [String] {
        var seen: Set<String> = []
        return cases.map(Self.patient).filter { seen.insert($0).inserted }
    }

    /// Like ``examine()``, as text.
    package func verify(forTraining: Bool) throws -> [String] {
        let findings = try examine()
        if forTraining, findings.isUniform { throw SliceFindings.uniform(folder) }
        return findings.notes(classes: classes, isMapped: options.window != nil)
    }

    /// The folder of the slices.
    private var folder: String { files.first?.deletingLastPathComponent().path ?? "" }

    /// Reads every slice. Throws one ``DataError`` that names all invalid slices; otherwise returns
    /// the findings.
    package func examine() throws(DataError) -> SliceFindings {
        let (findings, faults) = examination()
        if let error = DataError.joined(faults, path: folder) { throw error }
        return findings
    }

    /// Like ``examine()``, with the faults beside the findings of the valid slices.
    func examination() -> (findings: SliceFindings, faults: [DataError]) {
        let results = Parallel.map(Array(cases.indices)) { index in
            Result { () throws(DataError) in
                let sample = try load(index)
                guard case .labels(let labels) = sample.target else { return SliceFindings() }
                return SliceFindings(
                    stored: try options.window == nil ? sample.image : stored(index).image, labels: labels,
                    ignoring: options.ignoredLabel, rows: sample.height, columns: sample.width)
            }
        }
        var (findings, faults) = (SliceFindings(), [DataError]())
        for result in results {
            switch result {
            case .success(let one): findings.merge(one)
            case .failure(let fault): faults.append(fault)
            }
        }
        return (findings, faults)
    }

    private func part(_ isIncluded: (String) -> Bool) -> SynapseDataset {
        samples(at: cases.indices.filter { isIncluded(Self.patient(cases[$0])) })
    }

    func samples(at places: [Int]) -> SynapseDataset {
        SynapseDataset(
            cases: places.map { cases[$0] }, files: places.map { files[$0] }, classNames: classNames, options: options,
            description: description)
    }

    func labels(at index: Int) throws(DataError) -> Set<UInt8> {
        guard case .labels(let labels) = try stored(index).target else { return [] }
        return Set(labels)
    }

    private static func patient(_ name: String) -> String { name.firstRange(of: "_slice").map { String(name[..<$0.lowerBound]) } ?? name }

    // MARK: SegmentationDataset

    /// Slices.
    package var count: Int { cases.count }
    /// Classes, with the background.
    package var classes: Int { classNames.count }
    /// The name of a slice in the list.
    package func name(at index: Int) -> String { cases[index] }

    /// The slice, read and checked, at its own size: 1 × height × width, intensities mapped by the
    /// window. Throws ``DataError``, which names the file.
    package func load(at index: Int) throws -> Sample { try load(index) }

    /// Like ``load(at:)`` if training takes patches; otherwise nil, for the network sees resized
    /// slices.
    package func ownSample(at index: Int) throws -> Sample? { options.takesPatches ? try load(index) : nil }

    private func load(_ index: Int) throws(DataError) -> Sample {
        var sample = try stored(index)
        if let window = options.window { sample.image = window.applied(to: sample.image) }
        return sample
    }

    /// The slice with its stored intensities.
    private func stored(_ index: Int) throws(DataError) -> Sample {
        let file = files[index]
        let arrays: [HostTensor]
        do throws(FileError) { arrays = try NPZFile(file).read(["image", "label"], limit: Self.largestArray) } catch {
            throw DataError(error)
        }
        let (image, label, shape) = try SynapseArrays.checked(
            arrays, path: file.path, rank: 2...2, classes: classes, ignoredLabel: options.ignoredLabel, description: description)
        return Sample(image: image, channels: 1, height: shape[0], width: shape[1], target: .labels(label), name: cases[index])
    }

    /// The most bytes of a slice's array: 4096 × 4096 of 8 bytes.
    static let largestArray = 1 << 27

    /// The slice, augmented if there are random numbers, then resized: cubic spline for the image,
    /// nearest for the label. A set that takes patches resizes nothing, and without random numbers
    /// leaves its slices whole.
    package func prepare(_ sample: Sample, random: CounterRandom?) -> Sample {
        guard case .labels(let labels) = sample.target, sample.channels == 1 else { return sample }
        if options.takesPatches { return random.map { patch(of: sample, labels, $0) } ?? sample }
        let placement = random.map(options.augmentation.draw) ?? .unchanged
        let size = PlaneSize(height: sample.height, width: sample.width)
        let (image, placedSize) = placement.applied(to: sample.image, size: size)
        let (label, _) = placement.applied(to: labels, size: size)
        var prepared = sample
        prepared.image = SplineZoom(from: placedSize, to: options.size)(image)
        prepared.target = .labels(NearestZoom(from: placedSize, to: options.size)(label))
        (prepared.height, prepared.width) = (options.size.height, options.size.width)
        return prepared
    }

    /// A patch of the whole slice, which is augmented first.
    private func patch(of sample: Sample, _ labels: [UInt8], _ random: CounterRandom) -> Sample {
        var (whole, random) = (sample, random)
        let choice = PatchChoice(&random)
        let placement = options.augmentation.draw(random)
        let (image, size) = placement.applied(to: sample.image, size: sample.size)
        (whole.image, whole.height, whole.width) = (image, size.height, size.width)
        whole.target = .labels(placement.applied(to: labels, size: sample.size).plane)
        return whole.cut(Patch(choice, of: whole.labels(classes: classes, ignoring: options.ignoredLabel), size: options.size))
    }
}
