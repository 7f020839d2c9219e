/// The size of a chart with two axes, and the margins around its plot, in SVG's units.
enum ChartFrame {
    static let (width, height) = (460.0, 290.0)
    static let (left, right, top, bottom) = (68.0, 14.0, 24.0, 44.0)
}
