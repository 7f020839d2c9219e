import Segmentation
import TensorFiles

extension VolumeGeometry {
    /// One millimetre a voxel, each axis along the world axis of its letter in `order`, as `RAS`.
    public init(along order: VoxelOrder) {
        self.init(spacing: [1, 1, 1])
        matrixCode = 1
        for row in 0..<3 { matrix[row].replaceSubrange(0..<3, with: [0, 0, 0]) }
        for (axis, letter) in order.description.enumerated() {
            let world = ["RL", "AP", "SI"].firstIndex { $0.contains(letter) } ?? 0
            matrix[world][axis] = "RAS".contains(letter) ? 1 : -1
        }
    }
}
