import Files

extension IntensityWindow: Codable, CustomStringConvertible {
    /// "LOW,HIGH", "minmax", "percentiles" or "none"; nil for anything else, or if LOW is not below
    /// HIGH.
    public init?(_ text: String) {
        switch text {
        case "none": self = .none
        case "minmax": self = .range
        case "percentiles": self = .percentiles
        default:
            let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map {
                Double($0.trimmed)
            }
            guard numbers.count == 2, let low = numbers[0], let high = numbers[1], low.isFinite, high.isFinite, low < high else {
                return nil
            }
            self = .fixed(low: low, high: high)
        }
    }

    /// In the form of ``init(_:)``: "-125,275", "minmax", "percentiles" or "none".
    public var description: String {
        func text(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? String(value) }
        return switch self {
        case .none: "none"
        case .range: "minmax"
        case .percentiles: "percentiles"
        case .fixed(let low, let high): "\(text(low)),\(text(high))"
        }
    }

    /// Written and read as ``description``.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let window = IntensityWindow(text) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no window"))
        }
        self = window
    }

    /// Written and read as ``description``.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
