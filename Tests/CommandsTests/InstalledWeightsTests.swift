import Foundation
import Testing

@testable import Commands

@Suite struct InstalledWeightsTests {
    @Test func weightsBesideTheProgramAreFound() throws {
        let root = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().appending(path: "vmunet-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        let (package, deep) = (root.appending(path: "package"), root.appending(path: "package/.build/x/release"))
        try FileManager.default.createDirectory(at: deep, withIntermediateDirectories: true)
        let executable = deep.appending(path: "vmunet")
        try Data().write(to: package.appending(path: "Package.swift"))
        for folder in [root, package] {
            try FileManager.default.createDirectory(at: folder.appending(path: "Weights"), withIntermediateDirectories: true)
        }
        // A folder above the package is not searched.
        try Data().write(to: root.appending(path: "Weights/isic17.safetensors"))
        #expect(InstalledWeights.url(environment: [:], executable: executable) == nil)
        let own = package.appending(path: "Weights/isic17.safetensors")
        try Data().write(to: own)
        #expect(InstalledWeights.url(environment: [:], executable: executable)?.path == own.path)
        let link = root.appending(path: "vmunet")
        try Data().write(to: executable)
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: executable)
        #expect(InstalledWeights.url(environment: [:], executable: link)?.path == own.path)
        #expect(InstalledWeights.url(environment: ["VMUNET_WEIGHTS": "/there/w.pth"], executable: executable)?.path == "/there/w.pth")
        #expect(InstalledWeights.url(environment: ["VMUNET_WEIGHTS": ""], executable: executable)?.path == own.path)
        #expect(InstalledWeights.url(environment: [:], executable: nil) == nil)
    }
}
