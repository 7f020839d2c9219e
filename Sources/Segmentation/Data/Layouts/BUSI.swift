#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// BUSI, breast ultrasound, as it is published: `DIR/{benign,malignant,normal}/NAME.png` with
/// `NAME_mask.png` beside it, and `NAME_mask_1.png` and so on if a picture has several lesions.
struct BUSI: PicturesWithMasks {
    let name = "busi"
    let modality: String? = "ultrasound"
    let foreground: String? = "lesion"
    let evaluationSplit = "all"

    private static let kinds = ["benign", "malignant", "normal"]

    func areNamesPublic(_ names: [String]) -> Bool { true }

    func recognises(_ folder: URL) -> Bool {
        Self.kinds.prefix(2).allSatisfy { FolderListing.isFolder(folder.appending(path: $0)) }
    }

    /// None: the published set is not divided into training and validation.
    func parts(of directory: URL) -> [String] { [] }

    /// `all` is the whole set; `benign`, `malignant` and `normal` are its folders.
    func part(_ name: String?, of directory: URL, _ options: PairedFolder.Options) throws(DataError) -> PairedFolder {
        let there = Self.kinds.filter { FolderListing.isFolder(directory.appending(path: $0)) }
        let chosen = there.filter { name == nil || name == evaluationSplit || name == $0 }
        guard !chosen.isEmpty else {
            throw DataError(
                .missingFolder, path: directory.path, "BUSI's part \(name ?? evaluationSplit) is not here",
                remedy: "Give the folder that holds \(Self.kinds.joined(separator: ", ")); the parts are all and those three.")
        }
        var pairing = NeighbouringMasks()
        for kind in chosen { try pairing.add(directory.appending(path: kind)) }
        return try pairing.set(in: directory, options)
    }
}

extension Dataset {
    /// BUSI, breast ultrasound.
    public static let busi = Dataset(BUSI())
}

/// Finds masks that lie beside their pictures: `NAME_mask.ENDING`, `NAME_mask_1.ENDING`, ….
private struct NeighbouringMasks {
    private var pairs: [PicturePair] = []
    private var problems: [String] = []
    private var passedOver = FileCensus()

    mutating func add(_ folder: URL) throws(DataError) {
        var pictures: [String: String] = [:]
        var masks: [String: [String]] = [:]
        for file in try FolderListing.files(in: folder) {
            guard FolderListing.isPicture(file) else {
                passedOver.add(file)
                continue
            }
            let stem = FolderListing.stem(file)
            if let picture = Self.picture(ofMask: stem) {
                masks[picture, default: []].append(file)
            } else if let other = pictures.updateValue(file, forKey: stem) {
                problems.append("two pictures of one name: \(other), \(file)")
            }
        }
        for (name, picture) in pictures {
            guard let found = masks.removeValue(forKey: name) else {
                problems.append("picture without a mask: \(picture)")
                continue
            }
            pairs.append(
                PicturePair(name: name, picture: folder.appending(path: picture), masks: found.map { folder.appending(path: $0) }))
        }
        for file in masks.values.joined() { problems.append("mask without a picture: \(file)") }
    }

    /// The set of all pairs. Throws ``DataError`` if there are none, or files without a partner.
    func set(in directory: URL, _ options: PairedFolder.Options) throws(DataError) -> PairedFolder {
        let rule = "A picture NAME.png has its mask beside it as NAME_mask.png, further ones as NAME_mask_1.png and so on."
        guard problems.isEmpty else {
            throw DataError(.unpaired, path: directory.path, problems: problems.sorted(by: FolderListing.byteOrder), remedy: rule)
        }
        guard !pairs.isEmpty else { throw DataError(.noPairs, path: directory.path, "no picture has a mask", remedy: rule) }
        let rest = passedOver.withoutNotes
        return PairedFolder(
            pairs: pairs.sorted { FolderListing.byteOrder($0.name, $1.name) }, options: options,
            notes: rest.isEmpty ? [] : ["skipped \(rest)"])
    }

    /// "benign (100)" for "benign (100)_mask_1"; nil if the name is not a mask's.
    private static func picture(ofMask stem: String) -> String? {
        var name = Substring(stem)
        let number = name.reversed().prefix { $0.isASCII && $0.isNumber }.count
        if number > 0, name.dropLast(number).hasSuffix("_mask_") { name = name.dropLast(number + 1) }
        return name.hasSuffix("_mask") && name.count > 5 ? String(name.dropLast(5)) : nil
    }
}
