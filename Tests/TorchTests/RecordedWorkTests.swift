import Testing
import Training

@testable import Torch

/// Repeated work, on every available device. A GPU records and replays it, and the numbers must
/// equal those of unrecorded work. `vmunet parity` compares random numbers, in its own process.
@Suite struct RecordedWorkTests {
    static let devices: [Device] = Torch.isGPUPresent && Torch.cudaStatus == .ready ? [.cpu, .cuda] : [.cpu]
    static let gpu = devices.filter { !$0.isCPU }
    /// Enough calls to pass the recording.
    static let calls = RecordedWork.warmUps + 4

    private static func values(_ count: Int, _ factor: Float = 1) -> [Float] { (0..<count).map { Float($0 % 7 - 3) * factor } }

    @Test(arguments: devices) func everyCallSeesTheInputsOfItsTime(device: Device) throws {
        let input = Tensor([Float](repeating: 0, count: 12), shape: [3, 4], on: device)
        let work = try RecordedWork(on: device) { [(input * 2).sum(axes: [1]), input + 1] }
        for i in 1...Self.calls {
            let values = Self.values(12, Float(i))
            let results = try withTorchErrors {
                input.assign(Tensor(values, shape: [3, 4], on: device))
                return try work().map { $0.floats() }
            }
            #expect(results[0] == (0..<3).map { row in 2 * values[row * 4..<row * 4 + 4].reduce(0, +) })
            #expect(results[1] == values.map { $0 + 1 })
        }
    }

    /// A graph writes its results to the same memory each time. Other devices do the same, so that
    /// nobody relies on the opposite.
    @Test(arguments: devices) func resultsAreOverwritten(device: Device) throws {
        let input = Tensor([1 as Float], shape: [1], on: device)
        let work = try RecordedWork(on: device) { [input * 3] }
        for _ in 0...RecordedWork.warmUps { _ = try work() }
        let kept = try work()[0]
        input.assign(Tensor([5 as Float], shape: [1], on: device))
        _ = try work()
        #expect(kept.item == 15)
    }

    /// Gradients in fixed memory, by recorded and unrecorded work in turn, compared with newly
    /// allocated ones.
    @Test(arguments: devices) func gradientsAddUpInPlace(device: Device) throws {
        func parameter() -> Tensor { Tensor(Self.values(6), shape: [2, 3], on: device).requiringGrad() }
        let (a, b) = (parameter(), parameter())
        let (ours, plain) = (AdamW([a]), AdamW([b]))
        let input = Tensor(Self.values(6), shape: [2, 3], on: device)
        func loss(_ parameter: Tensor) -> Tensor { (parameter * parameter * input).sum() }
        let work = try RecordedWork(on: device) {
            let value = loss(a)
            value.backward()
            return [value.detached()]
        }
        try withTorchErrors {
            ours.zeroGradients()
            let kept = try #require(a.gradient)
            for i in 0..<2 * Self.calls {
                input.assign(Tensor(Self.values(6, Float(i)), shape: [2, 3], on: device))
                ours.zeroGradients()
                plain.clearGradients()
                _ = try work()
                loss(b).backward()
                if i.isMultiple(of: 3) {
                    loss(a).backward()
                    loss(b).backward()
                }
                let (got, wanted) = (kept.floats(), b.gradient?.floats())
                #expect(got == wanted)
                ours.step()
                plain.step()
                let (moved, others) = (a.floats(), b.floats())
                #expect(moved == others)
            }
        }
    }

    @Test func zeroedGradientsOfAFreshParameter() throws {
        let parameters = [Tensor([1, 2] as [Float], shape: [2]).requiringGrad(), Tensor([3 as Float], shape: [1]).requiringGrad()]
        let optimizer = AdamW(parameters)
        (parameters[0] * 2).sum().backward()
        optimizer.zeroGradients()
        #expect(parameters.map { $0.gradient?.floats() } == [[0, 0], [0]])
        #expect(parameters.allSatisfy { $0.gradient?.requiresGrad == false })
    }

    // MARK: Forbidden work

    enum Forbidden: String, CaseIterable, Sendable {
        case item, floats, upload, constant, seed, finiteness

        func run(_ input: Tensor) -> Tensor {
            switch self {
            case .item: input * input.sum().item
            case .floats: input * Double(input.floats()[0])
            case .upload: input + Tensor([1 as Float], shape: [1]).to(input.device)
            case .constant: input + Tensor([1 as Float], shape: [1], on: input.device)
            case .seed:
                {
                    Torch.manualSeed(3)
                    return input
                }()
            case .finiteness: input.isFinite ? input : input * 0
            }
        }
    }

    /// Work that a replay would leave out is refused on every device, in the first call.
    @Test(arguments: Forbidden.allCases, devices) func hostAndDeviceStayApart(what: Forbidden, device: Device) throws {
        let input = Tensor([1, 2] as [Float], shape: [2], on: device)
        let work = try RecordedWork(on: device) { [what.run(input)] }
        let error = try #require(throws: TorchError.self) { try work() }
        #expect(error.reason.contains("takes nothing from the host and reads nothing back"))
        #expect(try withTorchErrors { what.run(input).count } == 2, "outside recorded work it is allowed")
    }

