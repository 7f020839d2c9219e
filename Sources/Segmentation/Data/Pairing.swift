import Foundation
import Imaging

/// A picture and the mask of the same name.
public struct PicturePair: Sendable, Equatable {
    /// The picture's name without folder and extension.
    public var name: String
    /// The picture.
    public var picture: URL
    /// Its mask.
    public var mask: URL
}

/// Finds which mask belongs to which picture: by name, never by position.
enum Pairing {
    /// What masks' names may have after the picture's, in any case.
    static let maskSuffixes = ["_segmentation", "_mask", "_label"]
    /// ISIC's archives hold these beside the pictures.
    static let notPictures = ["_superpixels"]

    /// Pairs in byte order of their names.
    ///
    /// Throws ``DataError``: a folder that is not there, no pair at all, or every picture and mask that is without its other half.
    static func pairs(images: URL, masks: URL) throws(DataError) -> [PicturePair] {
        let pictureFiles = try pictures(in: images).filter { file in !notPictures.contains { stem(file).lowercased().hasSuffix($0) } }
        let maskFiles = try pictures(in: masks)

        var problems: [String] = []
        var pictureOf: [String: String] = [:]
        for file in pictureFiles {
            if let other = pictureOf.updateValue(file, forKey: stem(file)) {
                problems.append("two pictures of one name: \(other), \(file)")
            }
        }
        var masksOf: [String: [String]] = [:]
        for file in maskFiles {
            if let name = pictureName(ofMask: stem(file), among: pictureOf) {
                masksOf[name, default: []].append(file)
            } else {
                problems.append("mask without a picture: \(file)")
            }
        }
        var pairs: [PicturePair] = []
        for (name, picture) in pictureOf {
            switch masksOf[name] ?? [] {
            case let found where found.isEmpty: problems.append("picture without a mask: \(picture)")
            case let found where found.count > 1: problems.append("several masks for \(picture): \(found.joined(separator: ", "))")
            case let found:
                pairs.append(PicturePair(name: name, picture: images.appending(path: picture), mask: masks.appending(path: found[0])))
            }
        }

        let folder = images.deletingLastPathComponent().path
        if pairs.isEmpty {
            throw DataError(
                .noPairs, path: folder,
                "no picture has a mask: \(try contents(of: images)) in \(images.lastPathComponent), "
                    + "\(try contents(of: masks)) in \(masks.lastPathComponent)", remedy: rule)
        }
        guard problems.isEmpty else {
            throw DataError(.unpaired, path: folder, problems: problems.sorted(by: byteOrder), remedy: rule)
        }
        return pairs.sorted { byteOrder($0.name, $1.name) }
    }

    private static let rule =
        "A mask has its picture's name, or that and _segmentation, _mask or _label: NAME.jpg with NAME.png. JPEG and PNG files are read."

    /// The picture that a mask's name means: the same name first, then less one of the suffixes.
    private static func pictureName(ofMask stem: String, among pictures: [String: String]) -> String? {
        if pictures[stem] != nil { return stem }
        for suffix in maskSuffixes where stem.lowercased().hasSuffix(suffix) {
            let name = String(stem.dropLast(suffix.count))
            if pictures[name] != nil { return name }
        }
        return nil
    }

    /// Names of the pictures in a folder, in byte order; hidden files and files of other kinds are passed over.
    static func pictures(in folder: URL) throws(DataError) -> [String] {
        try list(folder).filter { PictureFile.extensions.contains(($0 as NSString).pathExtension.lowercased()) }
    }

    /// What a folder holds, for messages: "12 png, 3 bmp" or "nothing".
    private static func contents(of folder: URL) throws(DataError) -> String {
        var counts: [String: Int] = [:]
        for file in try list(folder) {
            let kind = (file as NSString).pathExtension.lowercased()
            counts[kind.isEmpty ? "without extension" : kind, default: 0] += 1
        }
        guard !counts.isEmpty else { return "nothing" }
        return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(5).map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }

    static func list(_ folder: URL) throws(DataError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".") }.sorted(by: byteOrder)
        } catch {
            throw DataError(.missingFolder, path: folder.path, "cannot list this folder", remedy: "Check that it is there and may be read.")
        }
    }

    static func isFolder(_ url: URL) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    static func stem(_ file: String) -> String { (file as NSString).deletingPathExtension }

    /// The same order on every machine, whatever its language.
    static func byteOrder(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }
}
