import Foundation
import Imaging
import Networks
import Runs
import Segmentation
import TestSupport
import Testing
import Training

@testable import Report

@Suite("Report page")
struct ReportPageTests {
    @Test("a run's page is well-formed and has its numbers and every point of its curves")
    func oneRun() throws {
        let page = ReportSamples.page([ReportSamples.run(events: RunSamples.events(epochs: 10))])
        let reader = PageReader(page)
        #expect(reader.problem == nil)
        // The best epoch is the last even one: loss 1.1 / 10, score 0.6 and the scores that follow
        // from it.
        for number in ["60.00", "65.00", "70.00", "72.00", "62.00", "0.1100", "1,234,567", "15 min", "0.0952"] {
            #expect(reader.text.contains(number))
        }
        let lines = reader.all("polyline", class: "line")
        // Step, training and validation loss; five scores; the learning rate.
        #expect(lines.count == 9)
        let validation = lines.filter { $0["class"] == "line c2" }[0]
        #expect(validation["points"]?.split(separator: " ").count == 10)
        #expect(reader.text.contains("validation 0.1100"))
        #expect(reader.text.contains("Research software, not a medical device"))
        // The legend and the tiles show the kept epoch, the eighth of nine.
        let longer = PageReader(ReportSamples.page([ReportSamples.run(events: RunSamples.events(epochs: 9))]))
        #expect(longer.text.contains("validation 0.1375"))
    }

    @Test("a curve's points are where its axis places their values")
    func pointsOnAxes() throws {
        let points = [1.0, 3, 2].enumerated().map { LineChart.Point(x: Double($0 + 1), y: $1) }
        let chart = LineChart(title: "t", yLabel: "y", series: [.init(name: "s", color: 1, points: points)])
        let reader = PageReader(chart.html.text)
        #expect(reader.problem == nil)
        let dots = reader.all("circle")
        let grid = reader.all("line", class: "grid").compactMap { $0["y1"].flatMap(Double.init) }
        // Ticks 1, 1.5, 2, 2.5, 3 from the bottom; the values are at the first, last and middle
        // one.
        #expect(grid.count == 5)
        let heights = dots.compactMap { $0["cy"].flatMap(Double.init) }
        #expect(heights == [grid[0], grid[4], grid[2]])
        let xs = dots.compactMap { $0["cx"].flatMap(Double.init) }
        #expect(abs(xs[1] - (xs[0] + xs[2]) / 2) < 0.11)
    }

    @Test("dots are left out where they would cut the line to pieces, as for a short run beside a long one")
    func dotsThatHaveRoom() throws {
        func dots(_ counts: Int...) -> Int {
            let series = counts.enumerated().map { i, count in
                LineChart.Series(name: "s\(i)", color: i + 1, points: (1...count).map { .init(x: Double($0), y: Double($0 % 3)) })
            }
            return PageReader(LineChart(title: "t", yLabel: "y", series: series).html.text).all("circle").count
        }
        #expect(dots(20) == 20 && dots(60) == 0)
        #expect(dots(20, 400) == 0)
        #expect(dots(1, 400) == 1)
    }

    @Test("the page loads nothing from elsewhere and has no script")
    func selfContained() throws {
        var run = ReportSamples.run(events: RunSamples.events(epochs: 3))
        run.examples = [.init(rank: "best", name: "a", scores: RunSamples.scores(0.9), tiles: [try ReportSamples.tile("picture")])]
        let page = ReportSamples.page([run])
        let reader = PageReader(page)
        #expect(reader.problem == nil)
        #expect(reader.all("img").count == 1)
        #expect(reader.all("img").allSatisfy { $0["src"]?.hasPrefix("data:image/jpeg;base64,") ?? false })
        #expect(!reader.elements.contains { ["script", "link", "iframe", "object", "a", "use"].contains($0.name) })
        for word in ["http:", "https:", "url(", "@import", "//"] {
            #expect(!page.replacing(/base64,[A-Za-z0-9+\/=]+/, with: "").contains(word), "\(word)")
        }
        let source = try #require(reader.all("img")[0]["src"])
        let bytes = try #require(Data(base64Encoded: String(source.dropFirst("data:image/jpeg;base64,".count))))
        let (width, height) = { ($0.width, $0.height) }(try PictureFile.decode(Array(bytes), name: "tile"))
        #expect((width, height) == (32, 32))
    }

