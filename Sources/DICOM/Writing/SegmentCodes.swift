import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The meaning of class names in SNOMED CT, so that archives and viewers can tell a spleen from a
/// liver.
public struct SegmentCodes: Sendable {
    /// A concept of a coding scheme.
    struct Code: Sendable, Equatable {
        var value: String
        var scheme = "SCT"
        var meaning: String
    }

    /// The codes of a segment.
    struct Entry: Sendable, Equatable {
        var category: Code
        var type: Code
        var modifier: Code?
    }

    private var entries: [String: Entry]

    /// vmunet's own table.
    public init() { entries = Self.usual }

    /// vmunet's table, preceded by the lines of a file. A line has a class name, the category's
    /// code and meaning, the type's and optionally a modifier's, separated by tabs. A code may be
    /// preceded by its scheme: `FMA:7101`.
    public init(_ url: URL) throws(FileError) {
        entries = Self.usual
        let lines = try naming(url) {
            let file = try FileReader(url)
            guard file.size <= 1 << 20 else { throw Fault(.limit, "has more than 1 MiB", remedy: "give a table of class names and codes") }
            return String(decoding: try file.all(), as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
        }
        for (number, line) in lines.enumerated() where !line.hasPrefix("#") {
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard [5, 7].contains(parts.count), !parts.contains("") else {
                throw FileError(
                    .corrupt, file: url.relativePath, reason: "line \(number + 1) has \(parts.count) columns, or empty ones",
                    remedy:
                        "write name, category code and meaning, type code and meaning, with tabs between them; then a modifier's, if any; a code "
                        + "of another scheme than SNOMED CT as SCHEME:CODE")
            }
            func code(_ place: Int) -> Code {
                let words = parts[place].split(separator: ":", maxSplits: 1).map(String.init)
                return words.count == 2
                    ? Code(value: words[1], scheme: words[0], meaning: parts[place + 1])
                    : Code(value: parts[place], meaning: parts[place + 1])
            }
            entries[Self.words(parts[0]).joined(separator: " ")] = Entry(
                category: code(1), type: code(3), modifier: parts.count == 7 ? code(5) : nil)
        }
    }

    /// The codes for a class name; "Tissue" for unknown names.
    func entry(_ name: String) -> Entry {
        let words = Self.words(name)
        if let entry = entries[words.joined(separator: " ")] { return entry }
        let sides = ["left": Code(value: "7771000", meaning: "Left"), "right": Code(value: "24028007", meaning: "Right")]
        let side = words.first { sides[$0] != nil }
        let key = words.filter { $0 != side }.joined(separator: " ")
        guard let entry = entries[key] ?? (key.hasSuffix("s") ? entries[String(key.dropLast())] : nil) else {
            return Entry(category: Self.tissue, type: Self.tissue)
        }
        return Entry(category: entry.category, type: entry.type, modifier: side.flatMap { sides[$0] } ?? entry.modifier)
    }

    /// "Kidney_left" → kidney, left.
    private static func words(_ name: String) -> [String] {
        name.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
    }

    private static let tissue = Code(value: "85756007", meaning: "Tissue")
    private static let anatomy = Code(value: "123037004", meaning: "Anatomical Structure")
    private static let altered = Code(value: "49755003", meaning: "Morphologically Altered Structure")

    private static let usual: [String: Entry] = {
        var entries: [String: Entry] = [:]
        for (category, table) in [(anatomy, structures), (altered, alterations)] {
            for (names, value, meaning) in table {
                for name in names { entries[name] = Entry(category: category, type: Code(value: value, meaning: meaning)) }
            }
        }
        return entries
    }()

    private typealias Row = (names: [String], value: String, meaning: String)

    private static let structures: [Row] = [
        (["spleen"], "78961009", "Spleen"), (["liver"], "10200004", "Liver"), (["kidney"], "64033007", "Kidney"),
        (["gallbladder", "gall bladder"], "28231008", "Gallbladder"), (["pancreas"], "15776009", "Pancreas"),
        (["stomach"], "69695003", "Stomach"), (["aorta"], "15825003", "Aorta"),
        (["inferior vena cava", "ivc", "postcava"], "64131007", "Inferior vena cava"), (["portal vein"], "32764006", "Portal vein"),
        (["esophagus", "oesophagus"], "32849002", "Esophagus"), (["prostate"], "41216001", "Prostate"), (["heart"], "80891009", "Heart"),
        (["lung"], "39607008", "Lung"), (["brain"], "12738006", "Brain"), (["adrenal gland", "adrenal"], "23451007", "Adrenal gland"),
        (["duodenum"], "38848004", "Duodenum"), (["small intestine", "small bowel"], "30315005", "Small intestine"),
        (["colon"], "71854001", "Colon"), (["rectum"], "34402009", "Rectum"), (["trachea"], "44567001", "Trachea"),
        (["vertebra"], "51282000", "Vertebra"), (["hippocampus"], "5366008", "Hippocampus"),
        (["right ventricle", "rv"], "53085002", "Right ventricle"), (["left ventricle", "lv"], "87878005", "Left ventricle"),
        (["right atrium"], "73829009", "Right atrium"), (["left atrium"], "82471001", "Left atrium"), (["uterus"], "35039007", "Uterus"),
        (["sacrum"], "54735007", "Sacrum"), (["rib"], "113197003", "Rib"), (["femur"], "71341001", "Femur"),
        (["bone"], "272673000", "Bone"),
        (["muscle"], "71616004", "Muscle"), (["spinal cord"], "2748008", "Spinal cord"),
        (["blood vessel", "vessel"], "59820001", "Blood Vessel"), (["retina"], "5665001", "Retina"), (["skin"], "39937001", "Skin"),
        (["breast"], "76752008", "Breast"),
    ]

    private static let alterations: [Row] = [
        (["lesion", "skin lesion"], "52988006", "Lesion"), (["tumor", "tumour", "neoplasm", "cancer"], "108369006", "Neoplasm"),
        (["edema", "oedema"], "79654002", "Edema"), (["necrosis"], "6574001", "Necrosis"), (["cyst"], "367643001", "Cyst"),
        (["nodule"], "27925004", "Nodule"), (["mass"], "4147007", "Mass"),
    ]
}
