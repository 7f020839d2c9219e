import Foundation
import Testing

extension ToolTests {
    /// Work that is cut into shares, each a process of its own.
    @Suite(.enabled(if: Tool.light != nil, "set VMUNET_LIGHT_BINARY to the tool without libtorch")) struct ShardTests {
        private func light(_ arguments: [String], environment: [String: String] = [:]) throws -> Tool.Outcome {
            try Running(try #require(Tool.light), arguments, environment: environment).outcome()
        }

        /// The names, times and bytes of a folder's files.
        private func state(_ folder: URL) throws -> [String] {
            try names(folder).map { name in
                let url = folder.appending(path: name)
                let time = try FileManager.default.attributesOfItem(atPath: url.path)[.modificationDate] as? Date
                return "\(name) \(time?.timeIntervalSince1970 ?? 0) \((try? Data(contentsOf: url).hashValue) ?? 0)"
            }
        }

        @Test func predictJoinsItsShares() throws {
            let (whole, shared) = (try Scratch.folder(), try Scratch.folder())
            let arguments = ["predict", "--weights", Shared.weights.path, "--image-size", "64", Shared.pictures.path]
            expectDone(try light(arguments + ["--output", whole.path]))
            for share in ["3/3", "1/3"] {
                let outcome = try light(arguments + ["--output", shared.path, "--shard", share])
                expectDone(outcome)
                #expect(outcome.error.contains("the last to end joins"))
                #expect(!exists(shared.appending(path: "predictions.json")))
            }
            // The last one's share comes from its launcher.
            let last = try light(
                arguments + ["--output", shared.path], environment: ["OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "3"])
            expectDone(last)
            #expect(last.error.contains("all 3 shares are done"))
            let files = names(whole)
            #expect(files.count == 9 && names(shared) == files + ["shards"])
            for file in files {
                #expect(try Data(contentsOf: shared.appending(path: file)) == Data(contentsOf: whole.appending(path: file)), "\(file)")
            }
            // A share that is run twice changes no mask; a mask that is missing is made again.
            let masks = try state(shared).filter { $0.contains(".png") }
            expectDone(try light(arguments + ["--output", shared.path, "--shard", "2/3"]))
            #expect(try state(shared).filter { $0.contains(".png") } == masks && masks.count == 8)
            let missing = shared.appending(path: files[0])
            try FileManager.default.removeItem(at: missing)
            expectDone(try light(arguments + ["--output", shared.path, "--shard", "1/3"]))
            #expect(try Data(contentsOf: missing) == Data(contentsOf: whole.appending(path: files[0])))
        }

        /// Shares made with other settings do not belong together.
        @Test func sharesOfOtherSettingsAreNotJoined() throws {
            let folder = try Scratch.folder()
            let arguments = ["predict", "--weights", Shared.weights.path, Shared.pictures.path, "--output", folder.path]
            expectDone(try light(arguments + ["--image-size", "64", "--shard", "1/2"]))
            let second = try light(arguments + ["--image-size", "32", "--shard", "2/2"])
            expectDone(second)
            #expect(second.error.contains("1 share of other inputs, paths, weights or settings: 1. Run it"), "\(second)")
            #expect(!exists(folder.appending(path: "predictions.json")))
            expectDone(try light(arguments + ["--image-size", "32", "--shard", "1/2"]))
            #expect(exists(folder.appending(path: "predictions.json")))
        }

        /// A share's table that is damaged is made again.
        @Test func aDamagedTableOfAShareIsMadeAgain() throws {
            let folder = try Scratch.folder()
            let arguments = [
                "predict", "--weights", Shared.weights.path, "--image-size", "64", Shared.pictures.path, "--output", folder.path, "--shard",
            ]
            expectDone(try light(arguments + ["1/2"]))
            let table = folder.appending(path: "shards/1-of-2.json")
            try Data(Data(contentsOf: table).prefix(100)).write(to: table)
            for share in ["2/2", "1/2"] { expectDone(try light(arguments + [share])) }
            #expect(exists(folder.appending(path: "predictions.json")))
        }

        @Test func aBadInputOfOneShareIsInTheJoinedTable() throws {
            let (pictures, output) = (try Scratch.folder(), try Scratch.folder())
            for name in names(Shared.pictures).prefix(3) {
                try FileManager.default.copyItem(at: Shared.pictures.appending(path: name), to: pictures.appending(path: name))
            }
            try Data("no picture".utf8).write(to: pictures.appending(path: "bad.png"))
            let arguments = ["predict", "--weights", Shared.weights.path, "--image-size", "64", pictures.path, "--output", output.path]
            #expect(try light(arguments + ["--shard", "1/2"]).code == 65)
            expectDone(try light(arguments + ["--shard", "2/2"]))
            let table = try #require(
                try JSONSerialization.jsonObject(with: Data(contentsOf: output.appending(path: "predictions.json"))) as? [[String: Any]])
            #expect(table.count == 4 && table.filter { $0["error"] != nil }.count == 1)
        }

        /// Scores of one process, of an array of jobs and of mpirun's processes are equal to the byte,
        /// with each number that `evaluate` can measure; of a set whose last batch is short, and with
        /// more shares than batches.
        @Test(
            arguments: [
                ["--batch-size", "3"], ["--batch-size", "3", "--calibration", "--uncertainty"],
                ["--own-size", "--tta", "flips", "--uncertainty"],
                ["--tile", "32", "--calibration"],
            ])
        func evaluateJoinsItsShares(options: [String]) throws {
            let folder = try Scratch.folder()
            func scores(_ name: String) -> [String] {
                ["--json", folder.appending(path: name + ".json").path, "--csv", folder.appending(path: name + ".csv").path]
            }
            func bytes(_ name: String) throws -> [Data] {
                try ["json", "csv"].map { try Data(contentsOf: folder.appending(path: "\(name).\($0)")) }
            }
            let arguments =
                ["evaluate", "--weights", Shared.weights.path, "--data", Shared.discs.path, "--dataset", "folder"]
                + (options.contains("--tile") ? [] : ["--image-size", "64"]) + options
            let whole = try light(arguments + scores("whole"))
            expectDone(whole)
            for share in ["5/5", "1/5", "4/5", "2/5"] {
                let outcome = try light(arguments + scores("shared") + ["--shard", share])
                expectDone(outcome)
                #expect(outcome.error.contains("share \(share) is done; the last to end joins") && outcome.out.isEmpty, "\(outcome)")
                #expect(!exists(folder.appending(path: "shared.json")))
            }
            let last = try light(
                arguments + scores("shared"), environment: ["OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "5"])
            expectDone(last)
            #expect(last.error.contains("all 5 shares are done") && last.out == whole.out && !last.error.contains("weights:"), "\(last)")
            #expect(try bytes("shared") == bytes("whole"))
            #expect(names(folder) == ["shared.csv", "shared.json", "shared.json.shares", "whole.csv", "whole.json"])
            // A share that is run again, later, leaves the joined scores as they are.
            let again = try light(arguments + scores("shared") + ["--shard", "2/5"])
            expectDone(again)
            #expect(again.error.contains("share 2/5 is done, as before") && again.out.isEmpty, "\(again)")
            #expect(try bytes("shared") == bytes("whole"))
        }

        /// Shares from before the data changed are not joined with later ones, whichever ends first.
        @Test func scoresOfEarlierDataAreNotJoined() throws {
            let folder = try Scratch.folder(), data = folder.appending(path: "set"), file = folder.appending(path: "scores.json")
            try Discs.write(train: 1, validation: 6, to: data)
            let arguments = [
                "evaluate", "--weights", Shared.weights.path, "--image-size", "64", "--batch-size", "2", "--dataset", "folder",
            ]
            func share(_ number: Int, _ path: URL) throws -> Tool.Outcome {
                try light(arguments + ["--data", path.path, "--json", file.path, "--shard", "\(number)/3"])
            }
            for number in [1, 2] { expectDone(try share(number, data)) }
            let masks = data.appending(path: "val/masks"), two = names(masks)
            try FileManager.default.removeItem(at: masks.appending(path: two[0]))
            try FileManager.default.copyItem(at: masks.appending(path: two[1]), to: masks.appending(path: two[0]))
            let third = try share(3, data)
            #expect(
                third.error.contains("2 shares of other weights, settings or pictures") && third.error.contains("1, 2. Run them"),
                "\(third)")
            #expect(!exists(file))
            // The set's other name is the same set.
            let link = folder.appending(path: "link")
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: data)
            for number in [2, 1] { expectDone(try share(number, link)) }
            let whole = folder.appending(path: "whole.json")
            expectDone(try light(arguments + ["--data", data.path, "--json", whole.path]))
            #expect(try Data(contentsOf: file) == Data(contentsOf: whole))
        }

        /// Shares that were scored with other settings, or weights, wait for their own.
        @Test func scoresOfOtherSettingsAreNotJoined() throws {
            let file = try Scratch.folder().appending(path: "scores.json")
            let arguments = [
                "evaluate", "--weights", Shared.weights.path, "--data", Shared.discs.path, "--image-size", "64", "--json", file.path,
            ]
            expectDone(try light(arguments + ["--shard", "1/2", "--threshold", "0.4"]))
            let second = try light(arguments + ["--shard", "2/2"])
            expectDone(second)
            #expect(!exists(file) && second.error.contains("1 share of other weights, settings or pictures"), "\(second)")
            expectDone(try light(arguments + ["--shard", "1/2"]))
            #expect(exists(file))
        }

        @Test(arguments: [[], ["--json", "-"], ["--csv", "-"], ["--json", "scores.json", "--csv", "-"]]) func sharedScoresNeedAFile(
            options: [String]
        ) throws {
            let outcome = try light(
                ["evaluate", "--weights", Shared.weights.path, "--data", Shared.discs.path, "--shard", "1/2"] + options)
            expectRefusal(outcome, 64, naming: "--json FILE or --csv FILE")
        }

        @Test(
            arguments: [
                ["predict", Shared.pictures.path, "--output", "masks"], ["evaluate", "--data", Shared.discs.path, "--json", "s.json"],
            ])
        func mpirunAndAShareAreRefused(arguments: [String]) throws {
            let outcome = try light(
                arguments + ["--weights", Shared.weights.path, "--shard", "1/4"], environment: ["PMI_RANK": "0", "PMI_SIZE": "2"])
            expectRefusal(outcome, 64, naming: "mpirun or srun started 2 processes")
        }

        /// mpirun's processes on one machine share its processors, and --threads overrides that.
        @Test func processesShareTheProcessors() throws {
            func threads(_ options: [String] = [], _ processes: String? = nil) throws -> Int? {
                var place: [String: String] = [:]
                if let processes {
                    place = ["OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_LOCAL_SIZE": processes]
                }
                let arguments = ["bench", "--preset", "tiny", "--image-size", "32", "--runs", "1", "--warm-up", "0", "--json"]
                let outcome = try light(arguments + options, environment: place)
                expectDone(outcome)
                return try json(outcome.out)["threads"] as? Int
            }
            #expect(try threads([], "2") == max(1, ProcessInfo.processInfo.processorCount / 2))
            #expect(try threads([], "1000") == 1)
            #expect(try threads([], "1") == threads())
            #expect(try threads(["--threads", "3"], "1000") == 3)
        }

        @Test(arguments: ["0/2", "3/2", "2", "a/b", "1/0", "-1/2", "1/1000000"]) func otherSharesAreRefused(text: String) throws {
            let outcome = try light(["predict", Shared.pictures.path, "--output", "masks", "--shard=\(text)"])
            #expect(outcome.code == 64 && outcome.error.contains("--shard"), "\(outcome.error)")
        }
    }
}
