/// The connected parts of some voxels: each with its number of voxels.
///
/// Two voxels are connected if they touch: by a side, an edge or a corner (8 neighbours in a
/// plane, 26 in a volume), or by sides alone (4 and 6).
struct Components: Sendable {
    /// Which voxels count as neighbours.
    enum Touch { case sides, corners }

    /// Each voxel's part, from 1 on; 0 for voxels that belong to none.
    let parts: [Int32]
    /// Each part's voxels; the first number is for no part.
    let sizes: [Int]

    /// The parts of the voxels (slices, rows, columns) that `isInside`.
    init(_ isInside: [Bool], shape: VolumeShape, touch: Touch) {
        let (D, H, W) = (shape.depth, shape.height, shape.width)
        var parts = [Int32](repeating: 0, count: isInside.count)
        // A forest over provisional numbers: each points to a smaller one of the same part.
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

    /// The neighbours that come before a voxel in memory: slices back, rows and columns on.
    private static func steps(_ touch: Touch) -> [(z: Int, y: Int, x: Int)] {
        guard touch == .corners else { return [(0, 0, -1), (0, -1, 0), (1, 0, 0)] }
        let slice = (-1...1).flatMap { y in (-1...1).map { x in (z: 1, y: y, x: x) } }
        return [(0, 0, -1), (0, -1, -1), (0, -1, 0), (0, -1, 1)] + slice
    }
}
