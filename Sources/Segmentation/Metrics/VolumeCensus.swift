/// The number and place of each class's voxels in a prediction, a label, and both at once.
struct VolumeCensus: Sendable {
    struct Entry: Sendable {
        var predicted = 0
        var labelled = 0
        var both = 0
        var box: VoxelBox?

        mutating func include(_ other: VoxelBox) { box = box?.union(other) ?? other }
    }

    /// An entry for each label 0…255; a box encloses the voxels of both volumes.
    private(set) var entries = [Entry](repeating: Entry(), count: 256)

    /// Counts both volumes, which must have the same shape, on every core.
    init(prediction: LabelVolume, label: LabelVolume) {
        let shape = prediction.shape
        let parts = min(shape.depth, Parallel.workers)
        let counted = Parallel.map(parts) { part in
            var census = VolumeCensus()
            prediction.labels.withUnsafeBufferPointer { p in
                label.labels.withUnsafeBufferPointer { l in
                    for z in (part * shape.depth / parts)..<((part + 1) * shape.depth / parts) {
                        census.count(p.baseAddress!, l.baseAddress!, z: z, shape: shape)
                    }
                }
            }
            return census
        }
        for part in counted { merge(part) }
    }

    private init() {}

    /// Counts slice `z` by runs of equal pairs: medical label maps are mostly long runs.
    private mutating func count(_ p: UnsafePointer<UInt8>, _ l: UnsafePointer<UInt8>, z: Int, shape: VolumeShape) {
        entries.withUnsafeMutableBufferPointer { entries in
            for y in 0..<shape.height {
                let start = (z * shape.height + y) * shape.width
                let (p, l) = (p + start, l + start)
                var x = 0
                while x < shape.width {
                    let (a, b, first) = (p[x], l[x], x)
                    repeat { x += 1 } while x < shape.width && p[x] == a && l[x] == b
                    let run = VoxelBox(z: z...z, y: y...y, x: first...(x - 1))
                    entries[Int(a)].predicted += run.width
                    entries[Int(b)].labelled += run.width
                    entries[Int(a)].include(run)
                    if a == b { entries[Int(a)].both += run.width } else { entries[Int(b)].include(run) }
                }
            }
        }
    }

    private mutating func merge(_ other: VolumeCensus) {
        for i in entries.indices {
            entries[i].predicted += other.entries[i].predicted
            entries[i].labelled += other.entries[i].labelled
            entries[i].both += other.entries[i].both
            if let box = other.entries[i].box { entries[i].include(box) }
        }
    }
}
