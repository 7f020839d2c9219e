import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The contents and the problems of a data set, as reported by `vmunet check`.
public struct DatasetCheck: Sendable, Codable, Equatable {
    /// A part of the set, such as `train` or `val`.
    public struct Part: Sendable, Codable, Equatable {
        /// Its name.
        public var name: String
        /// Valid samples: pictures with masks, slices or volumes.
        public var samples: Int
        /// The least and greatest width and height of its files, in pixels.
        public var widths: [Int], heights: [Int]
        /// The labels that occur, ascending; 0 and 1 for binary masks.
        public var labels: [Int]
        /// The foreground's share of the pixels, in percent; nil if nothing was counted.
        public var foreground: Double?
        /// Samples without any foreground.
        public var empty: Int
        /// The least and greatest stored intensity, of slices and volumes.
        public var intensities: [Float]?

        private enum CodingKeys: String, CodingKey {
            case name, samples, widths = "width_pixels", heights = "height_pixels", labels, foreground = "foreground_percent", empty
            case intensities
        }
    }

    /// A problem that must be fixed before the set can be used.
    public struct Problem: Sendable, Codable, Equatable {
        /// The faulty file or folder.
        public var path: String
        /// The problem.
        public var problem: String
        /// A way out for the user.
        public var remedy: String
    }

    /// The parts that exist.
    public var parts: [Part] = []
    /// Oddities that a stated rule handles.
    public var notes: [String] = []
    /// The problems.
    public var problems: [Problem] = []

    /// An empty check.
    public init() {}

    mutating func add(_ error: DataError) {
        for problem in error.problems { problems.append(Problem(path: error.path, problem: problem, remedy: error.remedy)) }
    }

    mutating func add(_ findings: SliceFindings, part: String, classes: Int, isMapped: Bool, path: String) {
        parts.append(
            Part(
                name: part, samples: findings.slices, widths: Self.ends(findings.columns), heights: Self.ends(findings.rows),
                labels: findings.labels.sorted(), foreground: findings.foregroundPercent, empty: findings.empty,
                intensities: findings.stored.map { [$0.lowerBound, $0.upperBound] }))
        if let problem = findings.intensityProblem(isMapped: isMapped) {
            problems.append(Problem(path: path, problem: problem, remedy: "Training would take them as they are."))
        }
        notes += SetFindings.unseen(findings.labels, classes: classes, where: "slice").map { "\(part): \($0)" }
    }

    static func ends(_ range: ClosedRange<Int>?) -> [Int] { range.map { [$0.lowerBound, $0.upperBound] } ?? [] }

    /// A few lines for people: contents, then notes.
    public var description: String {
        var lines = parts.map { part in
            var words = ["\(part.name): \(counted(part.samples, "sample"))"]
            if let width = Self.span(part.widths), let height = Self.span(part.heights) { words.append("\(width)×\(height) pixels") }
            if let foreground = part.foreground { words.append("\(fixedPoint(foreground, digits: 1)) % foreground") }
            if part.labels.count > 2 { words.append("labels " + part.labels.map(String.init).joined(separator: ", ")) }
            if part.empty > 0 { words.append("\(part.empty) empty") }
            if let values = part.intensities, values.count == 2 { words.append("intensities \(values[0])…\(values[1])") }
            return words.joined(separator: ", ")
        }
        lines += notes.map { "note: " + $0 }
        return lines.joined(separator: "\n")
    }

    private static func span(_ ends: [Int]) -> String? {
        guard ends.count == 2 else { return nil }
        return ends[0] == ends[1] ? "\(ends[0])" : "\(ends[0])…\(ends[1])"
    }
}

extension PairedFolder {
    /// Reads every file of a part, pictures and masks, and adds the findings to a check.
    func check(_ part: String, in check: inout DatasetCheck) {
        let (findings, faults) = examination(decodesPictures: true)
        let sizes = (try? sourceSizes()) ?? []
        check.parts.append(
            DatasetCheck.Part(
                name: part, samples: findings.masks, widths: DatasetCheck.ends(Self.range(sizes.map(\.width))),
                heights: DatasetCheck.ends(Self.range(sizes.map(\.height))), labels: findings.labels.sorted(),
                foreground: findings.foreground.of > 0
                    ? Double(findings.foreground.pixels) / Double(findings.foreground.of) * 100 : nil,
                empty: findings.empty.count, intensities: nil))
        check.notes += (notes + findings.notes(classes: classes, threshold: options.masks.threshold)).map { "\(part): \($0)" }
        for fault in faults { check.add(fault) }
        if findings.isUniform, part == "train" {
            check.problems.append(
                .init(
                    path: pairs.first?.masks[0].deletingLastPathComponent().path ?? part,
                    problem: "no mask tells a foreground from a background",
                    remedy: "Check how the masks were made."))
        }
    }

    private static func range(_ values: [Int]) -> ClosedRange<Int>? {
        guard let least = values.min(), let greatest = values.max() else { return nil }
        return least...greatest
    }
}

extension DatasetCheck {
    /// Reads every volume of a part and adds the findings.
    mutating func add(_ volumes: any VolumeDataset, part: String, _ settings: DataSettings) {
        var findings = SliceFindings()
        for index in 0..<volumes.count {
            do throws(DataError) {
                let volume = try volumes.load(at: index)
                let extremes = volume.channels.map(\.extremes).flatMap { [$0.lowerBound, $0.upperBound] }
                findings.merge(
                    SliceFindings(
                        stored: volume.image + extremes, labels: volume.label.labels, ignoring: volumes.ignoredLabel,
                        rows: volume.shape.height,
                        columns: volume.shape.width))
                if let doubt = volume.sliceDoubt { notes.append("\(part): \(doubt)") }
            } catch { add(error) }
        }
        add(
            findings, part: part, classes: volumes.classNames.count,
            isMapped: settings.readingWindow != nil || settings.dataset.layout.mapsIntensities,
            path: URL(filePath: settings.path).appending(path: "test_vol_h5").path)
    }
}
