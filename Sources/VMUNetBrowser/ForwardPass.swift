import CBrowser
import Kernels
import Segmentation

/// A plan with the memory that its passes take.
final class ForwardPass {
    let plan: Plan
    private var memory: UnsafeMutableRawPointer?

    init(_ plan: Plan) { self.plan = plan }

    deinit { if let memory { vmunet_release(memory) } }

    /// Whether there is as much memory.
    func reserve() -> Bool {
        memory = memory ?? vmunet_allocate(Int32(truncatingIfNeeded: max(64, plan.memoryBytes)))
        return memory != nil
    }

    /// Logits of one image, as planes: the plan's channels.
    func callAsFunction(_ planes: [Float]) -> Logits {
        guard let memory else { fatalError("no memory was reserved") }
        precondition(planes.count == plan.imageCount, "an image has as many planes as the plan")
        let values = [Float](unsafeUninitializedCapacity: plan.logitCount) { logits, count in
            planes.withUnsafeBufferPointer { plan.run(images: $0.baseAddress!, logits: logits.baseAddress!, memory: memory) }
            count = plan.logitCount
        }
        return Logits(values, batch: 1, classes: plan.classes, height: plan.height, width: plan.width)
    }
}
