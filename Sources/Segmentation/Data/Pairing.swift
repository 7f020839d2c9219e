import Files
import Imaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A picture and its mask.
package struct PicturePair: Sendable, Equatable {
    /// The picture's name without folder and extension.
    package var name: String
    /// The picture.
    package var picture: URL
    /// Its masks, one at least: most sets have one for each picture, some one for each object.
    package var masks: [URL]
}

/// Finds each picture's mask, by name and never by position.
///
/// A mask has its picture's name, alone or followed by one of ``maskEndings``; or all masks of the
/// folder have the same text before or after their pictures' names. Case and the encoding of
/// accents do not matter unless they are needed to distinguish names.
struct Pairing {
    /// The pairs, in byte order of their names.
    private(set) var pairs: [PicturePair] = []
    /// Notes for the user on how names were matched, a line each.
    private(set) var notes: [String] = []
    /// Files of unsupported kinds in the two folders, by their endings.
    private(set) var passedOver = FileCensus()

    /// Endings of masks after the picture's name and `_` or `-`, in any case.
    static let maskEndings = [
        "segmentation", "mask", "label", "labels", "lesion", "seg", "gt", "groundtruth", "ground_truth", "truth", "annotation", "anno",
        "annot", "manual", "manual1", "bin", "binary",
    ]
    /// ISIC's archives have these beside the pictures.
    static let notPictures = ["_superpixels"]

    private let images: URL
    private let masks: URL

    /// Throws ``DataError`` for a missing folder, no pairs at all, or any picture or mask without a
    /// partner.
    init(images: URL, masks: URL) throws(DataError) {
        (self.images, self.masks) = (images, masks)
        var pictureFiles: [String] = []
        var maskFiles: [String] = []
        for file in try FolderListing.files(in: images) {
            if FolderListing.isPicture(file) { pictureFiles.append(file) } else { passedOver.add(file) }
        }
        for file in try FolderListing.files(in: masks) {
            if FolderListing.isPicture(file) { maskFiles.append(file) } else { passedOver.add(file) }
        }
        pictureFiles.removeAll { file in Self.notPictures.contains { FolderListing.stem(file).lowercased().hasSuffix($0) } }
        try pair(pictureFiles, maskFiles)
    }

    private mutating func pair(_ pictureFiles: [String], _ maskFiles: [String]) throws(DataError) {
        var problems: [String] = []
        var pictureOf: [String: String] = [:]
        for file in pictureFiles {
            if let other = pictureOf.updateValue(file, forKey: FolderListing.stem(file)) {
                problems.append("two pictures of one name: \(other), \(file)")
            }
        }
        let names = PictureNames(Array(pictureOf.keys))
        var masksOf: [String: [String]] = [:]
        var strangers: [String] = []
        var folded = 0
        for file in maskFiles {
            if let found = names.picture(ofMask: FolderListing.stem(file)) {
                masksOf[found.name, default: []].append(file)
                folded += found.isFolded ? 1 : 0
            } else {
                strangers.append(file)
            }
        }
        let unmasked = pictureOf.keys.filter { masksOf[$0] == nil }
        if !strangers.isEmpty, let common = CommonAffix(masks: strangers, pictures: unmasked) {
            for (name, mask) in common.pairs { masksOf[name] = [mask] }
            notes.append("masks are named \(common.description)")
            strangers = []
        } else if let framed = FramedNames(masks: strangers, pictures: unmasked) {
            for (name, mask) in framed.pairs { masksOf[name] = [mask] }
            notes.append(framed.description)
            strangers = []
        }
        if folded > 0 {
            let names = counted(folded, "mask has its picture's name", "masks have their pictures' names")
            notes.append("\(names) in other capitals")
        }
        for file in strangers { problems.append("mask without a picture: \(file)" + kin(of: file, in: images)) }
        for (name, picture) in pictureOf {
            switch masksOf[name] ?? [] {
            case let found where found.isEmpty: problems.append("picture without a mask: \(picture)" + kin(of: picture, in: masks))
            case let found where found.count > 1: problems.append("several masks for \(picture): \(found.joined(separator: ", "))")
            case let found:
                pairs.append(PicturePair(name: name, picture: images.appending(path: picture), masks: [masks.appending(path: found[0])]))
            }
        }
        pairs.sort { FolderListing.byteOrder($0.name, $1.name) }
        try check(problems, isUnpaired: masksOf.isEmpty, examples: (pictureFiles.first, maskFiles.first))
    }

    private func check(_ problems: [String], isUnpaired: Bool, examples: (picture: String?, mask: String?)) throws(DataError) {
        let folder = images.deletingLastPathComponent().path
        if isUnpaired {
            let example = examples.picture.flatMap { picture in examples.mask.map { "; the first are \(picture) and \($0)" } }
            throw DataError(
                .noPairs, path: folder,
                "no picture has a mask: \(try FolderListing.contents(of: images)) in \(images.lastPathComponent), "
                    + "\(try FolderListing.contents(of: masks)) in \(masks.lastPathComponent)\(example ?? "")", remedy: Self.rule)
        }
        guard problems.isEmpty else {
            throw DataError(.unpaired, path: folder, problems: problems.sorted(by: FolderListing.byteOrder), remedy: Self.rule)
        }
    }

