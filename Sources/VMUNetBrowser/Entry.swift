// The functions for the page's worker (Page/worker/network.js). Pointers are addresses in the
// module's memory, which the caller allocates with `vmunet_allocate`. Results stay in place until
// `vmunet_drop_result` or the next call.

import CBrowser
import Imaging
import Kernels
import Segmentation
import VMUNet

/// The one network of this module, its plan and the memory of a forward pass. The page calls from
/// one thread.
nonisolated(unsafe) private var network: KernelsNetwork?
nonisolated(unsafe) private var plan: Plan?
nonisolated(unsafe) private var pass: ForwardPass?
nonisolated(unsafe) private var volume: OpenVolume?
/// The problem with the weights, in UTF-8.
nonisolated(unsafe) private var message: [UInt8] = []
nonisolated(unsafe) private var configurationWords: [Int32] = []

// MARK: Weights

/// Makes the network of `count` tensors, described by a table sorted by key
/// (Page/worker/tensors.js); 0 if they fit none.
@_expose(wasm, "vmunet_open")
@_cdecl("vmunet_open")
public func vmunet_open(_ table: UnsafeRawPointer, _ count: Int32) -> Int32 {
    let tensors = TensorTable(table, count: Int(count))
    do throws(ConfigurationError) {
        let configuration = try VMUNetConfiguration(readFrom: { tensors[$0]?.shape })
        return make(configuration, tensors)
    } catch {
        message = Array(error.description.utf8)
        return 0
    }
}

private func make(_ configuration: VMUNetConfiguration, _ tensors: TensorTable) -> Int32 {
    do throws(WeightsMismatch) {
        network = try KernelsNetwork(configuration, KernelWeights { tensors[$0]?.stored })
    } catch {
        message = Array(error.description.utf8)
        return 0
    }
    let c = configuration
    configurationWords = ([c.classes, c.inputChannels] + c.dims + [c.stateSize]).map { Int32(truncatingIfNeeded: $0) }
    return 1
}

/// Frees the network.
@_expose(wasm, "vmunet_close")
@_cdecl("vmunet_close")
public func vmunet_close() {
    (network, plan, pass, volume) = (nil, nil, nil, nil)
}

/// The last error as UTF-8.
@_expose(wasm, "vmunet_message")
@_cdecl("vmunet_message")
public func vmunet_message() -> UnsafeRawPointer? { result.keep(message) }

/// The bytes of the last error.
@_expose(wasm, "vmunet_message_count")
@_cdecl("vmunet_message_count")
public func vmunet_message_count() -> Int32 { Int32(message.count) }

/// Classes, input channels, four dims, states.
@_expose(wasm, "vmunet_configuration")
@_cdecl("vmunet_configuration")
public func vmunet_configuration() -> UnsafeRawPointer? { result.keep(configurationWords) }

// MARK: Forward pass

/// Plans passes of one image of `channels` planes of `size` × `size`. Answers the bytes of memory
/// that they take, or -1.
@_expose(wasm, "vmunet_plan")
@_cdecl("vmunet_plan")
public func vmunet_plan(_ channels: Int32, _ size: Int32) -> Double {
    pass = nil
    plan = network?.plan(batch: 1, channels: Int(channels), height: Int(size), width: Int(size))
    guard let plan else {
        message = Array("a network of \(channels) channels and pictures of \(size) pixels do not fit".utf8)
        return -1
    }
    return Double(plan.memoryBytes) + 4 * Double(plan.imageCount + plan.logitCount)
}

/// Takes the planned memory; 0 if there is not as much.
@_expose(wasm, "vmunet_reserve")
@_cdecl("vmunet_reserve")
public func vmunet_reserve() -> Int32 {
    pass = pass ?? plan.flatMap { ForwardPass($0) }
    return pass == nil ? 0 : 1
}

/// Runs the network on nothing. Answers how many calls of the kernels that takes, 0 if the answer
/// is not finite.
@_expose(wasm, "vmunet_try")
@_cdecl("vmunet_try")
public func vmunet_try() -> Int32 {
    guard let pass else { return 0 }
    let logits = pass([Float](repeating: 0, count: pass.plan.imageCount))
    return logits.isFinite ? max(1, vmunet_progress()) : 0
}

/// Probabilities [classes or 1, size, size] of a picture, whose greatest value becomes `scale`;
/// NULL if they are not finite.
@_expose(wasm, "vmunet_segment")
@_cdecl("vmunet_segment")
public func vmunet_segment(
    _ pixels: UnsafePointer<UInt8>, _ width: Int32, _ height: Int32, _ channels: Int32, _ scale: Float
) -> UnsafeRawPointer? {
    guard let pass else { return nil }
    let picture = makePicture(pixels, width, height, channels)
    var planes = Preprocessing.stretched(picture, height: pass.plan.height, width: pass.plan.width)
    if scale != 255 { for i in planes.indices { planes[i] *= scale / 255 } }
    let logits = pass(planes)
    guard logits.isFinite else { return nil }
    return result.keep(logits.classes == 1 ? logits.foreground(0) : logits.probabilities(0))
}

