import Files
import Segmentation

/// Lines about calibration and uncertainty below the table of scores.
extension Evaluate {
    static func lines(_ calibration: Calibration?) -> [String] {
        guard let calibration else { return [] }
        let head = "calibration: ECE \(percent(calibration.expectedError)) %, Brier \(fixedPoint(calibration.brier, digits: 4))"
        let rows = calibration.bins.map { bin in
            let interval = "  \(fixedPoint(bin.from, digits: 2))…\(fixedPoint(bin.to, digits: 2))"
            guard let probability = bin.probability, let share = bin.share else { return interval + "  no pixels" }
            return interval + "  says \(percent(probability)) %, is \(percent(share)) %, \(counted(bin.pixels, "pixel"))"
        }
        return [head] + rows
    }

    static func lines(_ rankings: [Ranking]?) -> [String] {
        (rankings ?? []).map { ranking in
            "\(ranking.number) finds the worst tenth (\(counted(ranking.worst, "picture")), IoU up to \(percent(ranking.miou)) %): AUROC "
                + fixedPoint(ranking.auroc, digits: 3)
        }
    }
}
