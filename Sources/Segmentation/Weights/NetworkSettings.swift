import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A kind of network by its name, and the kind's own settings: the section `network` of a
/// configuration and of weights.
///
/// Nothing here knows which kinds there are or what their settings mean: the module that computes
/// networks does.
public struct NetworkSettings: Sendable, Hashable, Codable {
    /// The name of the paper's network, whose architecture its weights' keys and shapes say.
    public static let vmunet = "vmunet"

    /// The kind, in lower case: `unet`.
    public var name: String
    /// Its settings by their names in a configuration; one that is missing has its default.
    public var options: [String: OptionValue]

    /// A kind with these settings.
    public init(_ name: String, _ options: [String: OptionValue] = [:]) { (self.name, self.options) = (name, options) }
}

/// A setting of a network.
public enum OptionValue: Sendable, Hashable {
    case flag(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    case integers([Int])
}

extension OptionValue: Codable {
    /// Reads a bare flag, number, list or text.
    public init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let flag = try? value.decode(Bool.self) {
            self = .flag(flag)
        } else if let integer = try? value.decode(Int.self) {
            self = .integer(integer)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let integers = try? value.decode([Int].self) {
            self = .integers(integers)
        } else {
            self = .text(try value.decode(String.self))
        }
    }

    /// Writes the bare value.
    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        switch self {
        case .flag(let flag): try value.encode(flag)
        case .integer(let integer): try value.encode(integer)
        case .number(let number): try value.encode(number)
        case .text(let text): try value.encode(text)
        case .integers(let integers): try value.encode(integers)
        }
    }
}

extension OptionValue: CustomStringConvertible {
    /// The form in configurations.
    public var description: String {
        switch self {
        case .flag(let flag): "\(flag)"
        case .integer(let integer): "\(integer)"
        case .number(let number): "\(number)"
        case .text(let text): text
        case .integers(let integers): "\(integers)"
        }
    }
}

extension NetworkSettings {
    private static let nameKey = "network"
    private static let optionsKey = "network_options"
    /// Longer texts of options are not ours.
    private static let longestText = 1 << 16

    private static let (classesKey, channelsKey) = ("classes", "input_channels")

    /// These settings with the shape that the data gave the network, as weights record them.
    package func carrying(classes: Int, inputChannels: Int) -> NetworkSettings {
        var settings = self
        settings.options[Self.classesKey] = .integer(classes)
        settings.options[Self.channelsKey] = .integer(inputChannels)
        return settings
    }

    /// Removes that shape again; nil if there is no valid one.
    package mutating func takeShape() -> (classes: Int, inputChannels: Int)? {
        guard case .integer(let classes)? = options.removeValue(forKey: Self.classesKey), (1...65535).contains(classes),
            case .integer(let channels)? = options.removeValue(forKey: Self.channelsKey), (1...16).contains(channels)
        else { return nil }
        return (classes, channels)
    }

    /// Reads the network from the weights' metadata; nil if they do not name one, as VM-UNet's may
    /// not.
    ///
    /// - Throws: ``MetadataError`` for options that cannot be read.
    public init?(_ values: [String: MetadataValue]) throws(MetadataError) {
        guard let name = values[Self.nameKey]?.text else { return nil }
        self.init(name)
        guard let text = values[Self.optionsKey]?.text else { return }
        guard text.utf8.count <= Self.longestText,
            let options = try? JSONDecoder().decode([String: OptionValue].self, from: Data(text.utf8))
        else {
            throw MetadataError(
                key: Self.optionsKey, problem: "says '\(text.prefix(40))' for \(Self.optionsKey), which makes no sense",
                remedy: "save the weights again by vmunet")
        }
        self.options = options
    }

    /// The values as they are written beside tensors; VM-UNet's is its name alone.
    public var metadata: [String: MetadataValue] {
        var values: [String: MetadataValue] = [Self.nameKey: .string(name)]
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        // Numbers that are not finite cannot be written; no reader of options lets one through.
        if !options.isEmpty, let text = try? encoder.encode(options) {
            values[Self.optionsKey] = .string(String(decoding: text, as: UTF8.self))
        }
        return values
    }
}

/// Weights of a network that the program does not compute.
public struct OtherNetwork: WeightsProblem {
    /// The kind that the weights name; nil if they name none and are not a VM-UNet's.
    public let name: String?
    /// None but the weights.
    public var subject: String { "" }
    /// The kind.
    public var problem: String {
        (name.map { "holds a network of the kind \($0)" } ?? "holds no VM-UNet") + ", and this program computes VM-UNet alone"
    }
    /// Names the program with libtorch.
    public var remedy: String {
        (name == nil ? "for another network that train knows (docs/networks.md), " : "")
            + "give the same command --libtorch, for which ./vmunet takes the program that also trains (vmunet-train)"
    }

    /// Weights of this kind.
    public init(name: String?) { self.name = name }
}
