/// Steps applied to the labels after the network, class by class in label order: removal of small
/// components, then of all but the largest, then filling of holes.
///
/// Voxels are connected through sides, edges and corners (8 neighbours in a picture, 26 in a
/// volume). A hole is background that is not connected to the border through sides (4 and 6
/// neighbours). Removed voxels become background, and only background is filled.
public struct CleanUp: Sendable, Equatable {
    /// The steps for one class.
    public struct Rule: Sendable, Equatable {
        /// Keeps only the largest component; of equal ones the first.
        public var keepsLargest = false
        /// Fills holes.
        public var fillsHoles = false
        /// The least size of a component.
        public var least: Size?

        /// No steps.
        public init() {}

        var isEmpty: Bool { self == Rule() }
    }

    /// A component's size.
    public enum Size: Sendable, Equatable {
        /// Pixels or voxels.
        case pixels(Int)
        /// Percent of the picture or the volume.
        case percent(Double)
        /// Cubic millimetres; for volumes only.
        case cubicMillimeters(Double)
    }

    /// The rule for every class without one of its own.
    public var all = Rule()
    /// Rules for single classes, by label.
    public var classes: [UInt8: Rule] = [:]

    /// No clean-up.
    public static let none = CleanUp()

    /// No clean-up.
    public init() {}

    /// True if no class has a step.
    public var isEmpty: Bool { all.isEmpty && classes.values.allSatisfy(\.isEmpty) }

    func rule(_ label: UInt8) -> Rule { classes[label] ?? all }

    /// Cleans labels (slices, rows, columns) of 0…classes − 1, or of one class 0 and `foreground`.
    /// `voxelVolume` is in cubic millimetres, nil if unknown or of a picture.
    ///
    /// - Throws: ``VolumeError`` if a size is in millimetres and the voxels' is unknown,
    ///   ``DataError`` if there is no memory for the components.
    package func apply(
        to labels: inout [UInt8], shape: VolumeShape, classes: Int, foreground: UInt8 = 1, voxelVolume: Double? = nil
    ) throws {
        guard !isEmpty else { return }
        try DataError.requireMemory(
            6 * labels.count, for: "the components of \(labels.count) pixels", remedy: "Leave out --clean-up, or make it smaller.")
        let last = UInt8(truncatingIfNeeded: max(classes - 1, 1))
        let values = (1...last).map { (label: $0, value: classes == 1 ? foreground : $0) }
        for (label, value) in values {
            let rule = rule(label)
            if rule.keepsLargest || rule.least != nil {
                let least = try rule.least.map { try $0.voxels(of: shape, voxelVolume) } ?? 1
                Self.removeComponents(below: least, keepsLargest: rule.keepsLargest, from: &labels, value, shape)
            }
            if rule.fillsHoles, labels.contains(value) { Self.fillHoles(in: &labels, value, shape) }
        }
    }

    private static func removeComponents(
        below least: Int, keepsLargest: Bool, from labels: inout [UInt8], _ value: UInt8, _ shape: VolumeShape
    ) {
        let found = Components(labels.map { $0 == value }, shape: shape, touch: .corners)
        var keeps = found.sizes.map { $0 >= least }
        let largest = found.sizes.max() ?? 0
        if keepsLargest, let first = found.sizes.indices.dropFirst().first(where: { found.sizes[$0] == largest }) {
            for part in keeps.indices where part != first { keeps[part] = false }
        }
        for i in labels.indices where found.parts[i] > 0 && !keeps[Int(found.parts[i])] { labels[i] = 0 }
    }

    private static func fillHoles(in labels: inout [UInt8], _ value: UInt8, _ shape: VolumeShape) {
        let outside = Components(labels.map { $0 != value }, shape: shape, touch: .sides)
        var reaches = [Bool](repeating: false, count: outside.sizes.count)
        var voxel = 0
        for z in 0..<shape.depth {
            for y in 0..<shape.height {
                for x in 0..<shape.width {
                    let isEdge =
                        shape.depth > 1 && (z == 0 || z == shape.depth - 1) || y == 0 || y == shape.height - 1 || x == 0
                        || x == shape.width - 1
                    if isEdge { reaches[Int(outside.parts[voxel])] = true }
                    voxel += 1
                }
            }
        }
        for i in labels.indices where labels[i] == 0 && outside.parts[i] > 0 && !reaches[Int(outside.parts[i])] { labels[i] = value }
    }
}

