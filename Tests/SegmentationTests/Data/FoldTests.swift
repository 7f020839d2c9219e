import Foundation
import TestSupport
import Testing

@testable import Segmentation

/// Folds, and groups that stay together.
@Suite struct FoldTests {
    @Test func everySampleIsInOneFoldAndGroupsStayWhole() {
        let groups = (0..<103).map { "patient \($0 * $0 % 17)" }
        let folds = FoldDivision.folds(of: groups, count: 5, seed: 3)
        #expect(folds.count == 103 && Set(folds) == Set(0..<5))
        for group in Set(groups) { #expect(Set(zip(groups, folds).filter { $0.0 == group }.map(\.1)).count == 1) }
        // Nine groups of 6 or 12: no fold is further from a fifth than the largest group.
        let sizes = (0..<5).map { fold in folds.count { $0 == fold } }
        let largest = Set(groups).map { group in groups.count { $0 == group } }.max() ?? 0
        #expect(sizes.max()! - sizes.min()! <= largest)
        #expect(folds == FoldDivision.folds(of: groups, count: 5, seed: 3) && folds != FoldDivision.folds(of: groups, count: 5, seed: 4))
    }

    @Test func foldsOfSinglesAreEvenAndDrawn() {
        let names = (0..<23).map { "picture \($0)" }
        let folds = FoldDivision.folds(of: names, count: 4, seed: 1)
        #expect((0..<4).map { fold in folds.count { $0 == fold } }.sorted() == [5, 6, 6, 6])
        #expect(folds != names.indices.map { $0 % 4 })
        // A name's fold depends on the set of names, not on their order.
        let order = names.indices.reversed().map { $0 }
        #expect(FoldDivision.folds(of: order.map { names[$0] }, count: 4, seed: 1) == order.map { folds[$0] })
    }

    @Test func heldGroupsHaveTheShare() {
        let groups = (0..<100).map { "\($0 / 4)" }
        for seed in 0..<20 as Range<UInt64> {
            let held = FoldDivision.held(of: groups, fraction: 0.2, seed: seed)
            #expect(held.count(where: \.self) == 20)
            for group in Set(groups) { #expect(Set(zip(groups, held).filter { $0.0 == group }.map(\.1)).count == 1) }
        }
        // One group trains and one validates, whatever the share.
        #expect(FoldDivision.held(of: ["a", "a", "b"], fraction: 0.01, seed: 1).count(where: \.self) < 3)
        #expect(Set(FoldDivision.held(of: ["a", "b"], fraction: 0.99, seed: 1)) == [true, false])
    }

    private func groups(_ table: String, column: String? = nil, of names: [String] = ["a", "b.1", "c"]) throws -> [String] {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "groups.csv")
            try Data(table.utf8).write(to: file)
            var settings = DataSettings()
            (settings.groups, settings.groupColumn) = (file.path, column)
            return try SampleGroups.of(names, settings)
        }
    }

    @Test(arguments: [
        ("image,patient\na,1\nb.1,2\nc,1\n", nil), ("a,1\nb.1,2\nc,1", nil),
        ("\u{FEFF}patient;image\r\n1;a.jpg\r\n2;b.1.jpg\r\n1;c.png\r\n", nil),
        ("image\tsex\tpatient\na\tf\t1\n\nb.1\tf\t2\nc\tm\t1\nd\tm\t9\n", "patient"),
        ("\"image\",\"the, \"\"patient\"\"\"\n\"a\", 1\nb.1,\" 2\"\nc,1\n", "the, \"patient\""),
    ])
    func tables(table: String, column: String?) throws {
        #expect(try groups(table, column: column) == ["1", "2", "1"])
    }

    @Test(arguments: [
        ("image,patient\na,1\nc,1\n", nil, "b.1"), ("x,1\ny,2\n", nil, "names"), ("a,1,2\nb.1,2,3\nc,1,2\n", nil, "--group-column"),
        ("image,patient\na,1\nb.1,2\nc,1\n", "lesion", "image, patient"),
        ("image,patient,patient\na,1,2\nb.1,2,1\nc,1,2\n", "patient", "two columns patient"), ("a,1\na,2\nb.1,1\nc,1", nil, "two groups"),
        ("a\nb.1\nc\n", nil, "one column"), ("image,patient\na,\nb.1,1\nc,1\n", nil, "empty"),
    ])
    func uselessTables(table: String, column: String?, word: String) {
        let error = #expect(throws: DataError.self) { try groups(table, column: column) }
        #expect("\(String(describing: error))".contains(word), "\(String(describing: error))")
    }

