import TensorFiles
import VMUNet

extension VMUNetConfiguration {
    /// The architecture defined by a checkpoint's keys and shapes; drop path has its default.
    ///
    /// Throws ``/VMUNet/ConfigurationError`` if a key that decides it is missing or has an
    /// impossible shape.
    public init(readFrom weights: StateDictionary) throws(ConfigurationError) {
        do {
            try self.init(readFrom: { weights[$0]?.shape })
        } catch {
            guard error.got == Self.noSuchKey else { throw error }
            let first = weights.keys.first.map { "\(weights.count) others, the first \($0.prefix(80))" }
            throw ConfigurationError(what: error.what, expected: error.expected, got: first ?? "no tensors at all")
        }
    }
}
