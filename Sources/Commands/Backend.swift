import Segmentation

/// The engine of an executable's commands, set once.
package struct Backend: Sendable {
    /// Builds networks from weights.
    package let networks: NetworkLoader
    /// True if there is a GPU that it could use.
    package let isGPUPresent: @Sendable () -> Bool

    /// True if the networks are libtorch's.
    package let hasLibtorch: Bool

    package init(networks: NetworkLoader, hasLibtorch: Bool = false, isGPUPresent: @escaping @Sendable () -> Bool) {
        self.networks = networks
        self.hasLibtorch = hasLibtorch
        self.isGPUPresent = isGPUPresent
    }

    /// This executable's backend.
    @TaskLocal package static var current = Backend(
        networks: NetworkLoader { _, _ in preconditionFailure("an executable sets its backend before it runs a command") },
        isGPUPresent: { false })
}
