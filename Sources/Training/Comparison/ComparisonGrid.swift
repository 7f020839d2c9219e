import Networks
import Runs
import Segmentation
import VMUNet

/// The networks of a comparison (Tables I and II): each is trained with every seed, and everything
/// else is the same.
public struct ComparisonGrid: Sendable {
    /// A run for each network and seed.
    public let grid: AblationGrid
    /// The networks' labels, in the tables' order.
    public let networks: [String]
    /// The seeds.
    public let seeds: [UInt64]

    /// Names of networks: kinds, and VM-UNet's presets after a hyphen, such as `vmunet-small`.
    public static var names: [String] {
        NetworkKind.all.flatMap { kind in
            [kind.name]
                + (kind.name == NetworkSettings.vmunet ? VMUNetConfiguration.Preset.allCases.map { "\(kind.name)-\($0.rawValue)" } : [])
        }
    }

    /// Runs of these networks over a base. A network of the base's own kind keeps the base's
    /// settings of it; others have their defaults. `epochs` may give networks their own number,
    /// over which a cosine schedule then falls.
    ///
    /// - Throws: ``/Runs/RunConfigurationError`` for an unknown network,
    ///   ``/Runs/ConfigurationFileError`` if the base does not allow a network or two runs would
    ///   be the same.
    public init(_ base: RunConfiguration, networks: [String], seeds: [UInt64], epochs: [String: Int] = [:]) throws {
        (self.networks, self.seeds) = (networks, seeds)
        let variants = try networks.map { name in
            guard Self.names.contains(name) else {
                throw RunConfigurationError(
                    problems: [.init("network.name", expected: "one of \(Self.names.joined(separator: ", "))", got: name)])
            }
            var settings: [AblationGrid.Setting] = []
            let preset = VMUNetConfiguration.Preset.allCases.first { name == "\(NetworkSettings.vmunet)-\($0.rawValue)" }
            let kind = preset == nil ? name : NetworkSettings.vmunet
            if preset != nil || kind != base.network.name { settings.append(.init("network.name", kind)) }
            if let preset { settings.append(.init("network.preset", preset.rawValue)) }
            if let count = epochs[name] {
                settings.append(.init("epochs", "\(count)"))
                if case .cosineAnnealing = base.schedule { settings.append(.init("schedule.t_max", "\(count)")) }
            }
            return AblationGrid.Variant(name, settings)
        }
        grid = try AblationGrid(
            title: "Networks compared on \(base.data.dataset.rawValue)", base: base,
            axes: [.init("network", variants), .init("seed", seeds.map { .init("\($0)", [.init("seed", "\($0)")]) })], path: "compare")
    }

    /// The runs of a network, by seed.
    func cells(of network: String) -> [AblationGrid.Cell] { grid.cells.filter { $0.labels[0] == network } }
}
