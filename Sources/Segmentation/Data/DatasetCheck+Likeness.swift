import Files

extension DatasetCheck {
    /// Two pictures of a set that show the same.
    public struct Likeness: Sendable, Codable, Equatable {
        /// The part and name of each.
        public var parts: [String], names: [String]
        /// True if one is mirrored or turned.
        public var isTurned: Bool

        private enum CodingKeys: String, CodingKey { case parts, names, isTurned = "is_turned" }
    }

    /// The most doubles that are listed.
    private static let mostDoubles = 10_000
    /// Names in a line of text.
    private static let shown = 5

    /// Adds doubles within and across parts, with a note for each kind.
    mutating func addDoubles(_ pictures: [(part: String, name: String, print: PictureFingerprint)]) {
        let pairs = PictureDoubles.pairs(pictures.map(\.print))
        doubles = pairs.prefix(Self.mostDoubles).map { pair in
            let (a, b) = (pictures[pair.a], pictures[pair.b])
            return Likeness(parts: [a.part, b.part], names: [a.name, b.name], isTurned: pair.isTurned)
        }
        var kinds: [(parts: [String], pairs: [Likeness])] = []
        for double in doubles {
            if let place = kinds.firstIndex(where: { $0.parts == double.parts }) {
                kinds[place].pairs.append(double)
            } else {
                kinds.append((double.parts, [double]))
            }
        }
        for (parts, found) in kinds {
            let names = listed(found.map { $0.names.joined(separator: " and ") }, atMost: Self.shown)
            let pairs = counted(found.count, "pair"), show = found.count == 1 ? "shows" : "show"
            notes.append(
                parts[0] == parts[1]
                    ? "\(parts[0]): \(pairs) of pictures \(show) the same (\(names)): keep one of each, or keep them together with --groups"
                    : "\(parts[0]) and \(parts[1]) share \(pairs) of pictures that \(show) the same (\(names)): scores will flatter")
        }
    }

    /// Adds a note about groups, such as patients, that are in several parts.
    mutating func addLeaks(_ parts: [(name: String, samples: [String])], _ settings: DataSettings) throws(DataError) {
        guard settings.hasGroups, !parts.isEmpty else { return }
        let groups = try SampleGroups.of(parts.flatMap(\.samples), settings)
        var (start, sets) = (0, [(name: String, groups: Set<String>)]())
        for part in parts {
            sets.append((part.name, Set(groups[start..<start + part.samples.count])))
            start += part.samples.count
        }
        for (i, a) in sets.enumerated() {
            for b in sets[(i + 1)...] {
                let shared = a.groups.intersection(b.groups)
                guard !shared.isEmpty else { continue }
                leaks.append(Leak(parts: [a.name, b.name], groups: shared.count))
                notes.append(
                    "\(a.name) and \(b.name) share \(counted(shared.count, "group")): scores will flatter; divide by groups, or cross-validate"
                )
            }
        }
    }

    /// Groups of samples that two parts share.
    public struct Leak: Sendable, Codable, Equatable {
        /// The two parts.
        public var parts: [String]
        /// The number of groups in both.
        public var groups: Int
    }
}
