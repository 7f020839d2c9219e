import Files

/// Facts about arrays of volumes that their files do not record.
public struct ArrayReading: Sendable, Equatable {
    /// The axis across slices, 1 to 3; the first in Synapse's layout.
    public var sliceAxis = 1
    /// Maps the files' intensities to 0…1; nil if they already are.
    public var window: IntensityWindow?

    /// Synapse's layout by default.
    public init(sliceAxis: Int = 1, window: IntensityWindow? = nil) {
        (self.sliceAxis, self.window) = (sliceAxis, window)
    }
}

/// The contents of a set's slices, reported before anything is trained or scored.
package struct SliceFindings: Sendable, Equatable {
    /// Slices that were read.
    package private(set) var slices = 0
    /// The least and greatest stored intensity; nil without slices.
    package private(set) var stored: ClosedRange<Float>?
    /// Labels that occur.
    package private(set) var labels: Set<Int> = []
    /// Slices without any foreground.
    package private(set) var empty = 0
    /// Pixels of the foreground, and all that count.
    private var foreground = (pixels: 0, of: 0)
    /// The foreground's share of the pixels, in percent.
    package var foregroundPercent: Double? { foreground.of > 0 ? Double(foreground.pixels) / Double(foreground.of) * 100 : nil }
    /// The least and greatest number of rows and columns.
    package private(set) var rows: ClosedRange<Int>?, columns: ClosedRange<Int>?

    /// True if there is nothing to learn: every label is background.
    var isUniform: Bool { slices > 0 && empty == slices }

    /// The fault of a training set whose ``isUniform`` is true; `path` is the folder of its labels.
    static func uniform(_ path: String) -> DataError {
        DataError(.uniformMask, path: path, "every label is background", remedy: "Check how the labels were made, and their numbers.")
    }

    /// No findings yet.
    package init() {}

    /// The findings of a slice or volume; `stored` are its intensities before any window.
    init(stored intensities: [Float], labels plane: [UInt8], ignoring ignored: UInt8?, rows: Int, columns: Int) {
        slices = 1
        if let least = intensities.min(), let greatest = intensities.max() { stored = least...greatest }
        let traits = MaskTraits(MaskReader.histogram(plane), ignoring: ignored)
        labels = Set(traits.labels)
        empty = traits.isEmpty ? 1 : 0
        foreground = (traits.foreground, traits.pixels)
        (self.rows, self.columns) = (rows...rows, columns...columns)
    }

    /// Equal if all counts are.
    package static func == (a: SliceFindings, b: SliceFindings) -> Bool {
        (a.slices, a.stored, a.labels, a.empty) == (b.slices, b.stored, b.labels, b.empty) && a.foreground == b.foreground
            && (a.rows, a.columns) == (b.rows, b.columns)
    }

    mutating func merge(_ other: SliceFindings) {
        slices += other.slices
        empty += other.empty
        foreground = (foreground.pixels + other.foreground.pixels, foreground.of + other.foreground.of)
        labels.formUnion(other.labels)
        (stored, rows, columns) = (Self.union(stored, other.stored), Self.union(rows, other.rows), Self.union(columns, other.columns))
    }

    private static func union<Value>(_ a: ClosedRange<Value>?, _ b: ClosedRange<Value>?) -> ClosedRange<Value>? {
        guard let a, let b else { return a ?? b }
        return min(a.lowerBound, b.lowerBound)...max(a.upperBound, b.upperBound)
    }

    /// A line about intensities outside the layout's 0…1; nil if there are none or a window maps
    /// them.
    package func intensityProblem(isMapped: Bool) -> String? { stored.flatMap { Self.intensityProblem($0, isMapped: isMapped) } }

    package static func intensityProblem(_ stored: ClosedRange<Float>, isMapped: Bool) -> String? {
        guard !isMapped, stored.lowerBound < -0.05 || stored.upperBound > 1.05 else { return nil }
        let isByte = stored.lowerBound >= 0 && stored.upperBound <= 255
        func text(_ value: Float) -> String { fixedPoint(Double(value), digits: abs(value) < 10 ? 2 : 0) }
        return "intensities run from \(text(stored.lowerBound)) to \(text(stored.upperBound)), where this layout holds 0 to 1: "
            + "scale the files, or map them by data.intensities raw and data.window (--intensities raw --window \(isByte ? "0,255" : "-125,275"))"
    }

    /// Notes about the slices for the user, a line each.
    package func notes(classes: Int, isMapped: Bool) -> [String] {
        [intensityProblem(isMapped: isMapped)].compactMap(\.self) + SetFindings.unseen(labels, classes: classes, where: "slice")
    }
}
