import Foundation
import Imaging
import Networks
import Runs
import Segmentation
import TestSupport
import Training

@testable import Report

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// Runs with made-up metrics, for pages about them.
enum ReportSamples {
    static func run(_ name: String = "first", events: [TrainingEvent]) -> ReportContent.Run {
        .init(
            name: name, summary: "tiny VM-UNet on folder, 64×64", events: events, plannedEpochs: 12,
            settings: [SettingsGroup(name: "training", values: [("seed", "42"), ("batch_size", "8")])], parameters: 1_234_567)
    }

    static func page(_ runs: [ReportContent.Run], comparison: ReportContent.Grid? = nil) -> String {
        ReportPage(content: ReportContent(runs: runs, comparison: comparison, date: "2025-01-02")).html
    }

    static func tile(_ caption: String = "") throws -> ReportContent.Tile {
        let (picture, _) = LesionGenerator.sample(index: 3, size: 32, seed: 5)
        return .init(jpeg: try PictureFile.jpeg(picture), caption: caption)
    }
}

/// A page's elements and texts, parsed by libxml2: pages are also valid XML.
final class PageReader: NSObject, XMLParserDelegate {
    private(set) var elements: [(name: String, attributes: [String: String])] = []
    private(set) var text = ""
    private(set) var problem: String?

    init(_ page: String) {
        super.init()
        let parser = XMLParser(data: Data(page.utf8))
        parser.delegate = self
        if !parser.parse() { problem = problem ?? "not well-formed" }
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?, attributes: [String: String]
    ) {
        elements.append((name, attributes))
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

    func parser(_ parser: XMLParser, parseErrorOccurred error: any Error) {
        problem = problem ?? "line \(parser.lineNumber), column \(parser.columnNumber): \(error)"
    }

    func all(_ name: String, class wanted: String? = nil) -> [[String: String]] {
        elements.filter {
            $0.name == name && (wanted == nil || ($0.attributes["class"] ?? "").split(separator: " ").contains(wanted![...]))
        }.map(\.attributes)
    }
}
