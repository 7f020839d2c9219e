import Foundation
import TensorFiles
import Testing

extension ToolTests {
    /// `vmunet page`, and the WebAssembly in the repository.
    @Suite(.serialized) struct PageTests {
        private static let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        /// Written once; no test changes it.
        static let page = Result { () throws -> URL in
            let folder = Scratch.root.appending(path: "page")
            expectDone(try Tool.run("page", "--output", folder.path))
            return folder
        }

        // MARK: The command

        @Test func theFolderIsWholeAndSmall() throws {
            let folder = try Self.page.get()
            let list = try #require(
                try JSONSerialization.jsonObject(with: Data(contentsOf: folder.appending(path: "page.json"))) as? [String: Any])
            let files = try #require(list["files"] as? [String])
            #expect(list["weights"] as? String == "weights/isic17.safetensors")
            let sizes = try files.map {
                try #require(FileManager.default.attributesOfItem(atPath: folder.appending(path: $0).path)[.size] as? Int)
            }
            #expect(sizes.reduce(0, +) < 16_000_000)
            let modules = zip(files, sizes).filter { $0.0.hasSuffix(".wasm") }
            #expect(modules.count == 2 && modules.allSatisfy { $0.1 <= 600_000 })
            // Every module that a script imports is on the list, and so is whatever the page names.
            for file in files where file.hasSuffix(".js") {
                let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
                for match in text.matches(of: /from "(\.[^"]+)"/) {
                    let base = folder.appending(path: file).deletingLastPathComponent()
                    let path = base.appending(path: String(match.1)).standardizedFileURL.path
                    #expect(files.contains { folder.appending(path: $0).standardizedFileURL.path == path }, "\(file): \(match.1)")
                }
            }
        }

        @Test func jsonHasTheFilesAndTheirSize() throws {
            let folder = try Scratch.folder().appending(path: "page")
            let outcome = try Tool.run("page", "--output", folder.path, "--json")
            expectDone(outcome)
            let found = try json(outcome.out)
            let files = try #require(found["files"] as? [String])
            let sizes = try files.map { try Data(contentsOf: folder.appending(path: $0)).count }
            #expect(files.contains("index.html") && found["bytes"] as? Int == sizes.reduce(0, +))
            #expect(found["weights"] as? String == "weights/isic17.safetensors")
        }

        @Test func itReplacesAPageAndNothingElse() throws {
            let folder = try Scratch.folder()
            expectDone(try Tool.run("page", "--output", folder.path))
            let added = folder.appending(path: "app/.htaccess")
            try Data().write(to: added)
            expectRefusal(try Tool.run("page", "--output", folder.path), naming: "app/.htaccess")
            try FileManager.default.removeItem(at: added)
            let parent = try Scratch.folder(), link = parent.appending(path: "link")
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: folder)
            expectDone(try Tool.run("page", "--output", link.path))
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == folder.path && names(parent) == ["link"])
            let claims = try Scratch.folder()
            for (name, text) in [("page.json", "{\"my\": 1}"), ("thesis.txt", "mine")] {
                try Data(text.utf8).write(to: claims.appending(path: name))
            }
            expectRefusal(try Tool.run("page", "--output", claims.path), naming: "other files")
            #expect(names(claims) == ["page.json", "thesis.txt"])
            let other = try Scratch.folder()
            try Data("mine".utf8).write(to: other.appending(path: "notes.txt"))
            expectRefusal(try Tool.run("page", "--output", other.path), naming: "other files")
            #expect(names(other) == ["notes.txt"])
        }

        /// A run's last checkpoint is written without its optimizer's state.
        @Test func onlyTheNetworkIsWritten() throws {
            let folder = try Scratch.folder(), file = folder.appending(path: "last.safetensors"), output = folder.appending(path: "page")
            var weights = try WeightsFile.read(Shared.nineClasses)
            let own = weights
            for (key, tensor) in own { weights["optimizer.exp_avg." + key] = tensor }
            try WeightsFile.write(weights, to: file)
            expectDone(try Tool.run("page", "--output", output.path, "--weights", file.path))
            #expect(Set(try WeightsFile.read(output.appending(path: "weights/last.safetensors")).keys) == Set(own.keys))
        }

        @Test func badWeightsLeaveNoFolder() throws {
            let folder = try Scratch.folder(), weights = folder.appending(path: "bad.safetensors"), output = folder.appending(path: "page")
            try Data("nothing".utf8).write(to: weights)
            expectRefusal(try Tool.run("page", "--output", output.path, "--weights", weights.path), naming: "bad.safetensors")
            #expect(names(folder) == ["bad.safetensors"])
        }

        // MARK: The built module

        /// With the compilers that made it, the sources give the WebAssembly in the repository bit
        /// for bit.
        @Test func theModuleIsWhatTheSourcesGive() throws {
            let browser = Self.package.appending(path: "Sources/VMUNetBrowser"), folder = try Scratch.folder()
            let outcome = try Running(
                URL(filePath: "/bin/bash"), [browser.appending(path: "build.sh").path, "--if-compilers-are-those", folder.path]
            ).outcome()
            if outcome.code == 69 { return print("skipped: \(outcome.error)") }
            expectDone(outcome)
            for name in ["vmunet.wasm", "vmunet-relaxed.wasm"] {
                let (built, kept) = (
                    try Data(contentsOf: folder.appending(path: name)), try Data(contentsOf: browser.appending(path: "Page/\(name)"))
                )
                #expect(built == kept, "\(name): run Sources/VMUNetBrowser/build.sh and commit what it gives")
            }
        }
    }
}
