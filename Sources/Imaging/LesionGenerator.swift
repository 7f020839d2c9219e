import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Generates pictures that look like dermoscopy, with known masks, for demonstrations and tests
/// that may not use patients' pictures.
///
/// Skin with gradients and texture; lesions with irregular outlines and uneven pigment, some faint;
/// hairs, a round field of view, vignetting, freckles, gel bubbles, rulers, stickers. A picture is
/// a function of (seed, index, size); a seed's indices are independent.
public enum LesionGenerator {
    /// A picture (RGB) of size × size pixels, and its lesion's mask (1 channel, 0 and 255). `size`
    /// is at least 1; sensible sizes start at 32.
    public static func sample(index: Int, size: Int, seed: UInt64) -> (picture: Picture, mask: Picture) {
        precondition(index >= 0 && size >= 1, "index \(index), size \(size)")
        var random = CounterRandom(seed: seed, stream: stream, substream: UInt64(index))
        let scene = LesionScene(&random)
        return LesionPainter(scene: scene, size: size).paint(&random)
    }

    /// Writes `folder/train` and `folder/val`, each with `images/lesion_00001.jpg` and
    /// `masks/lesion_00001.png`.
    ///
    /// Indices 0 ..< train are for training, the following ones for validation, so a longer set
    /// starts with a shorter one's training pictures.
    /// `progress` is called after each picture with the number written so far.
    public static func write(
        train: Int, validation: Int, size: Int = 256, seed: UInt64 = 42, to folder: URL, progress: (Int) -> Void = { _ in }
    ) throws(PictureError) {
        for (split, indices) in [("train", 0..<train), ("val", train..<(train + validation))] {
            let images = folder.appendingPathComponent("\(split)/images")
            let masks = folder.appendingPathComponent("\(split)/masks")
            for made in [images, masks] {
                do throws(FileError) {
                    try Folder.make(made)
                } catch {
                    throw .unwritable(path: error.file, reason: error.reason)
                }
            }
            for index in indices {
                let (picture, mask) = sample(index: index, size: size, seed: seed)
                let digits = String(index + 1)
                let name = "lesion_" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
                try PictureFile.write(picture, to: images.appendingPathComponent(name + ".jpg"), isDurable: false)
                try PictureFile.write(mask, to: masks.appendingPathComponent(name + ".png"), isDurable: false)
                progress(index + 1)
            }
        }
    }

    /// Separates these numbers from those of augmentation with the same seed.
    private static let stream: UInt64 = 0x4C45_5349_4F4E
}
