import Foundation
import Runs
import Segmentation
import VMUNet

/// The small set made by Fixtures/synapse_set.py: 12 slices of 4 patients, 3 volumes, 4 classes.
package enum SynapseSet {
    package static let url = volumeFixtures.appending(path: "SynapseSet")
    package static let names = ["background", "disc", "block", "dot"]
    package static var weights: URL { url.appending(path: "weights.safetensors") }

    /// A copy that a test may change.
    package static func withCopy<Result>(_ body: (URL) throws -> Result) throws -> Result {
        try withTemporaryFolder { folder in
            let copy = folder.appending(path: "set")
            try FileManager.default.copyItem(at: url, to: copy)
            return try body(copy)
        }
    }

    /// A network of one block per stage, for slices of 32×32.
    package static func configuration(_ folder: URL = url) throws -> RunConfiguration {
        var settings = RunConfiguration(.synapse, path: folder.path)
        settings.vmunet = VMUNetConfiguration(
            dims: [12, 24, 48, 96], depths: [1, 1, 1, 1], decoderDepths: [1, 1, 1, 1], stateSize: 4, dropPath: 0)
        try settings.takeClassesFromSet()
        settings.data.imageSize = 32
        (settings.batchSize, settings.epochs, settings.device, settings.workers) = (4, 2, .cpu, 1)
        settings.optimizer.learningRate = 5e-3
        return settings
    }
}
