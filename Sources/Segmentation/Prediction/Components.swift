/// The connected components of a set of voxels, and their sizes.
///
/// Two voxels are connected if they touch, either by a side, an edge or a corner (8 neighbours in a
/// plane, 26 in a volume) or by a side only (4 and 6).
struct Components: Sendable {
    /// The kind of contact that makes two voxels neighbours.
    enum Touch { case sides, corners }

    /// Each voxel's component, from 1 on; 0 for voxels outside the set.
    let parts: [Int32]
    /// Each component's number of voxels. The first entry stands for voxels outside and is 0.
    let sizes: [Int]

    /// The components of the voxels with `isInside`, given as (slices, rows, columns).
    init(_ isInside: [Bool], shape: VolumeShape, touch: Touch) {
        let (D, H, W) = (shape.depth, shape.height, shape.width)
        var parts = [Int32](repeating: 0, count: isInside.count)
        // A union-find forest over provisional numbers: each points to a smaller one of the same
        // component.
        var parent: [Int32] = [0]
        func root(_ number: Int32) -> Int32 {
            var number = number
            while parent[Int(number)] != number {
                parent[Int(number)] = parent[Int(parent[Int(number)])]
                number = parent[Int(number)]
            }
            return number
        }
        let steps = Self.steps(touch)
        var voxel = 0
        for z in 0..<D {
            for y in 0..<H {
                for x in 0..<W {
                    defer { voxel += 1 }
                    guard isInside[voxel] else { continue }
                    var own: Int32 = 0
                    for step in steps where z >= step.z && y + step.y >= 0 && y + step.y < H && x + step.x >= 0 && x + step.x < W {
                        let near = parts[voxel - step.z * H * W + step.y * W + step.x]
                        guard near > 0 else { continue }
                        let other = root(near)
                        if own == 0 || own == other {
                            own = other
                        } else {
                            parent[Int(max(own, other))] = min(own, other)
                            own = min(own, other)
                        }
                    }
                    if own == 0 {
                        own = Int32(parent.count)
                        parent.append(own)
                    }
                    parts[voxel] = own
                }
            }
        }
        var numbers = [Int32](repeating: 0, count: parent.count)
        var sizes = [0]
        for number in parent.indices.dropFirst() where parent[number] == Int32(number) {
            numbers[number] = Int32(sizes.count)
            sizes.append(0)
        }
        for i in parts.indices where parts[i] > 0 {
            let part = numbers[Int(root(parts[i]))]
            parts[i] = part
            sizes[Int(part)] += 1
        }
        (self.parts, self.sizes) = (parts, sizes)
    }

    /// Offsets of the neighbours that precede a voxel in memory: `z` counts slices back, `y` and
    /// `x` rows and columns forward.
    private static func steps(_ touch: Touch) -> [(z: Int, y: Int, x: Int)] {
        guard touch == .corners else { return [(0, 0, -1), (0, -1, 0), (1, 0, 0)] }
        let slice = (-1...1).flatMap { y in (-1...1).map { x in (z: 1, y: y, x: x) } }
        return [(0, 0, -1), (0, -1, -1), (0, -1, 0), (0, -1, 1)] + slice
    }
}
