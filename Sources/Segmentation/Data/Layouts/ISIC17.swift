/// ISIC 2017: dermoscopic pictures with one mask each, in `DIR/{train,val}/{images,masks}`.
struct ISIC17: PicturesWithMasks {
    let name = "isic17"
    func areNamesPublic(_ names: [String]) -> Bool { true }
    func origin(_ settings: DataSettings) -> WeightsMetadata { dermoscopy(settings) }
}

extension Dataset {
    /// ISIC 2017.
    public static let isic17 = Dataset(ISIC17())
}
