import Files
import Imaging

/// What is said of files that are not segmented.
extension InputList {
    /// Notes on skipped files and the reasons, one line each: "skipped 3 webp: WebP pictures
    /// are not read; …". Empty if nothing was.
    package var notes: [String] {
        var lines: [String] = []
        let others = passedOver.filtered { !["db", "ini", "txt", "md", "json", "csv"].contains($0) }
        if !others.isEmpty {
            let ways = others.counts.keys.sorted().compactMap { Self.advice[$0].map { "\($0.kind): \($0.wayOut)" } }
            var shown: [String] = []
            for way in ways where !shown.contains(way) { shown.append(way) }
            lines.append("skipped \(others)" + (shown.isEmpty ? "" : " (" + shown.joined(separator: "; ") + ")"))
        }
        if imagelessFiles > 0 {
            lines.append("skipped \(counted(imagelessFiles, "DICOM file")) without images (\(Self.imagelessKinds))")
        }
        if foldersLeft > 0 {
            lines.append("\(foldersLeft) sub-folder\(foldersLeft == 1 ? " was" : "s were") not entered: --recursive enters them")
        }
        if linksLeft > 0 {
            lines.append(
                "\(counted(linksLeft, "link")) to folders \(linksLeft == 1 ? "was" : "were") not followed: name the folders themselves")
        }
        return lines
    }

    struct Advice {
        let kind: String
        let wayOut: String
        let isVolume: Bool
    }

    /// Unsupported kinds by their endings.
    static let advice: [String: Advice] = {
        let toPNG = "convert them to PNG", toNIfTI = "save the volume as NIfTI, .nii.gz"
        var all: [String: Advice] = [:]
        for (endings, kind, wayOut, isVolume) in [
            (["webp"], "WebP", toPNG, false), (["gif"], "GIF", toPNG, false), (["heic", "heif"], "HEIC", toPNG, false),
            (["avif"], "AVIF", toPNG, false), (["jp2", "j2k"], "JPEG 2000", toPNG, false), (["jxl"], "JPEG XL", toPNG, false),
            (["bmp"], "BMP", toPNG, false), (["tif", "tiff"], "TIFF", toPNG, false),
            (["npy"], "NumPy's .npy", "save the array as 'image' in an .npz, by np.savez(path, image=array)", true),
            (["mgz", "mgh"], "MGH", toNIfTI, true),
        ] as [([String], String, String, Bool)] {
            for ending in endings where !PictureFile.extensions.contains(ending) {
                all[ending] = Advice(kind: kind, wayOut: wayOut, isVolume: isVolume)
            }
        }
        return all
    }()
}
