import Foundation
import Networks
import Runs
import Segmentation
import TestSupport
import Testing
import Torch

@testable import Training

/// The results of PyTorch's optimisers on two parameters over six steps.
struct OptimizerFixture {
    struct Case {
        var options: OptimizerConfiguration
        /// True if parameter 1 has no gradient in the first and third step.
        var sparse: Bool
        /// Each parameter's values after each step.
        var parameters: [[[Double]]]
    }

    let shapes: [[Int]]
    let start: [[Double]]
    /// Each parameter's gradient in each step.
    let gradients: [[[Double]]]
    let cases: [Case]
    let json: [String: Any]

    init() throws {
        json = try TorchFixture.optimizers()
        shapes = try #require(json["shapes"] as? [[Int]])
        start = try #require(json["start"] as? [[Double]])
        gradients = try #require(json["gradients"] as? [[[Double]]])
        cases = try #require(json["cases"] as? [[String: Any]]).map { row in
            let word = try #require(row["name"] as? String)
            let name = try #require(OptimizerConfiguration.Name(rawValue: word))
            var options = OptimizerConfiguration(name)
            for (key, value) in try #require(row["options"] as? [String: Any]) {
                let option = try #require(OptimizerConfiguration.Option(rawValue: key))
                try options.set(option, to: value)
            }
            return Case(
                options: options, sparse: try #require(row["sparse"] as? Bool), parameters: try #require(row["parameters"] as? [[[Double]]])
            )
        }
    }

    func parameters() -> [Tensor] {
        zip(start, shapes).map { Tensor($0.map(Float.init), shape: $1).requiringGrad() }
    }

    /// Sets a step's gradients; `nil` for missing ones.
    func setGradients(_ parameters: [Tensor], step: Int, sparse: Bool = false) {
        for (i, parameter) in parameters.enumerated() {
            parameter.clearGradient()
            if sparse, i == 1, step == 0 || step == 2 { continue }
            (parameter * Tensor(gradients[step][i].map(Float.init), shape: shapes[i])).sum().backward()
        }
    }

    /// Runs a range of steps like the fixture: from step 4 on with a third of the rate.
    func run(_ optimizer: any Optimizer, _ steps: Range<Int>, _ one: Case, after: (Int) -> Void = { _ in }) {
        for step in steps {
            if step >= 4 { optimizer.learningRate = one.options.learningRate / 3 }
            setGradients(optimizer.parameters, step: step, sparse: one.sparse)
            optimizer.step()
            after(step)
        }
    }
}

extension OptimizerConfiguration {
    mutating func set(_ option: Option, to value: Any) throws {
        func number() throws -> Double { try #require(value as? Double) }
        func flag() throws -> Bool { try #require(value as? Bool) }
        func pair() throws -> [Double] { try #require(value as? [Double]) }
        switch option {
        case .learningRate: learningRate = try number()
        case .weightDecay: weightDecay = try number()
        case .betas: betas = try pair()
        case .epsilon: epsilon = try number()
        case .amsgrad: amsgrad = try flag()
        case .momentum: momentum = try number()
        case .dampening: dampening = try number()
        case .nesterov: nesterov = try flag()
        case .rho: rho = try number()
        case .alpha: alpha = try number()
        case .centered: centered = try flag()
        case .learningRateDecay: learningRateDecay = try number()
        case .lambda: lambda = try number()
        case .t0: t0 = try number()
        case .initialAccumulator: initialAccumulator = try number()
        case .etas: etas = try pair()
        case .stepSizes: stepSizes = try pair()
        }
    }
}

/// The largest difference relative to the expected value, or to a tenth if that is larger: values
/// near zero keep the rounding of where they came from.
func largestDifference(_ got: [Float], _ expected: [Double]) -> Double {
    guard got.count == expected.count else { return .infinity }
    return zip(got, expected).map { got, expected in
        let difference = abs(Double(got) - expected) / max(abs(expected), 0.1)
        return difference.isNaN ? .infinity : difference
    }.max() ?? 0
}
