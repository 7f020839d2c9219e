import Files
import Networks
import Foundation
import Runs
import Segmentation
import TestSupport
import Testing
import VMUNet

@testable import Torch
@testable import Training

struct OptimizerTests {
    let fixture: OptimizerFixture
    init() throws { fixture = try OptimizerFixture() }

    @Test(arguments: OptimizerConfiguration.Name.allCases)
    func sequenceIsPyTorchs(name: OptimizerConfiguration.Name) throws {
        let cases = fixture.cases.filter { $0.options.name == name }
        #expect(cases.count >= 4)
        for one in cases {
            let parameters = fixture.parameters()
            let optimizer = one.options.make(parameters)
            fixture.run(optimizer, 0..<6, one) { step in
                for i in parameters.indices {
                    let difference = largestDifference(parameters[i].floats(), one.parameters[step][i])
                    #expect(difference < 1e-6, "\(one.options), sparse \(one.sparse), step \(step), parameter \(i)")
                }
            }
            #expect(optimizer.steps == 6)
        }
    }

    @Test(arguments: OptimizerConfiguration.Name.allCases)
    func savedStateGoesOnIdentically(name: OptimizerConfiguration.Name) throws {
        for one in fixture.cases where one.options.name == name {
            let whole = fixture.parameters()
            fixture.run(one.options.make(whole), 0..<6, one)

            let first = fixture.parameters()
            let before = one.options.make(first)
            fixture.run(before, 0..<3, one)
            let saved = Dictionary(uniqueKeysWithValues: before.state.map { ($0.name, Tensor($0.tensor.hostTensor())) })
            #expect(saved.count == before.state.count, "names are unique")

            let second = first.map { Tensor($0.detached().hostTensor()).requiringGrad() }
            let after = one.options.make(second)
            for (name, tensor) in after.state { tensor.assign(try #require(saved[name])) }
            after.steps = before.steps
            fixture.run(after, 3..<6, one)
            #expect(after.steps == 6)
            for (a, b) in zip(whole, second) { #expect(a.floats() == b.floats(), "\(one.options), sparse \(one.sparse)") }
        }
    }

    @Test(arguments: OptimizerConfiguration.Name.allCases)
    func withoutGradientsNothingMoves(name: OptimizerConfiguration.Name) {
        let parameters = fixture.parameters()
        let before = parameters.map { $0.floats() }
        let optimizer = OptimizerConfiguration(name).make(parameters)
        optimizer.step()
        #expect(parameters.map { $0.floats() } == before)
        #expect(optimizer.state.first { $0.name == "step" }?.tensor.floats() == [0, 0])
        OptimizerConfiguration(name).make([]).step()
    }

    @Test func adamWByHandIsAdamWByConfiguration() {
        let (a, b) = (fixture.parameters(), fixture.parameters())
        let (first, second) = (AdamW(a), OptimizerConfiguration.published.make(b))
        for step in 0..<3 {
            for (optimizer, parameters) in [(first as any Optimizer, a), (second, b)] {
                fixture.setGradients(parameters, step: step)
                optimizer.step()
            }
        }
        for (x, y) in zip(a, b) { #expect(x.floats() == y.floats()) }
        #expect(first.state.map(\.name) == ["step", "exp_avg.0", "exp_avg.1", "exp_avg_sq.0", "exp_avg_sq.1"])
    }

    @Test func stateOfAnotherOptimizerIsRefused() throws {
        let network = try TorchVMUNet(
            VMUNetConfiguration(dims: [4, 8, 16, 32], depths: [1, 1, 1, 1], decoderDepths: [1, 1, 1, 1], stateSize: 2))
        let parameters = network.parameters.map(\.tensor)
        let sgd = OptimizerConfiguration(.sgd).make(parameters)
        let checkpoint = try Checkpoint(network: network, optimizer: sgd, average: nil, position: TrainingPosition())
        let error = #expect(throws: FileError.self) { try checkpoint.restore(OptimizerConfiguration(.adam).make(parameters), nil) }
        #expect(error?.reason.contains("no optimizer.exp_avg.0 of shape") == true)
    }

    @Test func defaultsArePyTorchsAndThePublishedOnesAreThePapers() {
        let published = OptimizerConfiguration.published
        #expect(published.name == .adamw && published.learningRate == 1e-3 && published.betas == [0.9, 0.999])
        #expect(published.epsilon == 1e-8 && published.weightDecay == 1e-2)
        for name in OptimizerConfiguration.Name.allCases { #expect(OptimizerConfiguration(name).problems.isEmpty) }
    }

    @Test func senselessOptionsAreNamed() {
        func problems(_ name: OptimizerConfiguration.Name, _ change: (inout OptimizerConfiguration) -> Void) -> [String] {
            var options = OptimizerConfiguration(name)
            change(&options)
            return options.problems.map(\.key)
        }
        #expect(problems(.adamw) { $0.betas = [0.9] } == ["betas"])
        #expect(problems(.adamw) { $0.betas = [0.9, 1] } == ["betas"])
        #expect(problems(.adamw) { $0.learningRate = .nan } == ["learning_rate"])
        #expect(problems(.adamw) { $0.learningRate = -1 } == ["learning_rate"])
        #expect(problems(.sgd) { $0.nesterov = true } == ["nesterov"])
        #expect(problems(.rprop) { $0.etas = [1.2, 0.5] } == ["etas"])
        #expect(problems(.rprop) { $0.stepSizes = [1, 0.1] } == ["step_sizes"])
        // Options that the optimiser does not have are not checked.
        #expect(problems(.adamw) { $0.momentum = -3 } == [])
    }

    // MARK: - Clipping and averaging

    @Test func clippingIsPyTorchs() throws {
        let rows = try #require(fixture.json["clipping"] as? [[String: Any]])
        #expect(rows.count == 2)
        for row in rows {
            let parameters = fixture.parameters()
            fixture.setGradients(parameters, step: 0)
            let norm = clipGradients(parameters, maximumNorm: try #require(row["limit"] as? Double)).item
            #expect(abs(norm - (try #require(row["norm"] as? Double))) < 1e-6 * norm)
            for (parameter, expected) in zip(parameters, try #require(row["gradients"] as? [[Double]])) {
                #expect(largestDifference(try #require(parameter.gradient).floats(), expected) < 1e-6)
            }
        }
    }

    @Test func clippingPassesOverMissingGradients() {
        let parameters = fixture.parameters()
        #expect(clipGradients(parameters, maximumNorm: 1).item == 0)
        #expect(clipGradients([], maximumNorm: 1).item == 0)
        fixture.setGradients(parameters, step: 0, sparse: true)
        clipGradients(parameters, maximumNorm: 0.25)
        #expect(abs((parameters[0].gradient?.norm().item ?? 0) - 0.25) < 1e-5)
        #expect(parameters[1].gradient == nil)
    }

    @Test func averageIsPyTorchs() throws {
        let json = try #require(fixture.json["averaging"] as? [String: Any])
        let rows = try #require(json["averages"] as? [[[Double]]])
        let decay = try #require(json["decay"] as? Double)
        let parameters = fixture.parameters()
        var average = ExponentialMovingAverage(parameters, decay: decay)
        for (step, expected) in rows.enumerated() {
            for (i, parameter) in parameters.enumerated() {
                let gradient = Tensor(fixture.gradients[step][i].map(Float.init), shape: fixture.shapes[i])
                parameter.assign(withoutGradients { parameter - gradient })
            }
            average.update()
            if step == 2 {
                // A new average continues from the saved state.
                let saved = average.state.map { ($0.name, Tensor($0.tensor.hostTensor())) }
                average = ExponentialMovingAverage(parameters, decay: decay)
                for ((name, tensor), (savedName, values)) in zip(average.state, saved) {
                    #expect(name == savedName)
                    tensor.assign(values)
                }
            }
            let own = parameters.map { $0.floats() }
            average.withAveragedWeights {
                for (parameter, values) in zip(parameters, expected) { #expect(largestDifference(parameter.floats(), values) < 1e-6) }
                #expect(parameters.map { $0.floats() } != own || step == 0)
            }
            #expect(parameters.map { $0.floats() } == own)
            #expect(parameters.allSatisfy { $0.requiresGrad })
        }
    }

    @Test func weightsComeBackWhateverHappensMeanwhile() {
        struct Stop: Error {}
        let parameters = fixture.parameters()
        let average = ExponentialMovingAverage(parameters, decay: 0.5)
        parameters[0].assign(withoutGradients { parameters[0] + 1 })
        let own = parameters.map { $0.floats() }
        #expect(throws: Stop.self) { try average.withAveragedWeights { throw Stop() } }
        #expect(parameters.map { $0.floats() } == own)
        #expect(throws: TorchError.self) {
            try withTorchErrors { average.withAveragedWeights { _ = parameters[0] + Tensor([1, 2, 3] as [Float], shape: [3]) } }
        }
        #expect(parameters.map { $0.floats() } == own)
    }
}
