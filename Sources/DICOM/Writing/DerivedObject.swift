import Files

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension DataSetBuilder {
    /// Repeats what every derived object must repeat from its images: patient, study and character
    /// set. Archives file it by these; they go nowhere else.
    ///
    /// - Parameter texts: the object's own texts, which decide the character set with the images'.
    mutating func describe(
        _ source: DICOMSource, sopClass: String, sopInstance: String, modality: String, version: String, texts: [String] = []
    ) throws {
        let first = source.first
        for (tag, what) in [(Tag.studyUID, "study"), (.seriesUID, "series")] where first.text(tag) == nil {
            throw Fault(
                .unwritable, "cannot be written: the images give no UID of their \(what), by which archives file results",
                remedy: "choose another format, or give the series as the archive has it")
        }
        guard !source.images.contains(where: { $0.sopInstance.isEmpty }) else {
            throw Fault(
                .unwritable, "cannot be written: images give no UID of their own, by which a result refers to them",
                remedy: "choose another format, or give the series as the archive has it")
        }
        let given = first.text(.characterSet), needsMore = texts.contains { !$0.utf8.allSatisfy { $0 < 0x80 } }
        // Both can be told in UTF-8 without knowing more than this.
        let isTranscoded = needsMore && [nil, "ISO_IR 6", "ISO_IR 100"].contains(given)
        if isTranscoded { text(.characterSet, "CS", "ISO_IR 192") } else if given != nil { copy(.characterSet, "CS", from: first) }
        for (tag, representation) in [
            (Tag.patientName, "PN"), (.patientID, "LO"), (.patientBirthDate, "DA"), (.patientSex, "CS"), (.studyUID, "UI"),
            (.studyDate, "DA"), (.studyTime, "TM"), (.studyID, "SH"), (.accessionNumber, "SH"), (.referringPhysician, "PN"),
        ] {
            if isTranscoded {
                // Latin-1's letters have Unicode's numbers.
                text(tag, representation, String(String.UnicodeScalarView((first.bytes(tag) ?? []).map { Unicode.Scalar($0) })))
            } else {
                copy(tag, representation, from: first)
            }
        }
        text(.sopClass, "UI", sopClass)
        text(.sopInstance, "UI", sopInstance)
        text(.modality, "CS", modality)
        text(.manufacturer, "LO", "vmunet")
        text(.modelName, "LO", "VM-UNet")
        text(.serialNumber, "LO", "0")
        text(.softwareVersions, "LO", version)
        let (date, time) = Self.now()
        for tag in [Tag.contentDate, .seriesDate] { text(tag, "DA", date) }
        for tag in [Tag.contentTime, .seriesTime] { text(tag, "TM", time) }
    }

    /// Our own text in the object's character set; other characters become question marks, which only
    /// happens beside images whose character set is neither Latin-1 nor Unicode.
    func ours(_ text: String, limit: Int = 64) -> String {
        let isUnicode = self[.characterSet].flatMap(DataSet.text) == "ISO_IR 192"
        return String(
            text.unicodeScalars.prefix(limit).map { scalar -> Character in
                let isForeign = scalar.value < 0x20 || scalar == "\\" || scalar.value == 0x7F || (!isUnicode && scalar.value > 0x7E)
                return isForeign ? "?" : Character(scalar)
            })
    }

    private static func now() -> (date: String, time: String) {
        var seconds = time(nil)
        var parts = tm()
        localtime_r(&seconds, &parts)
        func digits(_ value: Int32, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return (
            digits(parts.tm_year + 1900, 4) + digits(parts.tm_mon + 1, 2) + digits(parts.tm_mday, 2),
            digits(parts.tm_hour, 2) + digits(parts.tm_min, 2) + digits(parts.tm_sec, 2)
        )
    }

    /// A code, its texts in this object's character set.
    func code(_ code: SegmentCodes.Code) -> DataSetBuilder {
        var set = DataSetBuilder()
        set.text(.codeValue, "SH", ours(code.value))
        set.text(.codingScheme, "SH", ours(code.scheme))
        set.text(.codeMeaning, "LO", ours(code.meaning))
        return set
    }

    /// A reference to an image.
    static func reference(_ image: DICOMImage, frame: Int? = nil) -> DataSetBuilder {
        var set = DataSetBuilder()
        set.text(.referencedClass, "UI", image.sopClass)
        set.text(.referencedInstanceUID, "UI", image.sopInstance)
        if let frame { set.text(Tag(8, 0x1160), "IS", "\(frame + 1)") }
        return set
    }
}
