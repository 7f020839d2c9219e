import Foundation
import Runs
import Segmentation

extension RunConfiguration {
    /// Two epochs on a folder's pictures at 32×32, three in a batch, on the CPU.
    package static func short(on folder: URL) -> RunConfiguration {
        var settings = RunConfiguration(.folder, path: folder.path)
        (settings.data.imageSize, settings.epochs, settings.batchSize) = (32, 2, 3)
        (settings.device, settings.workers) = (.cpu, 1)
        return settings
    }
}

extension TemporaryFolder {
    /// A set of generated pictures with parts of these sizes.
    package convenience init(train: Int, val: Int = 0) throws {
        try self.init()
        try writePairs(train, split: "train")
        try writePairs(val, split: "val")
    }
}