extension CleanUp.Size {
    /// The size in voxels, rounded up.
    func voxels(of shape: VolumeShape, _ voxelVolume: Double?) throws(VolumeError) -> Int {
        switch self {
        case .pixels(let count): return count
        case .percent(let share): return Int((share / 100 * Double(shape.count)).rounded(.up))
        case .cubicMillimeters(let size):
            guard let voxelVolume, voxelVolume > 0 else {
                throw VolumeError(
                    operation: "clean-up", expected: "a known voxel size for a least size in millimetres",
                    got: "none; give the size in px or %")
            }
            return Int(min(size / voxelVolume, 1e15).rounded(.up))
        }
    }
}

extension CleanUp: CustomStringConvertible {
    /// Reads "largest,holes,least=0.5%", rules by class such as "1:largest; 2:holes,least=20mm3",
    /// or "none". Nil for anything else.
    public init?(_ text: String) {
        self.init()
        guard text != "none" else { return }
        guard text.utf8.count <= 4096 else { return nil }
        var isGiven = false
        for part in text.split(separator: ";", omittingEmptySubsequences: false) {
            let words = part.split(separator: ":", omittingEmptySubsequences: false)
            guard words.count <= 2, let steps = words.last, let rule = Rule(String(steps)) else { return nil }
            if words.count == 2 {
                guard let label = UInt8(Self.trimmed(String(words[0]))), label > 0, classes[label] == nil else { return nil }
                classes[label] = rule
            } else {
                guard !isGiven else { return nil }
                (all, isGiven) = (rule, true)
            }
        }
    }

    /// The text that the initializer reads.
    public var description: String {
        let rules = (all.isEmpty ? [] : [all.text]) + classes.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.text)" }
        return rules.isEmpty ? "none" : rules.joined(separator: ";")
    }

    fileprivate static func trimmed(_ text: String) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}

extension CleanUp.Rule {
    fileprivate init?(_ text: String) {
        self.init()
        guard CleanUp.trimmed(text) != "none" else { return }
        for word in text.split(separator: ",", omittingEmptySubsequences: false).map({ CleanUp.trimmed(String($0)) }) {
            switch word {
            case "largest": keepsLargest = true
            case "holes": fillsHoles = true
            case _ where word.hasPrefix("least="):
                guard least == nil, let size = CleanUp.Size(String(word.dropFirst(6))) else { return nil }
                least = size
            default: return nil
            }
        }
    }

    fileprivate var text: String {
        let words = [least.map { "least=\($0)" }, keepsLargest ? "largest" : nil, fillsHoles ? "holes" : nil].compactMap(\.self)
        return words.isEmpty ? "none" : words.joined(separator: ",")
    }
}

extension CleanUp.Size: CustomStringConvertible {
    /// Reads "20px", "0.5%", "30mm3" or "1.5ml"; nil for anything else.
    public init?(_ text: String) {
        func number(_ unit: String) -> Double? {
            guard text.hasSuffix(unit), let value = Double(CleanUp.trimmed(String(text.dropLast(unit.count)))), value >= 0, value < 1e12
            else { return nil }
            return value
        }
        if let count = number("px"), let whole = Int(exactly: count) {
            self = .pixels(whole)
        } else if let share = number("%"), share <= 100 {
            self = .percent(share)
        } else if let size = number("mm3") {
            self = .cubicMillimeters(size)
        } else if let size = number("ml") {
            self = .cubicMillimeters(1000 * size)
        } else {
            return nil
        }
    }

    /// The text that the initializer reads.
    public var description: String {
        switch self {
        case .pixels(let count): "\(count)px"
        case .percent(let share): "\(WeightsMetadata.text(share))%"
        case .cubicMillimeters(let size):
            size < 1000 ? "\(WeightsMetadata.text(size))mm3" : "\(WeightsMetadata.text(size / 1000))ml"
        }
    }
}
