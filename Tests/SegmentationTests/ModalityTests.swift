import Testing

@testable import Segmentation

@Suite("Modalities")
struct ModalityTests {
    @Test(arguments: [
        ("MR", "CT", "is MR, and these weights were trained on CT"), ("PT", "CT", "is PT"), ("US", "ct ", "is US"), ("OT", "CT", "is OT"),
        ("CT", "MRI", "trained on MR"), ("CT", "PET", "trained on PT"), ("CT", "T1", "trained on MR"),
        ("MR ", "ultrasound", "trained on US"),
    ]) func anotherModalityIsNoted(series: String, weights: String, words: String) throws {
        let note = try #require(Modality.note(series: series, weights: weights))
        #expect(note.contains(words) && note.hasSuffix("do not trust the result unseen"))
    }

    @Test(
        arguments: [
            ("CT", "CT"), ("MR", "MRI"), ("MR", "mr"), ("MR", "FLAIR"), ("MR", "MRI (T1)"), ("PT", "PET"), ("US", "Ultrasound"),
            (nil, "CT"),
            ("", "CT"), ("MR", nil), ("MR", "channel 0"), ("PT", "PET/CT"), ("CT", "abdominal CT"),
        ] as [(String?, String?)]) func sameOrUnknownIsNot(series: String?, weights: String?)
    {
        #expect(Modality.note(series: series, weights: weights) == nil)
    }
}
