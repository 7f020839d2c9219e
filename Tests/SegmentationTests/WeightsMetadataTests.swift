import TensorFiles
import Testing

@testable import Segmentation

@Suite struct WeightsMetadataTests {
    private func full() -> WeightsMetadata {
        var metadata = WeightsMetadata()
        metadata.format = 1
        (metadata.input, metadata.modality, metadata.window) = (.volumes, "CT", .fixed(low: -125, high: 275.5))
        (metadata.voxelOrder, metadata.spacing) = (VoxelOrder("LPS"), VoxelSpacing(depth: 3, height: 0.8, width: 0.8))
        (metadata.valueRange, metadata.inputChannels) = (0...1, 1)
        (metadata.classNames, metadata.classColors) = (["background", "spleen, left"], ["#000000", "#56b4e9"])
        (metadata.dataset, metadata.threshold, metadata.imageSize, metadata.ignoredLabel) = (.synapse, 0.4, 224, 255)
        return metadata
    }

    /// Metadata are numbers in `.pth` and text in `.safetensors`.
    @Test func comesBackAsItWas() throws {
        #expect(try WeightsMetadata(full().values) == full())
        #expect(try WeightsMetadata(full().values.mapValues { .string($0.text) }) == full())
        #expect(full().values["version"] == .string(Provenance.version))
    }

    @Test func aNewerFormIsRefused() {
        for form in ["2", "17", "0", "-1"] {
            let error = #expect(throws: MetadataError.self) { try WeightsMetadata(["format_version": .string(form)]) }
            #expect(error?.description.contains("form \(form)") == true && error?.remedy.contains("newer vmunet") == true)
        }
        // Out of range, and of another type; in foreign weights the key means nothing.
        for form in ["1180591620717411303424", "2.1", "two"] {
            let values: [String: MetadataValue] = ["format_version": .string(form), "input": .string("volumes")]
            let error = #expect(throws: MetadataError.self) { try WeightsMetadata(values) }
            #expect(error?.description.contains("form \(form.prefix(20))") == true)
            #expect(throws: Never.self) { try WeightsMetadata(["format_version": .string(form)]) }
        }
    }

    @Test(arguments: [
        ("window", "low"), ("voxel_order", "RRR"), ("value_range", "0,2"), ("input", "sounds"), ("threshold", "1.5"), ("spacing", "1,0,1"),
        ("input_channels", "17"), ("neighbors", "8"), ("slice_fit", "squeeze"), ("normalization", "zscore;x"), ("ignored_label", "300"),
        ("class_colors", "red"),
    ])
    func valuesThatMakeNoSense(key: String, value: String) throws {
        let error = #expect(throws: MetadataError.self) { try WeightsMetadata(["format_version": .integer(1), key: .string(value)]) }
        #expect(error?.key == key)
        // In foreign weights such a key means something else, or nothing.
        #expect(try WeightsMetadata([key: .string(value)]) == WeightsMetadata())
    }

    /// Weights from before the format was recorded: their layout's name fixed the input.
    @Test func olderWeightsOfOurs() throws {
        let isic = try WeightsMetadata(["dataset": .string("isic17"), "image_size": .string("256"), "threshold": .string("0.5")])
        #expect(isic.input == .pictures && isic.modality == "dermoscopy" && isic.valueRange == 0...255 && isic.imageSize == 256)
        let names = SynapseLayout.synapseClassNames
        let synapse = try WeightsMetadata(["dataset": .string("synapse"), "class_names": .string(names.joined(separator: ","))])
        #expect(synapse.input == .volumes && synapse.window == .abdomen && synapse.valueRange == 0...1)
        let other = try WeightsMetadata(["dataset": .string("synapse"), "class_names": .string("background,heart")])
        #expect(other.input == .volumes && other.window == nil && other.modality == nil)
        #expect(try WeightsMetadata(["epoch": .integer(3)]) == WeightsMetadata())
        #expect(try WeightsMetadata([:]).summary == nil)
        #expect(isic.summary == "dermoscopy pictures (isic17), 256×256, values 0…255, threshold 0.5")
        let isFull = full().summary?.contains("CT volumes (synapse), window -125,275.5, voxel order LPS") == true
        #expect(isFull)
    }

    @Test func optionsGoBeforeWeightsBeforeAssumptions() throws {
        let known = InputConvention(full())
        #expect(known.window == .fixed(low: -125, high: 275.5) && known.voxelOrder == VoxelOrder("LPS") && known.volumeScale == 1)
        #expect(known.volumeAssumptions.isEmpty && known.pictureAssumptions.isEmpty)
        var options = InputConvention.Options()
        (options.window, options.scale, options.keepsStoredOrder) = (.range, 255, true)
        let asked = InputConvention(full(), options: options)
        #expect(asked.window == .range && asked.voxelOrder == nil && asked.volumeScale == 255 && asked.volumeAssumptions.isEmpty)
        let nothing = InputConvention(WeightsMetadata())
        #expect(nothing.window == .percentiles && nothing.voxelOrder == nil && (nothing.pictureScale, nothing.volumeScale) == (255, 1))
        #expect(nothing.pictureAssumptions.count == 1 && nothing.volumeAssumptions.count == 3)
        #expect(nothing.volumeAssumptions.joined().contains("--window") && nothing.volumeAssumptions.joined().contains("--voxel-order"))
        // Arrays of 0…1 are neither mapped nor turned.
        #expect(nothing.arrayAssumptions == [nothing.volumeAssumptions[0]] && nothing.arrayAssumptions[0].contains("--value-range"))
        #expect(known.arrayAssumptions.isEmpty)
    }

    /// FIPS 180-4's examples, and lengths around a block's.
    @Test func digestsAreSHA256s() {
        #expect(SHA256.hexadecimal(of: []) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(SHA256.hexadecimal(of: Array("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        let two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
        #expect(SHA256.hexadecimal(of: Array(two.utf8)) == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
        let million = [UInt8](repeating: 0x61, count: 1_000_000)
        #expect(SHA256.hexadecimal(of: million) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
        for var parts in [SHA256(), SHA256(isPortable: true)] {
            for start in stride(from: 0, to: million.count, by: 977) {
                million[start..<min(start + 977, million.count)].withUnsafeBytes { parts.update($0) }
            }
            #expect(parts.finished() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
        }
    }
}
