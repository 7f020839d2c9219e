/// A request's `Accept`: which of several types it wants most.
struct Accept {
    /// Ranges as they stand, with their quality 0…1.
    private let ranges: [(range: Substring, quality: Double)]

    /// Without the field, every type is acceptable.
    init(_ field: String?) {
        ranges = (field ?? "*/*").prefix(4096).split(separator: ",").map { part in
            let pieces = part.split(separator: ";").map { $0.trimmingPrefix { $0 == " " || $0 == "\t" } }
            let quality = pieces.dropFirst().first { $0.lowercased().hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            let name = pieces.first ?? ""
            return (name.prefix { $0 != " " && $0 != "\t" }, min(max(quality, 0), 1))
        }
    }

    /// The most wanted of these types, which are in our order of preference; nil if none is
    /// acceptable.
    func best(_ types: [String]) -> String? {
        var best: (type: String, quality: Double)?
        for type in types {
            let quality = quality(of: type)
            if quality > best?.quality ?? 0 { best = (type, quality) }
        }
        return best?.type
    }

    /// The most specific range decides.
    private func quality(of type: String) -> Double {
        let major = type.prefix { $0 != "/" }
        for wanted in [type, "\(major)/*", "*/*"] {
            if let found = ranges.first(where: { $0.range.lowercased() == wanted }) { return found.quality }
        }
        return 0
    }
}
