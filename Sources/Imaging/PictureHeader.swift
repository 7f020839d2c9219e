import Files

/// A file's header, read without decoding the picture.
enum PictureHeader: Equatable {
    case png(PNGHeader)
    case jpeg(JPEGHeader)
    case bmp(BMPHeader)
    case tiff(TIFFHeader)

    /// Columns and rows as stored.
    var size: (width: Int, height: Int) {
        switch self {
        case .png(let header): (header.width, header.height)
        case .jpeg(let header): (header.width, header.height)
        case .bmp(let header): (header.width, header.height)
        case .tiff(let header): (header.width, header.height)
        }
    }

    var orientation: PictureOrientation {
        switch self {
        case .png(let header): header.orientation
        case .jpeg(let header): header.orientation
        case .bmp: .upright
        case .tiff(let header): header.orientation
        }
    }

    private static let jpeg: [UInt8] = [0xFF, 0xD8, 0xFF]

    /// Reads a file's header; the content decides its format.
    init(of file: FileReader) throws(PictureError) {
        let start = try reading { () throws(FileError) in try file.head(FileSignature.headLength) }
        if start.isEmpty { throw .empty(path: file.name) }
        if start.starts(with: PNGHeader.signature) {
            self = .png(try PNGHeader(of: file))
        } else if start.starts(with: Self.jpeg) {
            self = .jpeg(try JPEGHeader(of: file))
        } else if PNGHeader.signature.starts(with: start) || Self.jpeg.starts(with: start) {
            throw .damaged(path: file.name, reason: "the file ends after \(start.count) bytes")
        } else {
            let signature = FileSignature.of(start, size: file.size)
            switch signature.name {
            case "a BMP picture": self = .bmp(try BMPHeader(of: file))
            case "a TIFF picture", "a BigTIFF picture": self = .tiff(try TIFFHeader(of: file))
            default: throw .notAPicture(path: file.name, kind: signature.name, advice: Self.advice(signature))
            }
        }
        let (width, height) = size
        guard width <= PictureFile.pixelLimit / height else {
            throw .tooLarge(path: file.name, width: width, height: height, limit: PictureFile.pixelLimit)
        }
    }

    /// Advice for a file that is not a picture, or not a supported one.
    private static func advice(_ signature: FileSignature) -> String {
        if !signature.advice.isEmpty { return signature.advice }
        switch (signature.family, signature.name) {
        case (.picture, _): return "convert it to PNG or JPEG"
        case (_, "a DICOM file"): return "convert its series to NIfTI, for instance with dcm2niix, or this one picture to PNG"
        case (.volume, _): return "give it its usual ending, such as .nii.gz, to have it read as a volume"
        case (.array, _): return "give it its usual ending, such as .npz or .h5, to have it read as a volume"
        case (.video, _): return "save the frames of interest as PNG or JPEG"
        default: return "give a picture: PNG, JPEG, BMP or TIFF"
        }
    }
}