    @Test func shapesStay() throws {
        var rows = 2
        let input = Tensor(Self.values(8), shape: [4, 2])
        let work = try RecordedWork(on: .cpu) { [input.narrowed(axis: 0, start: 0, length: rows)] }
        _ = try work()
        rows = 3
        let error = try #require(throws: TorchError.self) { try work() }
        #expect(error.reason.contains("[[2, 2]]") && error.reason.contains("[[3, 2]]"))
    }

    @Test(arguments: devices) func oneRecordingHoldsNoOther(device: Device) throws {
        let inner = try RecordedWork(on: device) { [] }
        let outer = try RecordedWork(on: device) { try inner() }
        let error = try #require(throws: TorchError.self) { try outer() }
        #expect(error.reason.contains("cannot contain other recorded work"))
    }

    // MARK: Failures

    private struct Fault: Error, Equatable {
        let number: Int
    }

    /// The work's own error is thrown, in whichever call, and the next call runs the work.
    @Test(arguments: devices) func anErrorComesOut(device: Device) throws {
        let input = Tensor([1, 2] as [Float], shape: [2], on: device)
        var fails = false, call = 0
        let work = try RecordedWork(on: device) {
            let result = input * 2
            if fails { throw Fault(number: call) }
            return [result]
        }
        for i in 0..<Self.calls {
            (fails, call) = (true, i)
            // A replay runs none of the code; other devices run it in every call.
            if device.isCPU || i <= RecordedWork.warmUps {
                let error = try #require(throws: Fault.self) { try work() }
                #expect(error == Fault(number: i))
            }
            fails = false
            input.assign(Tensor([Float(i), 1], shape: [2], on: device))
            #expect(try withTorchErrors { try work()[0].floats() } == [Float(i) * 2, 2])
            #expect((input + 1).floats() == [Float(i) + 1, 2])
        }
    }

    @Test func libtorchsErrorComesOut() throws {
        let (a, b) = (Tensor([1, 2] as [Float], shape: [2]), Tensor([1, 2, 3] as [Float], shape: [3]))
        let work = try RecordedWork(on: .cpu) { [a + b] }
        let error = try #require(throws: TorchError.self) { try work() }
        #expect(error.operation == "aten::add")
    }

    /// A GPU's work is called from C, which may do anything with it.
    @Test func throughC() throws {
        let input = Tensor([1, 2] as [Float], shape: [2])
        let doubled = try CallFromC.outcome(of: { [input * 2] }, "test") { $0($1) }
        #expect(doubled.map { $0.floats() } == [[2, 4]])
        let fault = #expect(throws: Fault.self) { try CallFromC.outcome(of: { throw Fault(number: 3) }, "test") { $0($1) == 0 ? 0 : -1 } }
        #expect(fault == Fault(number: 3))
        // The work succeeded but a later step failed, or C never called the work.
        for call in [false, true] {
            let error = #expect(throws: TorchError.self) {
                try CallFromC.outcome(of: { [input] }, "test") { work, context in
                    if call { _ = work(context) }
                    return -1
                }
            }
            #expect(error?.operation == "test")
        }
        let scoped = #expect(throws: TorchError.self) {
            try CallFromC.outcome(of: { try withTorchErrors { [input + Tensor([1, 2, 3] as [Float], shape: [3])] } }, "test") { $0($1) }
        }
        #expect(scoped?.operation == "aten::add")
    }

    /// After an error in its scope it is skipped like any operation, and the first error is
    /// reported.
    @Test func nothingIsDoneAfterAnError() throws {
        var calls = 0
        let (a, b) = (Tensor([1, 2] as [Float], shape: [2]), Tensor([1, 2, 3] as [Float], shape: [3]))
        let work = try RecordedWork(on: .cpu) {
            calls += 1
            return [a]
        }
        let error = try #require(throws: TorchError.self) {
            try withTorchErrors {
                _ = a + b
                _ = try work()
            }
        }
        #expect(error.operation == "aten::add" && calls == 0)
    }

    @Test(.enabled(if: !Torch.isGPUPresent, "there is a GPU")) func aGPUThatIsNotThereRecordsNothing() throws {
        let error = try #require(throws: TorchError.self) { try RecordedWork(on: .cuda) { [] } }
        #expect(error.reason.contains("cuda:0"))
    }

    // MARK: With a GPU

    /// Inference in bfloat16 keeps converted weights. A recording owns those that it was made with,
    /// and leaves behind none that were not computed.
    @Test(.enabled(if: !gpu.isEmpty, "no GPU")) func preparedWeights() throws {
        let linear = Operator("vmunet::linear")
        try withTorchErrors {
            try withoutGradients {
                let x = Tensor(Self.values(48), shape: [3, 16], on: .cuda).to(.bfloat16)
                let weight = Tensor(Self.values(64), shape: [4, 16], on: .cuda)
                let work = try RecordedWork(on: .cuda) { [linear(.tensor(x), .tensor(weight))] }
                let expected = linear(.tensor(x), .tensor(weight)).floats()
                for _ in 0..<Self.calls {
                    let got = try work()[0].floats()
                    #expect(got == expected)
                }
                weight.assign(weight * 2)
                let doubled = linear(.tensor(x), .tensor(weight)).floats()
                #expect(doubled == expected.map { $0 * 2 })
                let ofTheRecording = try work()[0].floats()
                #expect(ofTheRecording == expected)
            }
        }
    }
}