    /// Mentions a file of the same name of an unsupported kind: " (p1.webp is not read)".
    private func kin(of file: String, in folder: URL) -> String {
        let stem = FolderListing.stem(file)
        let other = (try? FolderListing.files(in: folder))?.first { !FolderListing.isPicture($0) && FolderListing.stem($0) == stem }
        return other.map { " (\($0) is there, a kind that is not read)" } ?? ""
    }

    private static let rule =
        "A mask has its picture's name, or that and _mask, _segmentation, _lesion, _label, _seg or _gt: NAME.jpg with NAME.png. "
        + "Files that end in \(PictureFile.extensions.sorted().joined(separator: ", ")) are read; convert others to PNG."
}

/// The names of a folder's pictures, for looking up masks.
private struct PictureNames {
    private let exact: Set<String>
    /// By lower-case name; nil if two names differ only in case.
    private var folded: [String: String?] = [:]

    init(_ names: [String]) {
        exact = Set(names)
        for name in names { folded.updateValue(folded[name.lowercased()] == nil ? name : nil, forKey: name.lowercased()) }
    }

    /// The picture that a mask's name means: the same name first, then without an ending, then
    /// ignoring case.
    func picture(ofMask stem: String) -> (name: String, isFolded: Bool)? {
        // `p1.png.png` and `p1.jpg.png` have one ending too many.
        let plain = FolderListing.isPicture(stem) ? FolderListing.stem(stem) : nil
        let candidates = [stem] + Self.shortened(stem) + (plain.map { [$0] + Self.shortened($0) } ?? [])
        for name in candidates where exact.contains(name) { return (name, false) }
        for name in candidates {
            if let found = folded[name.lowercased()] ?? nil { return (found, true) }
        }
        return nil
    }

    private static func shortened(_ stem: String) -> [String] {
        let small = stem.lowercased()
        return Pairing.maskEndings.compactMap { ending in
            guard let mark = ["_", "-"].first(where: { small.hasSuffix($0 + ending) }) else { return nil }
            return String(stem.dropLast((mark + ending).count))
        }
    }
}

/// One text before, or after, the picture's name in every mask's: `x_y` for `x`, or `mask_x`.
private struct CommonAffix {
    let pairs: [(name: String, mask: String)]
    let description: String

    /// Nil unless the same text pairs every mask with one picture and every picture with one mask.
    init?(masks: [String], pictures: [String]) {
        guard masks.count == pictures.count, let first = masks.first.map(FolderListing.stem) else { return nil }
        for picture in pictures where first.count > picture.count {
            for isPrefix in [false, true] where isPrefix ? first.hasSuffix(picture) : first.hasPrefix(picture) {
                let affix = String(isPrefix ? first.dropLast(picture.count) : first.dropFirst(picture.count))
                guard !Pairing.notPictures.contains(affix.lowercased()) else { continue }
                let byName = Dictionary(pictures.map { (isPrefix ? affix + $0 : $0 + affix, $0) }) { a, _ in a }
                let found = masks.compactMap { mask in byName[FolderListing.stem(mask)].map { (name: $0, mask: mask) } }
                guard found.count == masks.count, Set(found.map(\.name)).count == pictures.count else { continue }
                pairs = found
                description = isPrefix ? "\(affix)NAME" : "NAME\(affix)"
                return
            }
        }
        return nil
    }
}

/// Pictures and masks that each have a text of their own around a name that they share: `img_07`
/// and `mask_07`.
private struct FramedNames {
    let pairs: [(name: String, mask: String)]
    let description: String

    /// Nil unless the rest of the names pairs every mask with one picture, and the masks' text
    /// says that they are masks.
    init?(masks: [String], pictures: [String]) {
        guard masks.count > 1, masks.count == pictures.count else { return nil }
        let (ofMasks, ofPictures) = (Frame(masks.map(FolderListing.stem)), Frame(pictures))
        let words = (ofMasks.prefix + " " + ofMasks.suffix).lowercased().split { !$0.isLetter && !$0.isNumber }
        guard words.contains(where: { Pairing.maskEndings.contains(String($0)) }) else { return nil }
        let byCore = Dictionary(pictures.map { (ofPictures.core($0), $0) }) { a, _ in a }
        let found = masks.compactMap { mask in byCore[ofMasks.core(FolderListing.stem(mask))].map { (name: $0, mask: mask) } }
        guard found.count == masks.count, Set(found.map(\.name)).count == pictures.count else { return nil }
        pairs = found
        description = "pictures are named \(ofPictures), masks \(ofMasks)"
    }

    /// The text that all names of a list share at the start and at the end, without digits.
    private struct Frame: CustomStringConvertible {
        let prefix: String
        let suffix: String

        init(_ names: [String]) {
            func common(_ names: [[Character]]) -> [Character] {
                guard let first = names.first else { return [] }
                var length = names.map(\.count).min() ?? 0
                for name in names { length = min(length, zip(first, name).prefix { $0 == $1 }.count) }
                while length > 0, first[length - 1].isNumber { length -= 1 }
                return Array(first[..<length])
            }
            let characters = names.map(Array.init)
            let before = common(characters)
            prefix = String(before)
            suffix = String(common(characters.map { $0.dropFirst(before.count).reversed() }).reversed())
        }

        func core(_ name: String) -> String { String(name.dropFirst(prefix.count).dropLast(suffix.count)) }

        var description: String { prefix + "NAME" + suffix }
    }
}
