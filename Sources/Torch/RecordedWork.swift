import CTorch

/// Work of fixed shape that is repeated many times. On a GPU the first calls run it normally, the
/// next records its launches as a CUDA graph, and from then on a call is a single launch. On other
/// devices every call runs it normally.
///
/// A replay repeats the recorded launches with their recorded addresses and runs none of the code
/// around them. So the work must be the same every time, apart from the values in tensors:
/// - It takes nothing from the host and reads nothing back: no `item`, no `floats()`, no tensors
///   made of values, no seeds. Doing so is an error on every device.
/// - The tensors that it reads and changes keep their memory: set inputs with
///   ``Tensor/assign(_:)``, and zero gradients in place (`Optimizer.zeroGradients()`). Weights
///   that inference keeps in another element type (`PreparedWeights` in CTorch) are those of the
///   recording.
/// - The operators that it calls, and their shapes, depend on nothing that changes.
/// - It leaves no autograd graph behind. One that outlived a call would tie the recording's stream
///   to the stream that it was made in.
///
/// Every call draws new random numbers, the same as without recording: libtorch gives a replay its
/// generator's seed and offset, and advances the offset by the numbers that the work draws.
///
/// Calls must not overlap, neither with each other nor with readers of the last call's results.
package final class RecordedWork {
    /// Calls that run normally before one records: they compile kernels, allocate workspaces and
    /// prepare weights, and a few libraries tune themselves at their first uses.
    package static let warmUps = 3

    private let work: () throws -> [Tensor]
    /// Held until the next call, so that their memory is not reused while they are read. Declared
    /// before the graph, so that its memory is free when it goes.
    private var results: [Tensor] = []
    /// Nil if the device cannot record.
    private let graph: Graph?
    private var calls = 0
    private var isRecorded = false

    /// Throws ``TorchError`` if the device is a GPU that this libtorch cannot record on.
    package init(on device: Device, _ work: @escaping () throws -> [Tensor]) throws {
        self.work = work
        graph = device.isCPU ? nil : try Graph(on: device)
    }

    /// Runs the work once. The results are the same tensors every time; the next call overwrites
    /// their values.
    ///
    /// Throws the errors of the work, and ``TorchError``.
    package func callAsFunction() throws -> [Tensor] {
        guard !hasPendingError else {
            throw TorchError(operation: "recorded work", reason: "skipped after an earlier error", isOutOfMemory: false)
        }
        guard !Recording.isUnderWay else {
            throw TorchError(operation: "recorded work", reason: "recorded work cannot contain other recorded work", isOutOfMemory: false)
        }
        guard let graph else { return try keep(run()) }
        if !isRecorded {
            guard calls >= Self.warmUps else {
                results = try graph.warmUp(run)
                calls += 1
                return results
            }
            results = try graph.record(run)
            isRecorded = true
        }
        try graph.replay()
        return results
    }

    private func run() throws -> [Tensor] {
        try Recording.$isUnderWay.withValue(true) { try withTorchErrors { try work() } }
    }

    /// Copies new results into the first call's tensors, as a graph would. Code that relies on old
    /// values then fails on any machine.
    private func keep(_ new: [Tensor]) throws -> [Tensor] {
        guard calls > 0 else {
            (calls, results) = (1, new)
            return new
        }
        guard new.map(\.shape) == results.map(\.shape) else {
            throw TorchError(
                operation: "recorded work", reason: "expected results of shapes \(results.map(\.shape)), got \(new.map(\.shape))",
                isOutOfMemory: false)
        }
        try withTorchErrors {
            for (result, value) in zip(results, new) { result.assign(value) }
        }
        return results
    }
}

/// True if the current work is, or might be, recorded.
enum Recording {
    @TaskLocal static var isUnderWay = false

    /// Reports an error and returns false if a replay would miss what the host does now.
    static func permits(_ operation: @autoclosure () -> String) -> Bool {
        guard isUnderWay else { return true }
        report(
            TorchError(
                operation: operation(), reason: "recorded work takes nothing from the host and reads nothing back", isOutOfMemory: false))
        return false
    }
}

/// A CUDA graph, recorded or about to be.
private final class Graph {
    private let handle: ct_graph

    init(on device: Device) throws {
        var handle: ct_graph?
        guard ct_graph_make(device.name, &handle) == 0, let handle else { throw TorchError.last("recording work") }
        self.handle = handle
    }

    deinit { ct_graph_release(handle) }

    func warmUp(_ work: @escaping () throws -> [Tensor]) throws -> [Tensor] {
        try CallFromC.outcome(of: work, "running work before recording it") { ct_graph_warm_up(handle, $0, $1) }
    }

    func record(_ work: @escaping () throws -> [Tensor]) throws -> [Tensor] {
        try CallFromC.outcome(of: work, "recording work") { ct_graph_record(handle, $0, $1) }
    }

    func replay() throws {
        guard ct_graph_replay(handle) == 0 else { throw TorchError.last("replaying recorded work") }
    }
}

/// Carries a Swift closure through C, which learns only whether it failed.
final class CallFromC {
    private let work: () throws -> [Tensor]
    private var outcome: Result<[Tensor], any Error>?

    private init(_ work: @escaping () throws -> [Tensor]) { self.work = work }

    /// Runs `call`, which calls `work`. An error of `work` takes precedence over the call's own.
    static func outcome(
        of work: @escaping () throws -> [Tensor], _ operation: String,
        _ call: (@convention(c) (UnsafeMutableRawPointer?) -> Int32, UnsafeMutableRawPointer) -> Int32
    ) throws -> [Tensor] {
        let callback = CallFromC(work)
        let status = withExtendedLifetime(callback) {
            call({ Unmanaged<CallFromC>.fromOpaque($0!).takeUnretainedValue().run() }, Unmanaged.passUnretained(callback).toOpaque())
        }
        if case .failure(let error) = callback.outcome { throw error }
        guard status == 0, case .success(let results) = callback.outcome else { throw TorchError.last(operation) }
        return results
    }

    private func run() -> Int32 {
        let outcome = Result { try work() }
        self.outcome = outcome
        if case .failure = outcome { return 1 }
        return 0
    }
}
