import Segmentation

/// The paper's comparison with other networks (Tables I and II), in percent and millimetres.
package enum PaperComparison {
    /// Table I: mIoU, DSC, Acc, Spe, Sen; nil if the paper has no such network or set.
    package static func pictures(_ network: String, on dataset: Dataset) -> [Double]? { tableI[dataset.rawValue]?[family(network)] }

    /// Table II: DSC and HD95 on Synapse; nil if the paper has no such network or set.
    package static func volumes(_ network: String, on dataset: Dataset) -> (dice: Double, hd95: Double)? {
        dataset.rawValue == "synapse" ? tableII[family(network)] : nil
    }

    /// The paper's VM-UNet is of the base size.
    private static func family(_ network: String) -> String { network == "vmunet-base" ? NetworkSettings.vmunet : network }

    private static let tableI: [String: [String: [Double]]] = [
        "isic17": [
            "unet": [76.98, 86.99, 95.65, 97.43, 86.82], "malunet": [78.78, 88.13, 96.18, 98.47, 84.78],
            "vmunet": [80.23, 89.03, 96.29, 97.58, 89.90],
        ],
        "isic18": [
            "unet": [77.86, 87.55, 94.05, 96.69, 85.86], "unetpp": [78.31, 87.83, 94.02, 95.75, 88.65],
            "attention-unet": [78.43, 87.91, 94.13, 96.23, 87.60], "malunet": [80.25, 89.04, 94.62, 96.19, 89.74],
            "vmunet": [81.35, 89.71, 94.91, 96.13, 91.12],
        ],
    ]

    private static let tableII: [String: (dice: Double, hd95: Double)] = [
        "unet": (76.85, 39.70), "attention-unet": (77.77, 36.02), "transunet": (77.48, 31.69), "swin-unet": (79.13, 21.55),
        "vmunet": (81.08, 19.21),
    ]
}