    /// A line of very many fields among very many lines: each field is looked at once.
    @Test func wideTables() throws {
        let wide = String(repeating: "x,", count: 400_000) + "x\n", long = String(repeating: "y,2\n", count: 300_000)
        let table = long + "a,1\nb.1,1\nc,2\n"
        #expect(try groups(table, column: nil) == ["1", "1", "2"])
        let useless = #expect(throws: DataError.self) { try groups(wide + table, column: nil) }
        #expect("\(String(describing: useless))".contains("400000 columns beside"), "\(String(describing: useless))")
        let error = #expect(throws: DataError.self) { try groups(wide + wide + wide + wide + table, column: nil) }
        #expect("\(String(describing: error))".contains("fields"), "\(String(describing: error))")
    }

    /// Lines, quotes and separators as Python's csv module reads them.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON"))
    func fieldsArePythons() throws {
        let text = "a,b,c\n\"1,\n2\",\"say \"\"x\"\"\",\n,,3\r\n\"\",d,e\"f"
        let script = "import csv, io, json, sys; print(json.dumps([r for r in csv.reader(io.StringIO(sys.argv[1], newline='')) if any(r)]))"
        let expected = try JSONDecoder().decode([[String]].self, from: Data(try Python.run(script, [text]).utf8))
        #expect(GroupTable.rows(text) == expected)
    }

    @Test func patterns() throws {
        var settings = DataSettings()
        settings.groupPattern = "^([^_]+)_"
        #expect(try SampleGroups.of(["p1_a", "p1_b", "p22_a"], settings) == ["p1", "p1", "p22"])
        settings.groupPattern = "[0-9]+"
        #expect(try SampleGroups.of(["p1_a", "p1_b", "p22_a"], settings) == ["1", "1", "22"])
        #expect(throws: DataError.self) { try SampleGroups.of(["p1", "q"], settings) }
        settings.groupPattern = "("
        #expect(throws: DataError.self) { try SampleGroups.of(["p1"], settings) }
    }

    @Test func fewPicturesAreAmongMore() throws {
        #expect(FoldDivision.drawn(100, of: 7, seed: 1) == Array(0..<7))
        let (few, more) = (FoldDivision.drawn(5, of: 50, seed: 1), FoldDivision.drawn(9, of: 50, seed: 1))
        #expect(few.count == 5 && Set(few).isSubset(of: more) && few == few.sorted() && few != Array(0..<5))
        let folder = try TemporaryFolder()
        try folder.writePairs(7, split: "train")
        try folder.writePairs(3, split: "val")
        var settings = DataSettings(.folder, path: folder.url.path)
        (settings.imageSize, settings.pictures) = (32, 4)
        let data = try settings.dataset.layout.trainingData(settings, seed: 1)
        #expect(data.training.count == 4 && data.validation?.count == 3 && data.notes.last?.hasPrefix("4 of 7") == true)
    }

    /// The folds of a folder's part `train`, which together validate each picture once.
    @Test func foldsOfAFolder() throws {
        let folder = try TemporaryFolder()
        try folder.writePairs(7, split: "train")
        try folder.writePairs(3, split: "val")
        var settings = DataSettings(.folder, path: folder.url.path)
        (settings.imageSize, settings.folds) = (32, 3)
        let whole = try PairedFolder(folder.url, split: "train", options: .init(size: 32))
        var validated: [String] = []
        for fold in 0..<3 {
            settings.fold = fold
            let data = try settings.dataset.layout.trainingData(settings, seed: 1)
            let held = try #require(data.validation)
            let names = (0..<held.count).map(held.name)
            #expect(data.training.count + held.count == 7 && Set(names).isDisjoint(with: (0..<data.training.count).map(data.training.name)))
            validated += names
        }
        #expect(validated.sorted() == (0..<7).map(whole.name).sorted())
        (settings.folds, settings.fold) = (8, 0)
        #expect(throws: DataError.self) { try settings.dataset.layout.trainingData(settings, seed: 1) }
    }
}