    @Test(
        "foreign names stay text",
        arguments: [
            "<script>alert(1)</script>", "\" onload=\"alert(1)", "a' onclick='x", "]]>&amp;&lt;", "</style></title>",
            "\u{0}\u{1}\u{8}\u{1B}[31m", "\u{202E}gpj.exe",
            "<!--", "🩺 é ‮", String(repeating: "long", count: 200), "",
        ])
    func hostile(_ name: String) throws {
        var run = ReportSamples.run(name, events: RunSamples.events(epochs: 2))
        run.summary = name
        run.notes = [name]
        run.settings = [SettingsGroup(name: name, values: [(name, name)])]
        run.evaluation = .init(
            pooled: RunSamples.scores(0.8), perImageMean: RunSamples.scores(0.7), pictureScores: [0.7],
            classes: [(name, RunSamples.scores(0.5))])
        run.examples = [.init(rank: "best", name: name, scores: RunSamples.scores(0.9), tiles: [try ReportSamples.tile(name)])]
        let calm = ReportSamples.page([ReportSamples.run(events: RunSamples.events(epochs: 2))])
        for runs in [[run], [run, run]] {
            let grid = ReportContent.Grid(columns: ["picture", "truth", name], rows: [(name, [try ReportSamples.tile(name)])])
            let reader = PageReader(ReportSamples.page(runs, comparison: grid))
            #expect(reader.problem == nil)
            #expect(!reader.elements.contains { $0.name == "script" || $0.attributes.keys.contains { $0.hasPrefix("on") } })
            // Text comes back unchanged, except for characters that XML forbids.
            if name.hasPrefix("<script") { #expect(reader.text.contains(name)) }
            #expect(!reader.text.contains("\u{202E}"))
        }
        #expect(PageReader(calm).problem == nil)
    }

    @Test("several runs: a curve and a column each, and differing settings are marked")
    func severalRuns() throws {
        var second = ReportSamples.run("second", events: RunSamples.events(epochs: 5))
        second.settings = [SettingsGroup(name: "training", values: [("seed", "7"), ("batch_size", "8")])]
        var first = ReportSamples.run(events: RunSamples.events(epochs: 3))
        let classes = ["one", "two", "three"].map { ($0, RunSamples.scores(0.25)) }
        first.evaluation = .init(
            pooled: RunSamples.scores(0.8), perImageMean: RunSamples.scores(0.7), pictureScores: [0.6, nil], classes: classes)
        let row = (
            "best: a",
            [try ReportSamples.tile(), try ReportSamples.tile(), try ReportSamples.tile("IoU 1"), try ReportSamples.tile("IoU 2")]
        )
        let grid = ReportContent.Grid(columns: ["picture", "truth", "first", "second"], rows: [row])
        let reader = PageReader(ReportSamples.page([first, second], comparison: grid))
        #expect(reader.problem == nil)
        #expect(reader.all("tr", class: "differs").count == 1)
        #expect(reader.all("img").count == 4)
        #expect(reader.all("rect", class: "bar").count(where: { $0["rx"] != nil }) == 6)
        #expect(reader.text.contains("2 runs compared"))
        #expect(reader.text.contains("not measured"))
    }

    @Test("runs without an epoch, with one, with gaps and with NaN")
    func partial() throws {
        let odd = [
            RunSamples.epoch(1, train: .nan, validation: nil, score: 0.5, isBest: false),
            RunSamples.epoch(2, train: 1e300, validation: .infinity, score: .nan, isBest: false),
            RunSamples.epoch(3, train: 0.5, validation: -0.0, score: 0.4, isBest: true),
            .step(epoch: 4, step: 1, loss: -.infinity, learningRate: 0), .step(epoch: -7, step: 0, loss: 1e308, learningRate: .nan),
        ]
        for events in [
            [], RunSamples.events(epochs: 1), Array(RunSamples.events(epochs: 1, steps: 2).prefix(1)), odd,
            RunSamples.events(epochs: 700),
        ] {
            let page = ReportSamples.page([ReportSamples.run(events: events)])
            let reader = PageReader(page)
            #expect(reader.problem == nil)
            let numbers = reader.elements.flatMap { element in
                ["x", "y", "x1", "y1", "cx", "cy", "width", "height", "points"].compactMap { element.attributes[$0] }
            }
            #expect(!numbers.contains { $0.contains("nan") || $0.contains("inf") || $0.contains("e") })
            #expect(!reader.text.lowercased().split(whereSeparator: { !$0.isLetter }).contains { $0 == "nan" || $0 == "inf" })
        }
        let single = PageReader(ReportSamples.page([ReportSamples.run(events: RunSamples.events(epochs: 1))]))
        // Two losses, five scores, a rate: one dot each, since one epoch draws no line.
        #expect(single.all("circle").count == 8)
        let gap = PageReader(ReportSamples.page([ReportSamples.run(events: odd)]))
        #expect(gap.text.contains("0.5000"))
    }

    @Test("ticks are round numbers and enclose all values")
    func ticks() {
        #expect(ChartAxis.linear(over: [0.2, 1.17]).ticks.map(\.label) == ["0.2", "0.4", "0.6", "0.8", "1.0", "1.2"])
        #expect(ChartAxis.linear(over: [5e-4, 1e-3]).ticks.map(\.label) == ["5e-4", "6e-4", "7e-4", "8e-4", "9e-4", "1e-3"])
        #expect(ChartAxis.counting(from: 1, to: 20).ticks.map(\.label) == ["5", "10", "15", "20"])
        #expect(
            ChartAxis.logarithmic(over: [1e-5, 1e-3]).ticks.map(\.label) == ["1e-5", "2e-5", "5e-5", "0.0001", "0.0002", "0.0005", "0.001"])
        for values in [[3.0], [0, 0], [-1, 1], [1e-300, 1e14], [0.5, 0.5000001], [1e14, -1e14]] {
            for axis in [
                ChartAxis.linear(over: values), .logarithmic(over: values), .counting(from: values.min() ?? 0, to: values.max() ?? 0),
            ] {
                #expect((1...20).contains(axis.ticks.count) || axis.ticks.isEmpty)
                #expect(values.allSatisfy { (0...1).contains(axis.position($0)) })
            }
            let linear = ChartAxis.linear(over: values)
            #expect(values.allSatisfy { linear.range.contains($0) })
        }
        #expect(ChartAxis.linear(over: [95, 99.9], within: 0...100).range.upperBound == 100)
    }

