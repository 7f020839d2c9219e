import CTorch

/// Work of fixed shape that is done over and over. On a GPU the first calls do it as it stands, the next one records what it asks the GPU
/// for (a CUDA graph), and from then on a call is a single launch; elsewhere every call does the work as it stands.
///
/// A replay repeats the work's launches with the addresses that they had, and runs none of the code around them. So the work must be the
/// same every time but for the values in tensors:
/// - It takes nothing from the host and reads nothing back: no `item`, no `floats()`, no tensors made of values, no seeds. On every device
///   that is an error.
/// - What it reads and changes stays where it is, before the first call and ever after: inputs are given by ``Tensor/assign(_:)``,
///   gradients are set to 0 in place (``Optimizer/zeroGradients()``). Weights that inference keeps in another element type (see
///   `PreparedWeights` in CTorch) are those of the recording.
/// - Which operators it calls, and their shapes, depend on nothing that changes.
/// - It leaves no graph of autograd behind: one that outlived a call would tie the stream of the recording to the one it was made in.
///
/// Random numbers are drawn anew by every call, the same as without recording: libtorch gives a replay the seed and the offset of its
/// generator, and moves the offset on by as much as the work takes.
///
/// Calls must not overlap: neither with one another nor with what reads the results of the last one.
public final class RecordedWork {
    /// Calls that do the work as it stands before one records it: kernels are compiled, workspaces and prepared weights made at a first
    /// use, and a few libraries look at the first uses before they settle.
    public static let warmUps = 3

    private let work: () throws -> [Tensor]
    /// Kept until the next call, so that nothing else is given their memory while they are read; before the graph, so that its memory is free when it goes.
    private var results: [Tensor] = []
    /// Nil where nothing can be recorded.
    private let graph: Graph?
    private var calls = 0
    private var isRecorded = false

    /// Throws ``TorchError`` where the device is a GPU that this libtorch cannot record on.
    public init(on device: Device, _ work: @escaping () throws -> [Tensor]) throws {
        self.work = work
        graph = device.isCPU ? nil : try Graph(on: device)
    }

    /// Does the work once. The results are the same tensors every time, whose values the next call overwrites (on a GPU, once it is
    /// recorded).
    ///
    /// Throws what the work throws, and ``TorchError``.
    public func callAsFunction() throws -> [Tensor] {
        guard !hasPendingError else {
            throw TorchError(operation: "recorded work", reason: "not done after an earlier error", isOutOfMemory: false)
        }
        guard !Recording.isUnderWay else {
            throw TorchError(operation: "recorded work", reason: "within other recorded work", isOutOfMemory: false)
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

    /// Puts new results into the tensors of the first ones, as a graph does: who relies on an old one is then found out on any machine.
    private func keep(_ new: [Tensor]) throws -> [Tensor] {
        guard calls > 0 else {
            (calls, results) = (1, new)
            return new
        }
        guard new.map(\.shape) == results.map(\.shape) else {
            throw TorchError(
                operation: "recorded work", reason: "expected results of the shapes \(results.map(\.shape)), got \(new.map(\.shape))",
                isOutOfMemory: false)
        }
        try withTorchErrors {
            for (result, value) in zip(results, new) { result.assign(value) }
        }
        return results
    }
}

/// Whether work is being done that is, or might be, recorded.
enum Recording {
    @TaskLocal static var isUnderWay = false

    /// Reports an error, and returns false, where what the host does now would be missing from a replay.
    static func permits(_ operation: @autoclosure () -> String) -> Bool {
        guard isUnderWay else { return true }
        report(
            TorchError(
                operation: operation(), reason: "recorded work takes nothing from the host and reads nothing back", isOutOfMemory: false))
        return false
    }
}

/// A CUDA graph, or one to be.
private final class Graph {
    private let handle: ct_graph

    init(on device: Device) throws {
        var handle: ct_graph?
        guard ct_graph_make(device.name, &handle) == 0, let handle else { throw TorchError.last("recording of work") }
        self.handle = handle
    }

    deinit { ct_graph_release(handle) }

    func warmUp(_ work: @escaping () throws -> [Tensor]) throws -> [Tensor] {
        try CallFromC.outcome(of: work, "work before its recording") { ct_graph_warm_up(handle, $0, $1) }
    }

    func record(_ work: @escaping () throws -> [Tensor]) throws -> [Tensor] {
        try CallFromC.outcome(of: work, "recording of work") { ct_graph_record(handle, $0, $1) }
    }

    func replay() throws {
        guard ct_graph_replay(handle) == 0 else { throw TorchError.last("replay of recorded work") }
    }
}

/// Work on its way through C, which calls it as a function with a context and knows only whether it failed.
final class CallFromC {
    private let work: () throws -> [Tensor]
    private var outcome: Result<[Tensor], any Error>?

    private init(_ work: @escaping () throws -> [Tensor]) { self.work = work }

    /// What `work` comes to within `call`; its own error goes before that of the call around it.
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
