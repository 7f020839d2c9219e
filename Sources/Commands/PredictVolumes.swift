import ArgumentParser
import Foundation
import Imaging
import Segmentation
import TensorFiles

extension IntensityWindow: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

extension Predict {
    /// Segments one volume: NAME.nii.gz in the input's geometry and, if asked for, a sheet of slices.
    func segment(volume url: URL, name: String, with segmenter: Segmenter, to folder: URL) throws {
        let output = folder.appending(path: name + ".nii.gz")
        let volume = try VolumeFile(url)
        let window = self.window ?? volume.window(for: segmenter)
        let intensities = volume.networkIntensities(for: segmenter, window: window)
        let labels = try VolumeSegmenter(segmenter).segment(intensities, shape: volume.shape) { done in
            Console.status(
                "segmenting \(Console.bar(Double(done) / Double(volume.shape.depth))) slice \(done)/\(volume.shape.depth)  \(url.lastPathComponent)"
            )
        }
        try labels.write(to: output, geometry: volume.geometry)
        if overlay {
            let shown = window == .none && !volume.isNormalized ? IntensityWindow.range : window
            let sheet = try VolumeSheet.draw(
                labels, on: shown.applied(to: volume.intensities), orientation: volume.isNormalized ? "???" : volume.geometry.orientation)
            try PictureFile.write(sheet, to: folder.appending(path: name + "_overlay.png"))
        }
    }
}
