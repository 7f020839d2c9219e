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
        /// Each label's share of the pixels that count, in percent, in the order of ``labels``; nil
        /// for volumes and slices.
        public var labelShares: [Double]?
        /// Samples without any foreground.
        public var empty: Int
        /// The mean of the pictures' mean greys, 0…255, and the standard deviation of these.
        public var brightness: [Double]?
        /// The least and greatest stored intensity, of slices and volumes.
        public var intensities: [Float]?

        private enum CodingKeys: String, CodingKey {
            case name, samples, widths = "width_pixels", heights = "height_pixels", labels, foreground = "foreground_percent"
            case labelShares = "label_percent", empty, brightness, intensities
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
    /// Pictures that show the same.
    public var doubles: [Likeness] = []
    /// Parts that share groups such as patients, if groups are given.
    public var leaks: [Leak] = []
    /// Settings for training that suit the set and this machine; nil if the set has problems or no
    /// part to train on.
    public var advice: TrainingAdvice?

    /// An empty check.
    public init() {}

    mutating func add(_ error: DataError) {
        for problem in error.problems { problems.append(Problem(path: error.path, problem: problem, remedy: error.remedy)) }
    }

    mutating func add(_ findings: SliceFindings, part: String, classes: Int, isMapped: Bool, path: String) {
        parts.append(
            Part(
                name: part, samples: findings.slices, widths: Self.ends(findings.columns), heights: Self.ends(findings.rows),
                labels: findings.labels.sorted(), foreground: findings.foregroundPercent, labelShares: nil, empty: findings.empty,
                brightness: nil, intensities: findings.stored.map { [$0.lowerBound, $0.upperBound] }))
        if let problem = findings.intensityProblem(isMapped: isMapped) {
            problems.append(Problem(path: path, problem: problem, remedy: "Training would take them as they are."))
        }
        notes += SetFindings.unseen(findings.labels, classes: classes, where: "slice").map { "\(part): \($0)" }
        if Self.trainingParts.contains(part), findings.isUniform { add(SliceFindings.uniform(path)) }
    }

    /// The names of parts that are trained on.
    static let trainingParts = ["train", "pictures"]

    static func ends(_ range: ClosedRange<Int>?) -> [Int] { range.map { [$0.lowerBound, $0.upperBound] } ?? [] }

    /// A few lines for people: contents, then notes.
    public var description: String {
        var lines = parts.map { part in
            var words = ["\(part.name): \(counted(part.samples, "sample"))"]
            if let width = Self.span(part.widths), let height = Self.span(part.heights) { words.append("\(width)×\(height) pixels") }
            if let foreground = part.foreground { words.append("\(fixedPoint(foreground, digits: 1)) % foreground") }
            if part.labels.count > 2 {
                let shares = part.labelShares.map { shares in
                    zip(part.labels, shares).map { "\($0) (\(fixedPoint($1, digits: 1)) %)" }.joined(separator: ", ")
                }
                words.append("labels " + (shares ?? part.labels.map(String.init).joined(separator: ", ")))
            }
            if part.empty > 0 { words.append("\(part.empty) empty") }
            if let grey = part.brightness, grey.count == 2 {
                words.append("grey \(fixedPoint(grey[0], digits: 0)) ± \(fixedPoint(grey[1], digits: 0))")
            }
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
    /// Reads every file of a part, pictures and masks, and adds the findings to a check. Returns
    /// the names and fingerprints of the valid pictures.
    func check(_ part: String, in check: inout DatasetCheck) -> [(name: String, print: PictureFingerprint)] {
        let (findings, faults, prints) = examination(decodesPictures: true)
        let flat = prints.filter { !$0.print.isTelling }.map(\.name)
        if !flat.isEmpty {
            let pictures = counted(flat.count, "picture shows", "pictures show")
            check.notes.append("\(part): \(pictures) nothing but one grey (\(listed(flat, atMost: 5)))")
        }
        let (labels, total) = (findings.labels.sorted(), Double(max(findings.foreground.of, 1)))
        let sizes = (try? sourceSizes()) ?? []
        check.parts.append(
            DatasetCheck.Part(
                name: part, samples: findings.masks, widths: DatasetCheck.ends(Self.range(sizes.map(\.width))),
                heights: DatasetCheck.ends(Self.range(sizes.map(\.height))), labels: labels,
                foreground: findings.foreground.of > 0
                    ? Double(findings.foreground.pixels) / Double(findings.foreground.of) * 100 : nil,
                labelShares: labels.map { Double(findings.pixelsOfLabels[$0] ?? 0) / total * 100 },
                empty: findings.empty.count, brightness: Self.brightness(prints.map(\.print)), intensities: nil))
        check.notes += (notes + findings.notes(classes: classes, threshold: options.masks.threshold)).map { "\(part): \($0)" }
        for fault in faults { check.add(fault) }
        if findings.isUniform, DatasetCheck.trainingParts.contains(part) {
            check.problems.append(
                .init(
                    path: pairs.first?.masks[0].deletingLastPathComponent().path ?? part,
                    problem: "no mask tells a foreground from a background",
                    remedy: "Check how the masks were made."))
        }
        return prints
    }

    /// The mean of the pictures' mean greys and their standard deviation; nil without pictures.
    private static func brightness(_ prints: [PictureFingerprint]) -> [Double]? {
        guard !prints.isEmpty else { return nil }
        let mean = prints.reduce(0) { $0 + Double($1.mean) } / Double(prints.count)
        let squares = prints.reduce(0) { $0 + (Double($1.mean) - mean) * (Double($1.mean) - mean) } / Double(prints.count)
        return [mean, squares.squareRoot()]
    }

    private static func range(_ values: [Int]) -> ClosedRange<Int>? {
        guard let least = values.min(), let greatest = values.max() else { return nil }
        return least...greatest
    }
}

extension DatasetCheck {
    /// Reads every volume of a part, whose labels are in a folder, and adds the findings.
    mutating func add(_ volumes: any VolumeDataset, part: String, folder: URL, _ settings: DataSettings) {
        var (findings, doubts) = (SliceFindings(), CaseNotes())
        for index in 0..<volumes.count {
            do throws(DataError) {
                let volume = try volumes.load(at: index)
                let extremes = volume.channels.map(\.extremes).flatMap { [$0.lowerBound, $0.upperBound] }
                findings.merge(
                    SliceFindings(
                        stored: volume.image + extremes, labels: volume.label.labels, ignoring: volumes.ignoredLabel,
                        rows: volume.shape.height,
                        columns: volume.shape.width))
                doubts.add(volume.doubts, of: volume.name)
            } catch { add(error) }
        }
        notes += doubts.lines().map { "\(part): \($0)" }
        add(
            findings, part: part, classes: volumes.classNames.count,
            isMapped: settings.readingWindow != nil || settings.dataset.layout.mapsIntensities,
            path: folder.path)
    }
}
