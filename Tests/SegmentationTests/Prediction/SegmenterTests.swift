import Files
import Foundation
import Imaging
import Segmentation
import ShippedWeights
import Synchronization
import TensorFiles
import Testing

@Suite struct SegmenterTests {
    /// The shipped weights on small pictures, so that a pass takes milliseconds.
    private static let segmenter = Result {
        try Segmenter(weights: ShippedWeights.isic17, name: "isic17", imageSize: 64)
    }
    private let segmenter: Segmenter

    init() throws { segmenter = try Self.segmenter.get() }

    private func lesion(_ index: Int, size: Int = 96) -> Picture { LesionGenerator.sample(index: index, size: size, seed: 3).picture }

    // MARK: Weights

    @Test func shippedWeightsAreTheFile() throws {
        let file = URL(filePath: #filePath).appending(path: "../../../../Weights/isic17.safetensors").standardizedFileURL
        #expect(try Data(ShippedWeights.isic17) == Data(contentsOf: file))
    }

    @Test func shippedWeightsFindALesion() throws {
        let sample = LesionGenerator.sample(index: 1, size: 192, seed: 7)
        let found = try Segmenter.shipped().segment(sample.picture)
        let both = zip(found.mask.pixels, sample.mask.pixels).count { $0 == 255 && $1 == 255 }
        let either = zip(found.mask.pixels, sample.mask.pixels).count { $0 == 255 || $1 == 255 }
        #expect(Double(both) / Double(either) > 0.8)
        #expect(found.pixels == [found.mask.pixels.count { $0 == 0 }, found.mask.pixels.count { $0 == 255 }])
        #expect(found.share(of: 1) == Double(found.pixels[1]) / (192 * 192) && found.share(of: 2) == 0 && found.share(of: -1) == 0)
    }

    @Test func whatNoNetworkCanHaveIsThrown() {
        #expect(throws: BadWeights.self) { try Segmenter.shipped(threshold: 1.5) }
        #expect(throws: BadWeights.self) { try Segmenter.shipped(threshold: .nan) }
        #expect(throws: BadWeights.self) { try Segmenter(weights: ShippedWeights.isic17, name: "w", imageSize: 100) }
        #expect(throws: BadWeights.self) { try Segmenter(weights: ShippedWeights.isic17, name: "w", imageSize: -32) }
        #expect(throws: NoGPU.self) { try Segmenter.shipped(compute: Compute(device: .cuda)) }
        #expect(throws: FileError.self) { try Segmenter(weights: [], name: "nothing") }
        #expect(throws: FileError.self) { try Segmenter(weights: Array(ShippedWeights.isic17.prefix(1000)), name: "cut off") }
    }

    /// Published weights of other networks do not record their kind.
    @Test func weightsOfAnotherNetworkNameTheProgramForThem() throws {
        let foreign = StateDictionary([("encoder1.0.weight", HostTensor([1 as Float])), ("final.bias", HostTensor([1 as Float]))])
        let file = FileManager.default.temporaryDirectory.appending(path: "vmunet-\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: file) }
        try WeightsFile.write(foreign, to: file)
        let bytes = [UInt8](try Data(contentsOf: file))
        let error = try #require(throws: BadWeights.self) { try Segmenter(weights: bytes, name: "ultralight.pth") }
        #expect(error.description.contains("ultralight.pth: holds no VM-UNet") && error.remedy.contains("--libtorch"))
    }

    // MARK: Pictures from anywhere

    @Test func aPictureIsTheSameFromAnywhere() async throws {
        let picture = lesion(0)
        let expected = try segmenter.segment(picture)
        let png = try PictureFile.png(picture)
        let file = FileManager.default.temporaryDirectory.appending(path: "vmunet-\(UUID().uuidString).png")
        defer { try? FileManager.default.removeItem(at: file) }
        try PictureFile.write(picture, to: file)
        #expect(try await segmenter.segment(.file(file)) == expected)
        #expect(try await segmenter.segment(.data(Data(png))) == expected)
        #expect(try await segmenter.segment(.picture(picture)) == expected)
        for layout in PixelLayout.allCases where layout != .grey {
            let stride = 96 * layout.bytesPerPixel + 13
            let bytes = try picture.bytes(as: layout, rowStride: stride)
            let found = try await segmenter.segment(.pixels(bytes, width: 96, height: 96, layout: layout, rowStride: stride))
            #expect(found == expected, "\(layout)")
        }
        let grey = try picture.bytes(as: .grey)
        #expect(try await segmenter.segment(.pixels(grey, width: 96, height: 96, layout: .grey)) == segmenter.segment(picture.grey))
    }

    @Test func aJPEGInMemoryIsReadAsFromTheDisk() throws {
        let file = URL(filePath: #filePath).appending(path: "../../../ImagingTests/Fixtures/baseline.jpg").standardizedFileURL
        let found = try segmenter.segment(.data(Data(contentsOf: file)))
        #expect(try found == segmenter.segment(.file(file)))
        let size = try PictureFile.size(of: file)
        #expect(found.mask.width == size.width && found.mask.height == size.height)
    }

    @Test func whatIsNoPictureIsThrown() {
        let bytes = [UInt8](repeating: 7, count: 48)
        for input: PictureInput in [
            .pixels(bytes, width: 4, height: 5, layout: .rgb), .pixels(bytes, width: 0, height: 4, layout: .rgb),
            .pixels(bytes, width: -4, height: -4, layout: .rgb), .pixels(bytes, width: .max, height: .max, layout: .bgra),
            .pixels(bytes, width: 4, height: 4, layout: .rgb, rowStride: 11),
            .pixels(bytes, width: 4, height: 4, layout: .rgb, rowStride: .max),
            .pixels([], width: 1, height: 1, layout: .grey), .data(Data()), .data(Data(bytes)), .file(URL(filePath: "/nowhere.png")),
        ] {
            #expect(throws: PictureError.self, "\(input)") { try segmenter.segment(input) }
        }
    }

    @Test func onePixelIsAPicture() throws {
        let found = try segmenter.segment(.pixels([9], width: 1, height: 1, layout: .grey))
        #expect(found.mask.pixels.count == 1 && found.pixels.reduce(0, +) == 1)
    }

    // MARK: Many

    @Test func manyTasksGetWhatOneGets() async throws {
        let segmenter = segmenter, pictures = (0..<6).map { lesion($0) }
        let expected = try pictures.map { try segmenter.segment($0) }
        try await withThrowingTaskGroup(of: (Int, Segmenter.Result).self) { group in
            for i in 0..<60 {
                group.addTask { (i, try await segmenter.segment(.picture(pictures[i % 6]))) }
            }
            for try await (i, found) in group { #expect(found == expected[i % 6]) }
        }
    }

    @Test func manyThreadsGetWhatOneGets() throws {
        let segmenter = segmenter, pictures = (0..<6).map { lesion($0) }, found = Told<Int>()
        let expected = try pictures.map { try segmenter.segment($0) }
        DispatchQueue.concurrentPerform(iterations: 24) { i in
            if (try? segmenter.segment(pictures[i % 6])) == expected[i % 6] { found.add(i) }
        }
        #expect(found.all.sorted() == Array(0..<24))
    }

    @Test(arguments: [1, 2, 8]) func resultsComeInOrderWithTheirErrors(batchSize: Int) async throws {
        let pictures = (0..<5).map { lesion($0, size: 64 + 16 * $0) }
        var inputs = pictures.map { PictureInput.picture($0) }
        inputs.insert(.data(Data([1, 2, 3])), at: 2)
        inputs.append(.file(URL(filePath: "/nowhere.png")))
        var indices: [Int] = [], errors: [Int] = []
        let progress = Told<[Int]>()
        for try await (index, result) in segmenter.results(of: inputs, batchSize: batchSize, progress: { progress.add([$0, $1]) }) {
            indices.append(index)
            switch result {
            case .success(let found):
                let alone = try await segmenter.segment(inputs[index])
                #expect((found.mask.width, found.mask.height) == (alone.mask.width, alone.mask.height))
                #expect(found.mask == alone.mask, "picture \(index)")
            case .failure(let error):
                #expect(error is PictureError)
                errors.append(index)
            }
        }
        #expect(indices == Array(inputs.indices) && errors == [2, 6])
        // Each picture is reported once, failed ones too.
        #expect(progress.all.map { $0[0] }.sorted() == Array(1...inputs.count) && progress.all.allSatisfy { $0[1] == inputs.count })
        var none = segmenter.results(of: []).makeAsyncIterator()
        #expect(try await none.next() == nil)
        var allBad = segmenter.results(of: [.data(Data())], batchSize: -3).makeAsyncIterator()
        let bad = try await allBad.next()
        #expect(throws: PictureError.self) { try bad?.result.get() }
    }

    // MARK: Cancellation

    @Test func aCancelledTaskEndsWithCancellation() async throws {
        let segmenter = segmenter, picture = lesion(0)
        let tasks = (0..<40).map { _ in Task { try await segmenter.segment(.picture(picture)) } }
        for task in tasks.dropFirst(8) { task.cancel() }
        var cancelled = 0
        for task in tasks.dropFirst(8) {
            do { _ = try await task.value } catch is CancellationError { cancelled += 1 }
        }
        for task in tasks.prefix(8) { _ = try await task.value }
        // Pictures already in the network may finish.
        #expect(cancelled > 0)
        // Every turn was returned, so later calls get theirs.
        for _ in 0..<4 { _ = try await segmenter.segment(.picture(picture)) }
    }

    @Test func aTaskThatIsCancelledBeforehandDoesNothing() async {
        let network = CountingNetwork()
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            let loader = NetworkLoader { _, _ in network }
            let segmenter = try Segmenter(weights: ShippedWeights.isic17, name: "w", imageSize: 32, networks: loader)
            return try await segmenter.segment(.pixels([1], width: 1, height: 1, layout: .grey))
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(network.calls.all.isEmpty)
    }

    @Test func volumesTellTheirProgressAndCanBeCancelled() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "vmunet-\(UUID().uuidString).nii.gz")
        defer { try? FileManager.default.removeItem(at: file) }
        let shape = VolumeShape(depth: 10, height: 24, width: 20)
        let source = try LabelVolume(shape: shape, labels: (0..<shape.count).map { UInt8($0 % 251) })
        try source.write(to: file, geometry: VoxelSpacing(depth: 3, height: 0.5, width: 2).geometry)
        let volumes = VolumeSegmenter(segmenter, batchSize: 4)
        let told = Told<[Int]>()
        let found = try await volumes.segment(file) { told.add([$0, $1]) }
        #expect(told.all == [[4, 10], [8, 10], [10, 10]])
        let blocking: () throws -> VolumeSegmenter.Result = { try volumes.segment(file) }
        #expect(try found.labels == blocking().labels && found.labels.shape == shape)
        #expect(found.spacing == VoxelSpacing(depth: 3, height: 0.5, width: 2))
        #expect(found.milliliters(of: 1) == Double(found.voxels(of: 1)) * 3 / 1000)
        #expect(found.voxels(of: 0) + found.voxels(of: 1) == shape.count)

        let seen = Told<Int>()
        let stopped = Task {
            try await volumes.segment(file) { done, _ in
                seen.add(done)
                Thread.sleep(forTimeInterval: 0.05)
            }
        }
        while seen.all.isEmpty { await Task.yield() }
        stopped.cancel()
        await #expect(throws: CancellationError.self) { try await stopped.value }
        #expect(!seen.all.contains(10))
        await #expect(throws: DataError.self) { try await volumes.segment(URL(filePath: "/nowhere.nii")) }
    }

    // MARK: Other networks

    @Test func aNetworkThatGivesTooFewLogitsIsAnError() throws {
        let loader = NetworkLoader { _, _ in CountingNetwork() }
        let segmenter = try Segmenter(weights: ShippedWeights.isic17, name: "w", imageSize: 32, networks: loader)
        #expect(throws: VolumeError.self) { try segmenter.segment(.pixels([1, 2], width: 2, height: 1, layout: .grey)) }
    }

    @Test func imagesThatDoNotFitTheNetworkAreAnError() throws {
        for (batch, height, width) in [(1, 32, 32), (-1, -64, 32), (1, 0, 0), (.max, 64, 64), (0, 64, 64), (1, 33, 64)] {
            #expect(throws: (any Error).self) {
                try segmenter.network.logits([Float](repeating: 0, count: 3 * 64 * 64), batch: batch, height: height, width: width)
            }
        }
    }
}

/// Collects reports from any thread.
private final class Told<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])

    var all: [Value] { values.withLock { $0 } }

    func add(_ value: Value) { values.withLock { $0.append(value) } }
}

/// Counts its calls and answers nothing.
private final class CountingNetwork: InferenceNetwork {
    let classes = 1, inputChannels = 3, sizeMultiple = 32
    let calls = Told<Int>()

    func logits(_ images: [Float], batch: Int, height: Int, width: Int) throws -> [Float] {
        calls.add(batch)
        return []
    }
}