    @Test("best, middle and worst pictures, none twice and none without a score")
    func selection() {
        let scores: [Double?] = [0.1, nil, 0.9, 0.5, .nan, 0.7, 0.3, 0.8, 0.2, 0.6, 0.4]
        let chosen = ReportSelection.bestMedianWorst(scores, each: 3)
        #expect(chosen.filter { $0.rank == "best" }.map(\.index) == [2, 7, 5])
        #expect(chosen.filter { $0.rank == "median" }.map(\.index) == [9, 3, 10])
        #expect(chosen.filter { $0.rank == "worst" }.map(\.index) == [0, 8, 6])
        #expect(ReportSelection.bestMedianWorst([], each: 3).isEmpty)
        #expect(ReportSelection.bestMedianWorst([nil], each: 3).isEmpty)
        #expect(ReportSelection.bestMedianWorst([0.5], each: 3) == [.init(rank: "best", index: 0)])
        #expect(Set(ReportSelection.bestMedianWorst([0.5, 0.4], each: 3).map(\.index)) == [0, 1])
        let compared = ReportSelection.compared([[0.9, 0.5, 0.1, 0.2, nil], [0.9, 0.5, 0.1, 0.8, 0.3]], disputed: 2)
        #expect(compared.contains(.init(rank: "median", index: 3)) || compared.contains(.init(rank: "runs differ", index: 3)))
        #expect(Set(compared.map(\.index)).count == compared.count)
        #expect(!compared.contains { $0.index == 4 })
    }