// MARK: Masks

/// Labels, width × height, of probabilities [classes, size, size].
@_expose(wasm, "vmunet_labels")
@_cdecl("vmunet_labels")
public func vmunet_labels(
    _ probabilities: UnsafePointer<Float>, _ size: Int32, _ classes: Int32, _ width: Int32, _ height: Int32, _ threshold: Float
) -> UnsafeRawPointer? {
    let (size, classes) = (Int(size), Int(classes))
    let values = Array(UnsafeBufferPointer(start: probabilities, count: classes * size * size))
    let to = (height: Int(height), width: Int(width))
    return result.keep(
        classes == 1
            ? Masks.foreground(values, from: (size, size), to: to, threshold: threshold)
            : Masks.labels(values, classes: classes, from: (size, size), to: to))
}

/// The picture with labels filled and outlined, RGB.
@_expose(wasm, "vmunet_overlay")
@_cdecl("vmunet_overlay")
public func vmunet_overlay(
    _ pixels: UnsafePointer<UInt8>, _ width: Int32, _ height: Int32, _ channels: Int32, _ labels: UnsafePointer<UInt8>, _ opacity: Double
) -> UnsafeRawPointer? {
    let mask = makePicture(labels, width, height, 1)
    return result.keep(Overlay.drawn(mask, on: makePicture(pixels, width, height, channels), opacity: opacity).pixels)
}

private func makePicture(_ pixels: UnsafePointer<UInt8>, _ width: Int32, _ height: Int32, _ channels: Int32) -> Picture {
    let count = Int(width) * Int(height) * Int(channels)
    return Picture(
        width: Int(width), height: Int(height), channels: Int(channels), pixels: Array(UnsafeBufferPointer(start: pixels, count: count)))
}

// MARK: Volumes

/// Opens a volume of intensities; `window` is 0 for none, 1 for low…high, 2 for its range, 3 for
/// percentiles.
@_expose(wasm, "vmunet_open_volume")
@_cdecl("vmunet_open_volume")
public func vmunet_open_volume(
    _ values: UnsafePointer<Float>, _ width: Int32, _ height: Int32, _ depth: Int32, _ window: Int32, _ low: Double, _ high: Double,
    _ scale: Float
) {
    guard let pass else { return }
    let chosen: IntensityWindow =
        switch window {
        case 1: .fixed(low: low, high: high)
        case 2: .range
        case 3: .percentiles
        default: .none
        }
    let intensities = UnsafeBufferPointer(start: values, count: Int(width) * Int(height) * Int(depth))
    volume = OpenVolume(
        Array(intensities), slice: PlaneSize(height: Int(height), width: Int(width)), window: chosen, scale: scale,
        network: PlaneSize(height: pass.plan.height, width: pass.plan.width))
}

/// The intensities that the window maps to 0 and to 1, float32.
@_expose(wasm, "vmunet_volume_range")
@_cdecl("vmunet_volume_range")
public func vmunet_volume_range() -> UnsafeRawPointer? { result.keep(volume.map { [$0.range.low, $0.range.high] } ?? [0, 0]) }

/// Voxels of a slice.
@_expose(wasm, "vmunet_slice_count")
@_cdecl("vmunet_slice_count")
public func vmunet_slice_count() -> Int32 { Int32(volume?.slice.count ?? 0) }

/// Labels of a slice, at its own size; NULL if the network's answer is not finite.
@_expose(wasm, "vmunet_segment_slice")
@_cdecl("vmunet_segment_slice")
public func vmunet_segment_slice(_ z: Int32, _ threshold: Float) -> UnsafeRawPointer? {
    guard let pass, let volume else { return nil }
    let logits = pass(volume.plane(Int(z)))
    guard logits.isFinite else { return nil }
    return result.keep(volume.resizer.restore(logits.answer(0).labels(threshold: threshold)))
}

/// Frees the volume.
@_expose(wasm, "vmunet_close_volume")
@_cdecl("vmunet_close_volume")
public func vmunet_close_volume() { volume = nil }

// MARK: Answers

/// The last answer, kept until the page has copied it.
nonisolated(unsafe) private var result = Answered()

private struct Answered {
    private var memory: UnsafeMutableRawPointer?

    mutating func keep<Value>(_ values: [Value]) -> UnsafeRawPointer? {
        drop()
        let bytes = values.count * MemoryLayout<Value>.stride
        guard let memory = vmunet_allocate(Int32(truncatingIfNeeded: max(1, bytes))) else { return nil }
        values.withUnsafeBytes { if bytes > 0 { memory.copyMemory(from: $0.baseAddress!, byteCount: bytes) } }
        self.memory = memory
        return UnsafeRawPointer(memory)
    }

    mutating func drop() {
        if let memory { vmunet_release(memory) }
        memory = nil
    }
}

/// Frees the last result.
@_expose(wasm, "vmunet_drop_result")
@_cdecl("vmunet_drop_result")
public func vmunet_drop_result() { result.drop() }
