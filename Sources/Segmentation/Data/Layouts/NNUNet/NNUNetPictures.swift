#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Sets of pictures in the folders of nnU-Net, which this layout does not read.
package enum NNUNetPictures {
    /// The problem and the way out; nil unless a folder of images, with one of labels beside it, holds
    /// pictures.
    package static func advice(for directory: URL) -> (problem: String, remedy: String)? {
        for (images, labels) in VolumeCases.folders(of: "train") {
            let folders = [images, labels].map { directory.appending(path: $0) }
            guard folders.allSatisfy(FolderListing.isFolder),
                ((try? FolderListing.list(folders[0])) ?? []).contains(where: FolderListing.isPicture)
            else { continue }
            let rename =
                switch labels {
                case "masks": ""
                case "labelsTr": "rename imagesTr and labelsTr to images and masks, the files to NAME.png in both, and "
                default: "rename \(labels) to \(labels.replacing("labels", with: "masks")), and "
                }
            return ("\(images) holds pictures, not volumes", rename + "use --dataset folder")
        }
        return nil
    }
}
