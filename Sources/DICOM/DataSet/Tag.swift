/// The number of an attribute: its group and its element.
public struct Tag: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The group, such as 0x0028 of pixels.
    public let group: UInt16
    /// The element within the group.
    public let element: UInt16

    /// The tag (group,element).
    public init(_ group: UInt16, _ element: UInt16) { (self.group, self.element) = (group, element) }

    /// "(0028,0010)".
    public var description: String { "(\(Self.hex(group)),\(Self.hex(element)))" }

    /// By group, then by element, as files are sorted.
    public static func < (a: Tag, b: Tag) -> Bool { (a.group, a.element) < (b.group, b.element) }

    private static func hex(_ value: UInt16) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }
}

extension Tag {
    static let item = Tag(0xFFFE, 0xE000), itemEnd = Tag(0xFFFE, 0xE00D), sequenceEnd = Tag(0xFFFE, 0xE0DD)

    static let mediaStorageClass = Tag(2, 2), mediaStorageInstance = Tag(2, 3), transferSyntax = Tag(2, 0x10)

    static let characterSet = Tag(8, 5), imageType = Tag(8, 8), sopClass = Tag(8, 0x16), sopInstance = Tag(8, 0x18)
    static let studyDate = Tag(8, 0x20), seriesDate = Tag(8, 0x21), contentDate = Tag(8, 0x23)
    static let studyTime = Tag(8, 0x30), seriesTime = Tag(8, 0x31), contentTime = Tag(8, 0x33)
    static let accessionNumber = Tag(8, 0x50), modality = Tag(8, 0x60), conversionType = Tag(8, 0x64)
    static let manufacturer = Tag(8, 0x70), referringPhysician = Tag(8, 0x90), codeValue = Tag(8, 0x100), codingScheme = Tag(8, 0x102)
    static let codeMeaning = Tag(8, 0x104), studyDescription = Tag(8, 0x1030), seriesDescription = Tag(8, 0x103E)
    static let modelName = Tag(8, 0x1090), referencedSeries = Tag(8, 0x1115), referencedImage = Tag(8, 0x1140)
    static let referencedInstance = Tag(8, 0x114A), referencedClass = Tag(8, 0x1150), referencedInstanceUID = Tag(8, 0x1155)
    static let derivationDescription = Tag(8, 0x2111), sourceImage = Tag(8, 0x2112), derivationImage = Tag(8, 0x9124)
    static let derivationCode = Tag(8, 0x9215)

    static let patientName = Tag(0x10, 0x10), patientID = Tag(0x10, 0x20), patientBirthDate = Tag(0x10, 0x30), patientSex = Tag(0x10, 0x40)
    static let sliceThickness = Tag(0x18, 0x50), spacingBetweenSlices = Tag(0x18, 0x88)
    static let serialNumber = Tag(0x18, 0x1000), softwareVersions = Tag(0x18, 0x1020)

    static let studyUID = Tag(0x20, 0xD), seriesUID = Tag(0x20, 0xE), studyID = Tag(0x20, 0x10), seriesNumber = Tag(0x20, 0x11)
    static let instanceNumber = Tag(0x20, 0x13), position = Tag(0x20, 0x32), orientation = Tag(0x20, 0x37)
    static let referencedFrames = Tag(0x3006, 0x10)
    static let frameOfReference = Tag(0x20, 0x52), positionReference = Tag(0x20, 0x1040)
    static let frameContent = Tag(0x20, 0x9111), planePosition = Tag(0x20, 0x9113), planeOrientation = Tag(0x20, 0x9116)
    static let dimensionIndexValues = Tag(0x20, 0x9157), dimensionUID = Tag(0x20, 0x9164), dimensionPointer = Tag(0x20, 0x9165)
    static let functionalGroupPointer = Tag(0x20, 0x9167), dimensionOrganization = Tag(0x20, 0x9221), dimensionIndex = Tag(0x20, 0x9222)
    static let dimensionLabel = Tag(0x20, 0x9421)

    static let samples = Tag(0x28, 2), photometric = Tag(0x28, 4), planar = Tag(0x28, 6), frames = Tag(0x28, 8)
    static let rows = Tag(0x28, 0x10), columns = Tag(0x28, 0x11), pixelSpacing = Tag(0x28, 0x30)
    static let bitsAllocated = Tag(0x28, 0x100), bitsStored = Tag(0x28, 0x101), highBit = Tag(0x28, 0x102), pixelSign = Tag(0x28, 0x103)
    static let padding = Tag(0x28, 0x120), paddingLimit = Tag(0x28, 0x121)
    static let intercept = Tag(0x28, 0x1052), slope = Tag(0x28, 0x1053), lossy = Tag(0x28, 0x2110), lossyRatio = Tag(0x28, 0x2112)
    static let lossyMethod = Tag(0x28, 0x2114), modalityTable = Tag(0x28, 0x3000), pixelMeasures = Tag(0x28, 0x9110)
    static let valueTransformation = Tag(0x28, 0x9145), windowCenter = Tag(0x28, 0x1050), windowWidth = Tag(0x28, 0x1051)

    static let segmentationType = Tag(0x62, 1), segments = Tag(0x62, 2), categoryCode = Tag(0x62, 3), segmentNumber = Tag(0x62, 4)
    static let segmentLabel = Tag(0x62, 5), segmentDescription = Tag(0x62, 6), algorithmType = Tag(0x62, 8), algorithmName = Tag(0x62, 9)
    static let segmentIdentification = Tag(0x62, 0xA), referencedSegment = Tag(0x62, 0xB), displayColor = Tag(0x62, 0xD)
    static let fractionalType = Tag(0x62, 0x10), segmentsOverlap = Tag(0x62, 0x13), maximumFraction = Tag(0x62, 0xE)
    static let typeCode = Tag(0x62, 0xF), typeModifier = Tag(0x62, 0x11)
    static let contentLabel = Tag(0x70, 0x80), contentDescription = Tag(0x70, 0x81), contentCreator = Tag(0x70, 0x84)
    static let purposeCode = Tag(0x40, 0xA170)

    static let regionSequence = Tag(0x3006, 0x20), regionNumber = Tag(0x3006, 0x22), regionName = Tag(0x3006, 0x26)
    static let regionColor = Tag(0x3006, 0x2A), regionContours = Tag(0x3006, 0x39), contours = Tag(0x3006, 0x40)
    static let contourType = Tag(0x3006, 0x42), contourData = Tag(0x3006, 0x50), referencedRegion = Tag(0x3006, 0x84)

    static let sharedGroups = Tag(0x5200, 0x9229), frameGroups = Tag(0x5200, 0x9230)
    static let floatPixels = Tag(0x7FE0, 8), doublePixels = Tag(0x7FE0, 9), pixels = Tag(0x7FE0, 0x10)
}
