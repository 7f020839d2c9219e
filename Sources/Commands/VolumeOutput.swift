import ArgumentParser
import Segmentation
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The format of results.
package enum VolumeOutput: String, ExpressibleByArgument, CaseIterable {
    /// Pictures: their masks are always PNG.
    case png
    case nifti = "nii.gz"
    case nrrd
    case metaImage = "mha"
    /// A DICOM segmentation, which archives keep beside its images.
    case dicomSegmentation = "dicom-seg"
    /// A DICOM series of the slices with outlines drawn on them.
    case secondaryCapture = "dicom-sc"

    /// The input's own kind: NRRD and MetaImage stay what they are, all others become NIfTI.
    init(for item: InputList.Item) {
        switch item.series == nil ? VolumeFormat(item.url) : nil {
        case .nrrd?: self = .nrrd
        case .metaImage?: self = .metaImage
        default: self = .nifti
        }
    }

    /// The ending of a mask's name.
    var ending: String {
        switch self {
        case .png: ".png"
        case .nifti: ".nii.gz"
        case .nrrd: ".seg.nrrd"
        case .metaImage: ".mha"
        case .dicomSegmentation: ".dcm"
        case .secondaryCapture: "_sc"
        }
    }

    /// The ending for volumes of numbers, such as probabilities.
    var numbersEnding: String {
        switch self {
        case .nrrd: ".nrrd"
        case .metaImage: ".mha"
        default: ".nii.gz"
        }
    }

    /// Throws for a volume whose labels cannot be written in this format, before the network runs.
    func requireFitting(_ volume: InputList.Item) throws {
        if self == .png { throw InputError("is a volume, which is not written as PNG; choose another --format") }
        guard isDICOM, volume.series == nil else { return }
        throw InputError("is not a DICOM series, and a DICOM result must refer to its images; choose another --format")
    }

    var isDICOM: Bool { self == .dicomSegmentation || self == .secondaryCapture }
}

/// The results that are wanted beside each mask.
struct WantedResults {
    var format: VolumeOutput?
    var overlay = false
    /// Classes whose probabilities are written; 0 for none.
    var probabilityClasses = 0
    var uncertainty = false
    var statistics = false
}

/// The files for an input's results.
package struct ResultFiles {
    package var mask: URL
    package var overlay: URL?
    /// One for each class except the background.
    package var probabilities: [URL] = []
    package var uncertainty: URL?
    /// CSV, then JSON; none, or both.
    package var statistics: [URL] = []

    package init(mask: URL, overlay: URL? = nil, probabilities: [URL] = [], uncertainty: URL? = nil, statistics: [URL] = []) {
        (self.mask, self.overlay, self.probabilities) = (mask, overlay, probabilities)
        (self.uncertainty, self.statistics) = (uncertainty, statistics)
    }

    /// The file of voxels beside a mask that is a header; nil for other masks.
    private var voxels: URL? { mask.pathExtension.lowercased() == "hdr" ? mask.deletingPathExtension().appendingPathExtension("img") : nil }

    var all: [URL] {
        [mask] + [voxels].compactMap(\.self) + [overlay].compactMap(\.self) + probabilities + [uncertainty].compactMap(\.self) + statistics
    }
}
