import Imaging
import Segmentation

/// The paper's Figure 4: pictures of a set, their truth, and the masks of several networks.
package struct ComparisonFigure {
    private let set: any SegmentationDataset
    private var rows: [Row] = []
    private let networks: [String]

    private struct Row {
        let caption: String
        let picture: ReportPicture
        let size: (height: Int, width: Int)
        let sample: Sample
        var found: [Picture] = []
    }

    /// A row for each of these samples of the set; each network's answers are added by
    /// ``add(_:)``, in the order of their names. Rethrows the set's errors.
    package init(_ set: any SegmentationDataset, samples: [(index: Int, caption: String)], networks: [String]) throws {
        (self.set, self.networks) = (set, networks)
        rows = try samples.map { index, caption in
            let sample = try set.sample(at: index)
            return Row(
                caption: caption, picture: ReportPicture(sample, original: try set.picture(at: index)),
                size: (sample.height, sample.width), sample: sample)
        }
    }

    /// Draws the next network's masks. Rethrows the network's errors.
    package mutating func add(_ segmenter: Segmenter) throws {
        for i in rows.indices {
            let (sample, size) = (rows[i].sample, rows[i].size)
            let answer = try segmenter.answer(for: sample)
            rows[i].found.append(try rows[i].picture.foundDrawn(answer, threshold: segmenter.threshold, size: size))
        }
    }

    /// The whole, with the networks' names below the pictures. Truth is outlined in yellow, what is
    /// found in blue.
    package func drawn() throws -> Picture {
        let cells = try rows.flatMap { row in
            [ContactSheet.Cell(row.picture.picture, caption: row.caption), .init(try row.picture.truthDrawn(), caption: "truth")]
                + zip(row.found, networks).map { ContactSheet.Cell($0, caption: $1) }
        }
        return ContactSheet(cells: cells, columns: 2 + networks.count, cellSize: 224, textScale: 2, gap: 6).render()
    }
}
