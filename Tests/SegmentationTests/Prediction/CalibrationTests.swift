import Foundation
import Imaging
import TestSupport
import Testing

@testable import Segmentation

@Suite("Calibration, ranking and familiarity")
struct CalibrationTests {
    /// Expected calibration error as torchmetrics computes it, Brier score and AUROC as
    /// scikit-learn does.
    @Test func equalsTorchmetricsAndScikitLearn() throws {
        let golden = try GoldenFile("calibration")
        func floats(_ name: String) throws -> [Float] { try #require(golden.tensors[name]?.floats) }
        let numbers = try floats("numbers")
        var one = CalibrationSum()
        let logits = Logits(try floats("logits"), batch: 1, classes: 1, height: 20, width: 20)
        one.add(logits, 0, .binary(try floats("truth")), ignoring: nil)
        #expect(abs(one.calibration.expectedError - Double(numbers[0])) < 1e-5 && abs(one.calibration.brier - Double(numbers[1])) < 1e-6)
        #expect(one.calibration.bins.count == 15 && one.calibration.bins.reduce(0) { $0 + $1.pixels } == 400)
        var many = CalibrationSum()
        let labels = try #require(golden.tensors["labels"]?.bytes)
        many.add(Logits(try floats("many"), batch: 1, classes: 3, height: 20, width: 20), 0, .labels(labels), ignoring: nil)
        #expect(abs(many.calibration.expectedError - Double(numbers[2])) < 1e-5 && abs(many.calibration.brier - Double(numbers[3])) < 1e-6)
        let (scores, positive) = (try floats("scores"), try floats("positive"))
        let area = try #require(Ranking.auroc(scores.map { Double($0) }, isPositive: positive.map { $0 == 1 }))
        #expect(abs(area - Double(numbers[4])) < 1e-6)
        #expect(Ranking.auroc([1, 2], isPositive: [true, true]) == nil)
    }

    /// Unlabelled pixels are not counted.
    @Test func unlabelledPixelsAreLeftOut() {
        var sum = CalibrationSum()
        sum.add(Logits([0, 9, -9], batch: 1, classes: 1, height: 1, width: 3), 0, .binary([1, -1, 0]), ignoring: nil)
        #expect(sum.calibration.bins.reduce(0) { $0 + $1.pixels } == 2 && abs(sum.calibration.brier - 0.125) < 1e-6)
        sum = CalibrationSum()
        sum.add(Logits([0, 1, 0, 0], batch: 1, classes: 2, height: 1, width: 2), 0, .labels([255, 0]), ignoring: 255)
        #expect(sum.calibration.bins.reduce(0) { $0 + $1.pixels } == 1)
    }

    /// A measure that finds the worst tenth has an AUROC of 1.
    @Test func theWorstTenth() {
        let cases: [(miou: Double?, doubt: Doubt)] = (0..<20).map { i in
            let share = Double(i) / 20
            return (i == 7 ? nil : share, Doubt(expectedError: 1 - share, entropy: share, mutualInformation: nil))
        }
        let found = Ranking.rankings(cases)
        #expect(found.map(\.number) == ["expected_error", "entropy"] && found.map(\.auroc) == [1, 0])
        #expect(found.allSatisfy { $0.worst == 1 && $0.miou == 0 })
    }

    /// The temperature of the least negative log-likelihood, and that loss, equal SciPy's.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON"), arguments: [1, 3])
    func temperatureEqualsSciPy(_ classes: Int) throws {
        let golden = try GoldenFile("calibration")
        let logits = try #require(golden.tensors[classes == 1 ? "logits" : "many"]?.floats)
        let truth = try #require(golden.tensors["truth"]?.floats), labels = try #require(golden.tensors["labels"]?.bytes)
        var fit = TemperatureFit(classes: classes)
        let values = Logits(logits, batch: 1, classes: classes, height: 20, width: 20)
        fit.add(values, 0, classes == 1 ? .binary(truth) : .labels(labels), ignoring: nil)
        #expect(fit.labels.count == 400)
        try withTemporaryFolder { folder in
            try writeVolumeBytes(logits, to: folder.appending(path: "z"))
            try writeVolumeBytes(classes == 1 ? truth.map { UInt8($0) } : labels, to: folder.appending(path: "t"))
            let text = try Python.run(
                """
                import sys, numpy as np
                from scipy.optimize import minimize_scalar
                from scipy.special import logsumexp
                z = np.fromfile(sys.argv[1] + "/z", "<f4").astype("f8").reshape(-1, 400)
                t = np.fromfile(sys.argv[1] + "/t", np.uint8).astype(int)
                if len(z) == 1: z = np.stack([0 * z[0], z[0]])
                loss = lambda s: np.mean(logsumexp(z / s, 0) - (z / s)[t, np.arange(400)])
                best = minimize_scalar(loss, bounds=(.05, 20), method="bounded", options={"xatol": 1e-8})
                print(best.x, loss(1), loss(best.x))
                """, [folder.path])
            let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
            #expect(abs(fit.best - numbers[0]) < 1e-3 * numbers[0])
            #expect(abs(fit.loss(1) - numbers[1]) < 1e-6 && abs(fit.loss(fit.best) - numbers[2]) < 1e-6)
        }
    }

    /// The distance by a picture's sixteen features equals NumPy's.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON")) func familiarityEqualsNumPy() throws {
        let pictures = (0..<120).map { LesionGenerator.sample(index: $0, size: 64, seed: 5).picture }
        let familiarity = try #require(Familiarity(pictures.map(Familiarity.numbers)))
        let again = try #require(Familiarity(familiarity.description))
        var odd = Picture(width: 64, height: 64, channels: 3)
        for i in odd.pixels.indices { odd.pixels[i] = UInt8((i * i / 7) % 256) }
        try withTemporaryFolder { folder in
            try writeVolumeBytes((pictures + [odd]).flatMap(\.pixels), to: folder.appending(path: "in"))
            let text = try Python.run(
                """
                import sys, numpy as np
                all = np.fromfile(sys.argv[1] + "/in", np.uint8).reshape(-1, 64, 64, 3).astype("f8")
                def numbers(a):
                    t = ((a - a.min()) / (a.max() - a.min())).transpose(2, 0, 1)
                    c, s, g = np.cov(t.reshape(3, -1), bias=True), t.std((1, 2)), t.mean(0)
                    steps = [np.log((np.abs(g[:, k:] - g[:, :-k]).sum() + np.abs(g[k:] - g[:-k]).sum()) / (64 * (64 - k)) + 1e-3) for k in (1, 2, 4, 8)]
                    m = np.zeros((64, 64), bool); m[16:48, 16:48] = True
                    return [*t.mean((1, 2)), *s, *[c[i, j] / max(s[i] * s[j], 1e-4) for i, j in ((0, 1), (0, 2), (1, 2))], *steps,
                            *(t[:, m].mean(1) - t[:, ~m].mean(1))]
                x = np.array([numbers(a) for a in all]); known = x[:-1]
                cov = np.cov(known.T); cov += np.eye(16) * np.trace(cov) / 16 * 1e-3
                inv = np.linalg.inv(cov); d = np.sqrt(np.einsum("ij,jk,ik->i", x - known.mean(0), inv, x - known.mean(0)))
                print(np.quantile(d[:-1], .99), d[0], d[-1])
                """, [folder.path])
            let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
            for (found, expected) in zip(
                [familiarity.limit, familiarity.distance(of: pictures[0]), familiarity.distance(of: odd)], numbers)
            {
                #expect(abs(found - expected) < 1e-3 * expected, "\(found) \(expected)")
            }
            #expect(numbers.count == 3 && abs(again.distance(of: odd) - numbers[2]) < 1e-2 * numbers[2])
            #expect(familiarity.distance(of: odd) > familiarity.limit)
        }
        #expect(Familiarity(Array(pictures.prefix(99)).map(Familiarity.numbers)) == nil)
    }
}
