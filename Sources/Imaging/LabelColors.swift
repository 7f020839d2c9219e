/// A fixed colour for every label. The first eight are Okabe and Ito's (2008), which colour-blind
/// people can distinguish; blue comes first, since skin has none.
public enum LabelColors {
    /// Red, green and blue, 0…255.
    public typealias Color = (red: UInt8, green: UInt8, blue: UInt8)

    /// The colour of a label; nil for 0, the background. 255 counts as 1, so that masks of 0 and
    /// 255 look like masks of 0 and 1.
    public static func color(of label: Int) -> Color? {
        guard label > 0 else { return nil }
        let index = label == 255 ? 0 : label - 1
        let base = palette[index % palette.count]
        // Further rounds repeat the hues, each time darker.
        let round = index / palette.count
        guard round > 0 else { return base }
        let shade = { (value: UInt8) in UInt8(Double(value) * max(0.25, 1 - 0.3 * Double(round))) }
        return (shade(base.red), shade(base.green), shade(base.blue))
    }

    private static let palette: [Color] = [
        (86, 180, 233), (230, 159, 0), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167), (150, 150, 150),
    ]
}
