import Segmentation

/// What an executable's commands compute with: set once, around everything that they do.
package struct Backend: Sendable {
    /// Builds networks from weights.
    package let networks: NetworkLoader
    /// Whether there is a GPU that it could use.
    package let isGPUPresent: @Sendable () -> Bool

    package init(networks: NetworkLoader, isGPUPresent: @escaping @Sendable () -> Bool) {
        self.networks = networks
        self.isGPUPresent = isGPUPresent
    }

    /// That of this executable.
    @TaskLocal package static var current = Backend(
        networks: NetworkLoader { _, _ in preconditionFailure("an executable sets its backend before it runs a command") },
        isGPUPresent: { false })
}
