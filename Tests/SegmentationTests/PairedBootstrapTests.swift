import Foundation
import TensorFiles
import TestSupport
import Testing

@testable import Segmentation

/// The bootstrap against SciPy's and NumPy's (Tests/Oracle/bootstrap.py), and its correction for
/// several pairs by hand.
@Suite struct PairedBootstrapTests {
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON to a Python with SciPy")) func equalsSciPy() throws {
        let folder = try TemporaryFolder()
        try Oracle.run("bootstrap.py", [folder.url.path])
        let golden = try SafetensorsFile.read(folder.url.appending(path: "bootstrap.safetensors"))
        let counts = try #require(golden["counts"]?.integers)
        let bootstrap = PairedBootstrap(count: 40) { weights in
            (0..<2).map { method in
                var (tp, fp, fn) = (0, 0, 0)
                for (i, weight) in weights.enumerated() {
                    let at = (method * 40 + i) * 3
                    (tp, fp, fn) = (tp + weight * counts[at], fp + weight * counts[at + 1], fn + weight * counts[at + 2])
                }
                return 2 * Double(tp) / Double(2 * tp + fp + fn)
            }
        }
        let found = bootstrap.difference(0, 1)
        let (interval, below) = (golden["interval"]!.doubles, golden["below"]!.doubles[0])
        #expect(abs(found.difference - golden["difference"]!.doubles[0]) < 1e-12)
        // Both are drawn: 10 000 and 40 000 draws place an end of the interval to about a fiftieth
        // of its width.
        let width = interval[1] - interval[0]
        #expect(abs(found.low - interval[0]) < 0.04 * width && abs(found.high - interval[1]) < 0.04 * width)
        #expect(abs(found.p - 2 * min(below, 1 - below)) < 0.02)

        let numbers = golden["numbers"]!.doubles
        for (share, quantile) in zip(golden["shares"]!.doubles, golden["quantiles"]!.doubles) {
            #expect(abs(PairedBootstrap.quantile(numbers, share) - quantile) < 1e-12)
        }
    }

    @Test func equalSeedsGiveEqualDraws() {
        let score = { (weights: [Int]) in [Double(weights[0]), Double(weights[1])] }
        let (a, b) = (
            PairedBootstrap(count: 5, draws: 50, seed: 1, scores: score), PairedBootstrap(count: 5, draws: 50, seed: 1, scores: score)
        )
        #expect(a.difference(0, 1) == b.difference(0, 1))
        #expect(PairedBootstrap(count: 5, draws: 50, seed: 2, scores: score).difference(0, 1) != a.difference(0, 1))
    }

    /// A method does not differ from itself; one that is better on every picture does.
    @Test func whatIsRealIsCalledSo() {
        let bootstrap = PairedBootstrap(count: 12, draws: 2000) { weights in
            let one = weights.enumerated().reduce(0) { $0 + Double($1.element * $1.offset) } / 12
            return [one, one, one + 0.1]
        }
        let pairs = bootstrap.differences()
        #expect(pairs.map { [$0.a, $0.b] } == [[0, 1], [0, 2], [1, 2]])
        #expect(pairs[0].2.p == 1 && pairs[0].2.adjusted == 1 && !pairs[0].2.isReal)
        #expect(pairs[1].2.isReal && abs(pairs[1].2.difference + 0.1) < 1e-9 && pairs[1].2.high < 0)
    }

    /// Holm: the least p times 3, the next times 2, never falling, at most 1.
    @Test func severalPairsAreCorrected() {
        // Of 99 draws, a beats b in all but 1, b beats c in all but 9, a beats c in all but 3.
        let drawn = (0..<99).map { i in [i < 1 ? -1.0 : i < 3 ? 1.5 : 3, i < 1 ? 0 : 1, i < 1 ? 5 : i < 3 ? 2 : i < 9 ? 1.2 : 0] }
        let pairs = PairedBootstrap(observed: [3, 1, 0], drawn: drawn).differences()
        let p = pairs.map(\.2.p)
        #expect(abs(p[0] - 2 * 2 / 100) < 1e-12 && abs(p[1] - 2 * 4 / 100) < 1e-12 && abs(p[2] - 2 * 10 / 100) < 1e-12)
        let adjusted = pairs.map(\.2.adjusted)
        #expect(abs(adjusted[0] - 3 * 0.04) < 1e-12 && abs(adjusted[1] - 2 * 0.08) < 1e-12 && abs(adjusted[2] - 0.2) < 1e-12)
    }

    @Test func noPicturesAreNoDifference() {
        let bootstrap = PairedBootstrap(count: 0) { _ in [0, 0] }
        #expect(bootstrap.difference(0, 1).p == 1)
    }
}
