import Files

/// The kind of a scanner, by the names that files and weights give it.
package enum Modality: Hashable, Sendable {
    case named(String)
    /// Another kind in DICOM's letters, such as `OT`.
    case other(String)

    /// DICOM's letters for each kind, and the words that weights have for it.
    private static let words: [String: Set<String>] = [
        "CT": ["ct", "cta", "ncct", "cect", "cbct"],
        "MR": ["mr", "mri", "t1", "t1w", "t1c", "t1ce", "t1gd", "t1n", "t2", "t2w", "t2f", "t2flair", "flair", "adc", "dwi", "swi"],
        "PT": ["pt", "pet", "suv"], "NM": ["nm", "spect"], "US": ["us", "ultrasound", "sonography"],
        "XA": ["xa", "angiography"], "MG": ["mg", "mammography"], "OCT": ["oct"],
    ]

    /// The modality of a DICOM series; nil if it names none.
    package init?(dicom text: String?) {
        guard let text = text?.trimmed.uppercased(), !text.isEmpty else { return nil }
        self = Self.words[text] != nil ? .named(text) : .other(text.printable(limit: 16))
    }

    /// The modality that weights record, such as "CT" or "MRI (T1)"; nil for names of none, and of
    /// several.
    package init?(weights text: String?) {
        let parts = (text ?? "").lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
        let found = Set(parts.compactMap { part in Self.words.first { $0.value.contains(part) }?.key })
        guard found.count == 1, let only = found.first else { return nil }
        self = .named(only)
    }

    /// DICOM's letters.
    package var name: String {
        switch self {
        case .named(let name), .other(let name): name
        }
    }

    /// The note on a series of another modality than that of the weights' training, as far as both
    /// are known; nil if there is none.
    package static func note(series: String?, weights: String?) -> String? {
        guard let own = Modality(dicom: series), let trained = Modality(weights: weights), own != trained else { return nil }
        return "is \(own.name), and these weights were trained on \(trained.name): do not trust the result unseen"
    }
}
