import CBrowser
import Kernels
import Segmentation

/// A plan with the memory that its passes take.
final class ForwardPass {
    let plan: Plan
    private let memory: UnsafeMutableRawPointer

    /// Nil if there is not as much memory.
    init?(_ plan: Plan) {
        guard let memory = vmunet_allocate(Int32(truncatingIfNeeded: max(64, plan.memoryBytes))) else { return nil }
        (self.plan, self.memory) = (plan, memory)
    }

    deinit { vmunet_release(memory) }

    /// Logits of one image, as planes: the plan's channels.
    func callAsFunction(_ planes: [Float]) -> Logits {
        precondition(planes.count == plan.imageCount, "an image has as many planes as the plan")
        let values = [Float](unsafeUninitializedCapacity: plan.logitCount) { logits, count in
            planes.withUnsafeBufferPointer { plan.run(images: $0.baseAddress!, logits: logits.baseAddress!, memory: memory) }
            count = plan.logitCount
        }
        return Logits(values, batch: 1, classes: plan.classes, height: plan.height, width: plan.width)
    }
}
