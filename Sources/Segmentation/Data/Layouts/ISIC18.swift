/// ISIC 2018: dermoscopic pictures with one mask each, in `DIR/{train,val}/{images,masks}`.
struct ISIC18: PicturesWithMasks {
    let name = "isic18"
    func areNamesPublic(_ names: [String]) -> Bool { true }
    let modality: String? = "dermoscopy"
    let foreground: String? = "lesion"
}

extension Dataset {
    /// ISIC 2018.
    public static let isic18 = Dataset(ISIC18())
}
