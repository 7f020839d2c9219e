import Campaign
import Foundation

/// A series of structured mutations. Input number i is a function of the seed and i.
struct Run {
    let seed: UInt64
    private var lanes: [Lane] = []

    private struct Lane {
        let reader: any Reader
        let mutation: Mutation
        var inputs = 0
        var taken = 0
        var seconds = 0.0
        var slowest = (seconds: 0.0, index: UInt64(0))
    }

    init(seed: UInt64) {
        self.seed = seed
        for reader in readers {
            let seeds = reader.seeds(under: Mutate.seedFolders, largest: 1 << 13)
            if !seeds.isEmpty { lanes.append(Lane(reader: reader, mutation: Mutation(pool: seeds))) }
        }
        guard !lanes.isEmpty else { fatalError("no seeds: set VMUNET_SEEDS to the folders of fixtures") }
    }

    private func input(_ index: UInt64) -> (lane: Int, bytes: [UInt8]) {
        var random = Random(seed: seed, index: index)
        let lane = Int(index % UInt64(lanes.count))
        let mutation = lanes[lane].mutation
        let start = mutation.pool[Int(random.next() % UInt64(mutation.pool.count))]
        return (lane, mutation.apply(to: start, in: lanes[lane].reader.envelope, &random))
    }

    mutating func run(count: UInt64, from first: UInt64) throws {
        let scratch = Scratch()
        // The current input's number survives a crash in a page shared with a file.
        let place = try Place(seed: seed)
        var start = processorSeconds()
        for index in first..<(first + count) {
            place.index = index
            let (lane, bytes) = input(index)
            lanes[lane].inputs += 1
            if lanes[lane].reader.take(bytes, scratch) { lanes[lane].taken += 1 }
            let now = processorSeconds()
            lanes[lane].seconds += now - start
            if now - start > lanes[lane].slowest.seconds { lanes[lane].slowest = (now - start, index) }
            start = now
        }
        for lane in lanes {
            print(
                "\(lane.reader.name): \(lane.inputs) inputs, \(lane.taken) read, the others refused; \(Int(lane.seconds * 1000)) ms, "
                    + "slowest \(Int(lane.slowest.seconds * 1000)) ms (index \(lane.slowest.index))")
        }
        print("inputs \(first) to \(first + count - 1), seed \(seed), most memory \(peakMemory() >> 20) MB")
        guard lanes.allSatisfy({ $0.slowest.seconds < 10 }) else { fatalError("an input took ten seconds or more") }
    }

    func replay(_ index: UInt64) throws {
        let (lane, bytes) = input(index)
        let scratch = Scratch()
        let file = URL(filePath: "input-\(seed)-\(index).\(lanes[lane].reader.ending)")
        try Data(lanes[lane].reader.file(of: bytes)).write(to: file)
        print("\(lanes[lane].reader.name): \(bytes.count) bytes, written to \(file.relativePath)")
        print(lanes[lane].reader.take(bytes, scratch) ? "read" : "refused")
    }

    func files(count: UInt64, from first: UInt64, in folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for index in first..<(first + count) {
            let (lane, bytes) = input(index)
            let reader = lanes[lane].reader
            try Data(reader.file(of: bytes)).write(to: folder.appending(path: "\(index)-\(reader.name).\(reader.ending)"))
        }
    }
}

/// A number in a file, as fast to write as memory.
final class Place {
    private let page: UnsafeMutableRawPointer

    init(seed: UInt64) throws {
        let file = URL(filePath: NSTemporaryDirectory()).appending(path: "vmunet-campaign-place-\(seed)")
        let descriptor = open(file.path, O_RDWR | O_CREAT, 0o600)
        guard descriptor >= 0, ftruncate(descriptor, 4096) == 0,
            let page = mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), page != MAP_FAILED
        else { throw CocoaError(.fileWriteUnknown) }
        close(descriptor)
        self.page = page
    }

    var index: UInt64 {
        get { page.load(as: UInt64.self) }
        set { page.storeBytes(of: newValue, as: UInt64.self) }
    }
}

private func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

private func peakMemory() -> Int {
    var usage = rusage()
    getrusage(0, &usage)  // RUSAGE_SELF, an enumeration on Linux
    return usage.ru_maxrss << 10
}
