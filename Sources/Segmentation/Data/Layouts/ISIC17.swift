/// ISIC 2017: dermoscopic pictures with one mask each, in `DIR/{train,val}/{images,masks}`.
struct ISIC17: PicturesWithMasks {
    let name = "isic17"
    func areNamesPublic(_ names: [String]) -> Bool { true }
    let modality: String? = "dermoscopy"
    let foreground: String? = "lesion"
}

extension Dataset {
    /// ISIC 2017.
    public static let isic17 = Dataset(ISIC17())
}
