import CKernels

/// Memory for the maps of one forward pass at a time.
public final class MapMemory: @unchecked Sendable {
    /// The number of bytes.
    public let bytes: Int
    private let start: UnsafeMutableRawPointer

    /// Memory of that many bytes, with undefined contents. Ends the program if there is none:
    /// whoever takes sizes from files asks first.
    public init(bytes: Int) {
        guard let start = vmk_allocate(Int64(max(bytes, 64))) else { preconditionFailure("no memory for the network's maps") }
        self.start = start
        self.bytes = bytes
    }

    deinit { vmk_free(start) }

    /// Lends its address, aligned to 64 bytes.
    func withAddress(_ body: (UnsafeMutableRawPointer) -> Void) { withExtendedLifetime(self) { body(start) } }
}

extension Plan {
    /// Like ``run(images:logits:memory:)-(_,_,UnsafeMutableRawPointer)``, in memory of at least
    /// ``memoryBytes`` bytes.
    public func run(images: UnsafePointer<Float>, logits: UnsafeMutablePointer<Float>, memory: MapMemory) {
        precondition(memory.bytes >= memoryBytes, "as much memory as the plan takes")
        memory.withAddress { run(images: images, logits: logits, memory: $0) }
    }
}
