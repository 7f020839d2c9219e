import Segmentation

/// The paper's own results in its columns, for comparison.
enum PublishedResults {
    static func on(_ dataset: Dataset) -> [ReportContent.PublishedResult] {
        results[dataset.rawValue] ?? []
    }

    private static let results = [
        "isic17": [
            row("the paper's VM-UNet (Table I)", 80.23, 89.03, 96.29, 97.58, 89.90),
            row("the paper's VM-UNet without pretrained weights (Table III)", 77.59, 87.38),
        ],
        "isic18": [
            row("the paper's VM-UNet (Table I)", 81.35, 89.71, 94.91, 96.13, 91.12),
            row("the paper's VM-UNet without pretrained weights (Table III)", 78.66, 88.06),
        ],
    ]

    private static func row(
        _ name: String, _ miou: Double, _ dsc: Double, _ accuracy: Double? = nil, _ specificity: Double? = nil, _ sensitivity: Double? = nil
    ) -> ReportContent.PublishedResult {
        var scores = BinaryScores(ConfusionCounts())
        (scores.miou, scores.dsc) = (miou / 100, dsc / 100)
        scores[.accuracy] = accuracy.map { $0 / 100 }
        scores[.specificity] = specificity.map { $0 / 100 }
        scores[.sensitivity] = sensitivity.map { $0 / 100 }
        return .init(name: name, scores: scores)
    }
}