    @Test("a promise's bars and dots are where both percentages place them")
    func diagonal() throws {
        let chart = DiagonalChart(
            title: "t", xLabel: "x", yLabel: "y", legend: ["a < b"],
            bars: [.init(from: 0.5, to: 1, outcome: 0.25, told: "bar")],
            dots: [.init(promise: 0, outcome: 1, told: "dot"), .init(promise: 2, outcome: .nan, told: "beyond")])
        let reader = PageReader(chart.html.text)
        #expect(reader.problem == nil && reader.text.contains("a < b"))
        // The plot's area: 68…446 across, 246…24 up.
        let bar = try #require(reader.all("rect", class: "bar").first)
        #expect((bar["x"], bar["width"], bar["y"], bar["height"]) == ("258", "187", "190.5", "55.5"))
        let dots = reader.all("circle", class: "dot")
        #expect(dots.map { "\($0["cx"] ?? "") \($0["cy"] ?? "")" } == ["68 24", "446 246"])
        let line = try #require(reader.all("line", class: "mark").first)
        #expect([line["x1"], line["y1"], line["x2"], line["y2"]] == ["68", "246", "446", "24"])
    }

    @Test("every column of the histogram counts its pictures")
    func histogram() {
        let histogram = Histogram(title: "t", xLabel: "x", values: [0, 0.049, 0.05, 0.5, 1, 1, .nan, -1, 7])
        #expect(histogram.counts.reduce(0, +) == 6)
        #expect((histogram.counts[0], histogram.counts[1], histogram.counts[10], histogram.counts[19]) == (2, 1, 1, 2))
        #expect(PageReader(histogram.html.text).problem == nil)
    }

    @Test("settings have every key of the file, and no path")
    func settings() {
        let yaml = """
            data:
              path: "/home/someone/patients"
              dataset: isic17
              class_names: null
            initial_weights: "/home/someone/weights.pth"
            schedule:
              name: "cosine_annealing"
              eta_min: 1.0e-05
            epochs: 20
            """
        let groups = SettingsGroup.read(yaml: yaml)
        #expect(groups.map(\.name) == ["training", "data", "schedule"])
        #expect(groups[0] == SettingsGroup(name: "training", values: [("initial_weights", "weights.pth"), ("epochs", "20")]))
        #expect(groups[1] == SettingsGroup(name: "data", values: [("dataset", "isic17"), ("class_names", "none")]))
        #expect(groups[2] == SettingsGroup(name: "schedule", values: [("name", "cosine_annealing"), ("eta_min", "1e-5")]))
    }

    @Test("outlines follow truth and prediction, in the picture's own proportions")
    func pictures() throws {
        var plane = [Float](repeating: 0, count: 32 * 32)
        for y in 8..<24 { for x in 8..<24 { plane[y * 32 + x] = 1 } }
        let sample = Sample(
            image: [Float](repeating: 9, count: 3 * 32 * 32), channels: 3, height: 32, width: 32, target: .binary(plane), name: "a")
        let grey = Picture(width: 640, height: 480, channels: 3, filledWith: 100)
        let picture = ReportPicture(sample, original: grey)
        #expect((picture.picture.width, picture.picture.height) == (320, 240))
        // Resizing rounds off the corners.
        #expect(abs(picture.truth.pixels.count { $0 == 1 } - 160 * 120) < 100)
        let found = try PictureFile.decode(picture.found(.foreground(plane), threshold: 0.5, size: (32, 32)).jpeg, name: "found")
        // Blue where both end, grey inside and outside.
        #expect(found[120, 81, 2] > 180 && found[120, 81, 0] < 150)
        #expect(abs(Int(found[120, 160, 0]) - 100) < 8 && abs(Int(found[10, 10, 2]) - 100) < 8)
        let nothing = try picture.found(.foreground([Float](repeating: 0, count: 1024)), threshold: 0.5, size: (32, 32), caption: "p")
        #expect(nothing.caption == "p: nothing found")
        // A constant picture, and a plane with a NaN.
        var slice = Sample(
            image: [Float](repeating: .nan, count: 64), channels: 1, height: 8, width: 8, target: .labels([UInt8](repeating: 2, count: 64)),
            name: "b")
        slice.image[0] = 3
        #expect(ReportPicture(slice, original: nil).picture.pixels.allSatisfy { $0 == 0 })
    }
}
