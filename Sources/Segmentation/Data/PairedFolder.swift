import Imaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Pictures and masks in folders: `DIR/train/images`, `DIR/train/masks`, and likewise for `val`.
/// ISIC17 and ISIC18 come this way, and any set can be arranged so.
///
/// A mask has its picture's name, alone or followed by an ending such as `_segmentation` or
/// `_mask`. Hidden files are ignored, unsupported files are counted. Samples are in byte order of
/// their names.
package struct PairedFolder: TrainingSamples {
    /// Settings for reading pictures and masks, and the size of the network's input.
    package struct Options: Sendable, Equatable {
        /// Rows that pictures are resized to.
        package var height: Int
        /// Columns that they are resized to.
        package var width: Int
        /// The accepted masks, and the number of classes.
        package var masks: MaskReader
        /// The variation of samples in training.
        package var augmentation: Augmentation
        /// True if training takes patches of the network's size out of whole pictures, which are not
        /// resized.
        package var takesPatches = false

        /// Square pictures, with the published augmentation by default.
        package init(size: Int = 256, classes: Int = 1, augmentation: Augmentation = Augmentation()) {
            (height, width) = (size, size)
            masks = MaskReader(classes: classes)
            self.augmentation = augmentation
        }
    }

    /// The pairs, in byte order of their names.
    package let pairs: [PicturePair]
    /// Settings for reading them.
    package let options: Options
    /// Notes for the user on pairing and on ignored files, a line each.
    package let notes: [String]

    /// A set of known pairs.
    package init(pairs: [PicturePair], options: Options, notes: [String] = []) {
        self.pairs = pairs
        self.options = options
        self.notes = notes
    }

    /// The pairs of `DIR/SPLIT/{images,masks}`, or of `DIR/{images,masks}` if `split` is nil.
    ///
    /// Throws ``DataError`` for a missing folder or no pairs, and lists all pictures and masks
    /// without a partner.
    package init(_ directory: URL, split: String?, options: Options) throws(DataError) {
        let folder = split.map { directory.appending(path: $0) } ?? directory
        let (images, masks) = (folder.appending(path: "images"), folder.appending(path: "masks"))
        let missing = [images, masks].filter { !FolderListing.isFolder($0) }
        guard missing.isEmpty else { throw Self.missing(missing, in: directory, split: split) }
        let pairing = try Pairing(images: images, masks: masks)
        let passedOver = pairing.passedOver.withoutNotes
        self.init(
            pairs: pairing.pairs, options: options,
            notes: pairing.notes + (passedOver.isEmpty ? [] : ["\(folder.lastPathComponent): skipped \(passedOver)"]))
    }

    /// A split to evaluate: `DIR/SPLIT/{images,masks}` or, without a folder `SPLIT`,
    /// `DIR/{images,masks}`.
    package static func evaluation(_ directory: URL, split: String, options: Options) throws(DataError) -> PairedFolder {
        let isFlat =
            !FolderListing.isFolder(directory.appending(path: split)) && FolderListing.isFolder(directory.appending(path: "images"))
        return try PairedFolder(directory, split: isFlat ? nil : split, options: options)
    }

    /// Two sets chosen once by the seed, for a folder without a validation split. Each has at least
    /// one pair.
    ///
    /// A pair's half depends only on the seed and the names in the folder. With `groups`, one for
    /// each pair, those of a group share a half. Throws ``DataError`` if there are fewer than two
    /// pairs or groups.
    package func divided(validationFraction: Double = 0.2, groups: [String]? = nil, seed: UInt64) throws(DataError) -> (
        training: PairedFolder, validation: PairedFolder
    ) {
        if let groups {
            guard Set(groups).count > 1 else {
                throw DataError(
                    .noPairs, path: pairs.first?.picture.path ?? "", "all pictures are of one group, which cannot be divided",
                    remedy: "Correct the groups, or add others.")
            }
            return parted(FoldDivision.held(of: groups, fraction: validationFraction, seed: seed))
        }
        guard pairs.count > 1 else {
            throw DataError(
                .noPairs, path: pairs.first?.picture.path ?? "", "\(pairs.count) pair cannot be divided into training and validation",
                remedy: "Add pictures with masks.")
        }
        var random = DataRandom.split(seed: seed)
        let drawn = random.permutation(pairs.count)
        let wanted = Int((Double(pairs.count) * min(1, max(0, validationFraction))).rounded())
        let held = Set(drawn.prefix(min(max(1, wanted), pairs.count - 1)))
        return parted(pairs.indices.map(held.contains))
    }

    /// One fold, and all others, chosen by the seed; pairs of a group share a fold. Throws
    /// ``DataError`` for a fold that there is not, or more folds than groups.
    func divided(into folds: Int, holding fold: Int, groups: [String], seed: UInt64) throws(DataError) -> (
        training: PairedFolder, validation: PairedFolder
    ) {
        try FoldDivision.require(fold, of: folds, groups: groups, path: root)
        return parted(FoldDivision.folds(of: groups, count: folds, seed: seed).map { $0 == fold })
    }

    private func parted(_ isHeld: [Bool]) -> (training: PairedFolder, validation: PairedFolder) {
        (samples(at: pairs.indices.filter { !isHeld[$0] }), samples(at: pairs.indices.filter { isHeld[$0] }))
    }

    // MARK: TrainingSamples

    func samples(at places: [Int]) -> PairedFolder { PairedFolder(pairs: places.map { pairs[$0] }, options: options) }

    func labels(at index: Int) throws(DataError) -> Set<UInt8> {
        Set(try options.masks.read(pairs[index].masks).traits.labels.map { UInt8(clamping: $0) })
    }

    // MARK: SegmentationDataset

    /// The number of pairs.
    package var count: Int { pairs.count }
    /// 1 for binary masks; otherwise labels, background included.
    package var classes: Int { options.masks.classes }
    /// The picture's name without extension.
    package func name(at index: Int) -> String { pairs[index].name }

    /// The pair, read, checked, stretched, and resized unless training takes patches: 3 × height ×
    /// width, 0…255. Throws ``DataError``, which names the file.
    package func load(at index: Int) throws -> Sample { try load(pairs[index]) }

    func load(_ pair: PicturePair) throws(DataError) -> Sample {
        try load(pair, isWhole: options.takesPatches)
    }

    /// The pair at its own size. Throws ``DataError``, which names the file.
    package func ownSample(at index: Int) throws -> Sample? { try load(pairs[index], isWhole: true) }

    private func load(_ pair: PicturePair, isWhole: Bool) throws(DataError) -> Sample {
        let mask = try options.masks.read(pair.masks).picture
        let picture = try picture(of: pair)
        guard (picture.width, picture.height) == (mask.width, mask.height) else {
            throw Self.mismatch(pair.masks[0], (picture.width, picture.height), (mask.width, mask.height))
        }
        let (height, width) = isWhole ? (picture.height, picture.width) : (options.height, options.width)
        try DataError.requireMemory(
            16 * height * width, for: "a picture at \(height)×\(width)",
            remedy: isWhole ? "Make the picture smaller." : "Lower --image-size.")
        return Sample(
            image: Preprocessing.stretched(picture, height: height, width: width), channels: 3, height: height, width: width,
            target: classes == 1
                ? .binary(Preprocessing.softMask(mask, ignoring: options.masks.ignoredLabel, height: height, width: width))
                : .labels(Preprocessing.labels(mask, height: height, width: width)),
            name: pair.name)
    }

    /// The picture in RGB as viewers show it, or as stored if its mask fits only that. Throws
    /// ``DataError``, which names the file.
    package func picture(at index: Int) throws -> Picture? { try picture(of: pairs[index]) }

    private func picture(of pair: PicturePair) throws(DataError) -> Picture {
        let asStored = try fitsAsStored(pair)
        do { return try PictureFile.read(pair.picture, channels: 3, asStored: asStored) } catch { throw DataError(error, pair.picture) }
    }

    /// True if a mask fits its picture only as that is stored, before its EXIF turns it; by the
    /// headers alone.
    private func fitsAsStored(_ pair: PicturePair) throws(DataError) -> Bool {
        let info: PictureInfo
        do { info = try PictureFile.info(of: pair.picture) } catch { throw DataError(error, pair.picture) }
        guard info.orientation.swapsSides, info.stored.width != info.stored.height else { return false }
        return try Self.size(of: pair.masks[0]) == info.stored
    }

    /// The sample varied by ``Options/augmentation``, or a patch of it; unchanged without random
    /// numbers.
    package func prepare(_ sample: Sample, random: CounterRandom?) -> Sample {
        guard let random else { return sample }
        guard options.takesPatches else { return options.augmentation.applied(to: sample, random) }
        return options.augmentation.patch(
            of: sample, labels: sample.labels(classes: classes, ignoring: options.masks.ignoredLabel),
            size: PlaneSize(height: options.height, width: options.width), random)
    }

    /// The pictures' sizes, from their headers.
    package func sourceSizes() throws -> [(width: Int, height: Int)] {
        try Parallel.map(pairs) { pair in Result { try Self.size(of: pair.picture) } }.map { try $0.get() }
    }

    private static func size(of url: URL) throws(DataError) -> (width: Int, height: Int) {
        do { return try PictureFile.size(of: url) } catch { throw DataError(error, url) }
    }

    // MARK: Checks

    /// Reads the headers of all files on all processors. Throws one ``DataError`` that lists every
    /// file that is not a picture and every pair with differing sizes.
    func verifySizes() throws(DataError) {
        try throwAll(Parallel.map(pairs) { pair in Self.fault { () throws(DataError) in try checkSizes(pair) } })
    }

    /// Reads the headers of all pictures and decodes every mask, on all processors.
    ///
    /// Throws one ``DataError`` that lists every unusable pair; otherwise returns the masks'
    /// findings.
    package func examine() throws(DataError) -> SetFindings {
        let (findings, faults, _) = examination()
        try throwAll(faults)
        return findings
    }

    /// Like ``examine()``, as text. For training, the masks must have both foreground and
    /// background.
    package func verify(forTraining: Bool) throws -> [String] {
        let findings = try examine()
        if forTraining, findings.isUniform {
            throw DataError(
                .uniformMask, path: pairs.first?.masks[0].deletingLastPathComponent().path ?? root,
                findings.foreground.pixels == 0 ? "every training mask is empty" : "every training mask is foreground everywhere",
                remedy: "Check how the masks were made; pictures without a lesion are learnt from beside others with one.")
        }
        return notes + findings.notes(classes: classes, threshold: options.masks.threshold)
    }

    /// Like ``examine()``, with the faults beside the findings of the valid pairs and, if pictures
    /// are decoded, their names and fingerprints.
    func examination(
        decodesPictures: Bool = false
    ) -> (findings: SetFindings, faults: [DataError], prints: [(name: String, print: PictureFingerprint)]) {
        let results = Parallel.map(pairs) { pair -> Result<(MaskTraits, PictureFingerprint?), DataError> in
            Result { () throws(DataError) in
                try checkSizes(pair)
                let print = decodesPictures ? PictureFingerprint(try picture(of: pair)) : nil
                var traits = try options.masks.read(pair.masks).traits
                traits.fitsAsStored = try fitsAsStored(pair)
                return (traits, print)
            }
        }
        var (findings, faults, prints) = (SetFindings(), [DataError](), [(name: String, print: PictureFingerprint)]())
        for (pair, result) in zip(pairs, results) {
            switch result {
            case .success(let (traits, print)):
                findings.add(traits, name: pair.name)
                if let print { prints.append((pair.name, print)) }
            case .failure(let fault): faults.append(fault)
            }
        }
        return (findings, faults, prints)
    }

    private func checkSizes(_ pair: PicturePair) throws(DataError) {
        let picture = try Self.size(of: pair.picture)
        for file in pair.masks {
            let mask = try Self.size(of: file)
            if picture != mask, try !fitsAsStored(pair) { throw Self.mismatch(file, picture, mask) }
        }
    }

    private static func fault(_ body: () throws(DataError) -> Void) -> DataError? {
        do throws(DataError) { try body() } catch { return error }
        return nil
    }

    private func throwAll(_ found: [DataError?]) throws(DataError) {
        if let error = DataError.joined(found.compactMap(\.self), path: root) { throw error }
    }

    private var root: String { pairs.first?.picture.deletingLastPathComponent().deletingLastPathComponent().path ?? "" }

    private static func mismatch(
        _ file: URL, _ picture: (width: Int, height: Int), _ mask: (width: Int, height: Int)
    ) -> DataError {
        let isTurned = picture.width != picture.height && picture == (mask.height, mask.width)
        return DataError(
            .sizeMismatch, path: file.path,
            "the mask is \(mask.width)×\(mask.height) pixels, its picture \(picture.width)×\(picture.height)"
                + (isTurned ? ": one of them lies on its side" : ""),
            remedy: "Each mask must have its picture's size; export or crop both alike.")
    }

    private static func missing(_ missing: [URL], in directory: URL, split: String?) -> DataError {
        guard FolderListing.isFolder(directory) else {
            return DataError(
                .missingFolder, path: directory.path, "there is no such folder", remedy: "Give the folder that holds the data set.")
        }
        let names: [String]
        do { names = try FolderListing.list(directory) } catch { return error }
        if let closed = FolderListing.unreadable(in: directory) {
            return DataError(.missingFolder, path: closed.path, "this folder cannot be listed", remedy: "Change its permissions.")
        }
        let there = names.map { FolderListing.isFolder(directory.appending(path: $0)) ? $0 + "/" : $0 }
        let holds =
            there.isEmpty ? "the folder is empty" : "it holds " + there.prefix(8).joined(separator: ", ") + (there.count > 8 ? ", …" : "")
        let wanted = missing.map { $0.path.dropFirst(directory.path.count).drop { $0 == "/" } }.joined(separator: " and ")
        return DataError(
            .missingFolder, path: directory.path, "\(wanted) not found; \(holds)",
            remedy:
                "Put pictures into \(split.map { $0 + "/" } ?? "")images and their masks, by the same names, into \(split.map { $0 + "/" } ?? "")masks."
        )
    }
}
