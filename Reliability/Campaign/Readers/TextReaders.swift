import DICOM
import Foundation
import Runs
import Segmentation
import TensorFiles
import VMUNet

let textReaders: [any Reader] = [
    ConfigurationReader(), GridReader(), RunReader(), ArchitectureReader(), GroupsReader(), VolumeSetReader(), CodesReader(),
]

/// A run's configuration.
private struct ConfigurationReader: Reader {
    let name = "yaml"
    let ending = "yaml"
    let fixtures = ["yaml", "yml"]

    var examples: [[UInt8]] {
        ["isic17", "synapse", "folder"].compactMap { name in
            guard let dataset = Dataset(rawValue: name) else { return nil }
            return (try? RunConfiguration(dataset, path: "data").yaml).map { Array($0.utf8) }
        }
    }

    func read(_ file: Scratch) throws {
        let configuration = try RunConfiguration(yamlFile: file.url)
        // Writes the configuration that was read and expects an equal one back.
        let text = try configuration.yaml
        Promise.hold(try RunConfiguration(yaml: text, path: file.name) == configuration, "a configuration reads back otherwise: \(text)")
        _ = try RunConfiguration.lines(inYAMLFile: file.url)
    }
}

/// A grid of runs. Its base may be another file, which an error then names instead.
private struct GridReader: Reader {
    let name = "grid"
    let ending = "yaml"
    let fixtures: [String] = []

    let examples = [
        """
        title: Drop path
        base:
          data: {path: data, dataset: folder, image_size: 32}
          network: {preset: tiny}
          epochs: 2
        axes:
          network.drop_path: [0.0, 0.2]
          architecture:
            one: {network.decoder_depths: [2, 2, 2, 1]}
            two: {network.decoder_depths: [2, 2, 2, 2], optimizer.learning_rate: 0.01}
        """,
        "base: base.yaml\naxes: {loss.dice: [0.5, 1.0]}\n",
    ].map { Array($0.utf8) }

    func read(_ file: Scratch) throws {
        do {
            _ = try AblationGrid(yamlFile: file.url)
        } catch {
            Promise.check(error, about: file, isNamed: false)
        }
    }
}

/// A run's log and environment. Lines that are not events are skipped.
private struct RunReader: Reader {
    let name = "run"
    let ending = "jsonl"
    let fixtures: [String] = []

    let examples = [
        """
        {"epoch":1,"kind":"step","loss":1.5,"lr":0.001,"step":1}
        {"best":true,"dsc":0.5,"accuracy":0.5,"epoch":1,"kind":"epoch","lr":0.001,"miou":0.3,"seconds":1.5,"sensitivity":0.5,"specificity":0.5,"train_loss":1.4,"val_loss":1.3}
        {"best":false,"epoch":2,"kind":"epoch","lr":0.001,"seconds":1.5,"train_loss":1.4}
        """,
        #"[{"cores":2,"cpu":"x","date":"2026-01-01T00:00:00Z","device":"cpu","instruction_set":"avx2","libtorch":"2.13.0","memory_bytes":1,"system":"y"}]"#,
        #"{"epoch":1,"step":2,"totalSteps":8,"lossSum":1.5,"images":8,"validationLosses":[1.25],"bestLoss":1.25,"bestEpoch":1}"#,
    ].map { Array($0.utf8) }

    func read(_ file: Scratch) throws {
        let run = RunFolder(existing: file.folder)
        for url in [run.metrics, run.environment] { try Data(file.bytes).write(to: url) }
        _ = try run.epochs()
        _ = RunEnvironment.read(run)
        let text = MetadataValue.string(String(decoding: file.bytes, as: UTF8.self))
        _ = try? WeightsMetadata(["class_names": text, "dataset": text, "image_size": text, "threshold": text])
        if let position = try? JSONDecoder().decode(TrainingPosition.self, from: Data(file.bytes)) {
            let copy = try? JSONDecoder().decode(TrainingPosition.self, from: JSONEncoder().encode(position))
            Promise.hold(copy == position, "a position reads back otherwise: \(position)")
        }
    }
}

/// An architecture given by keys and shapes, one per line: `vmunet.final_conv.weight 1,24,1,1`.
private struct ArchitectureReader: Reader {
    let name = "keys"
    let ending = "txt"
    let fixtures = ["safetensors"]

    func seeds(in fixture: [UInt8]) -> [[UInt8]] {
        guard let header = Envelope.safetensors.open(fixture)?.first,
            let fields = try? JSONSerialization.jsonObject(with: Data(header.bytes)) as? [String: Any]
        else { return [] }
        let lines = fields.sorted { $0.key < $1.key }.compactMap { key, value -> String? in
            guard key.hasPrefix("vmunet."), let shape = (value as? [String: Any])?["shape"] as? [Int] else { return nil }
            return key + " " + shape.map(String.init).joined(separator: ",")
        }
        return lines.isEmpty ? [] : [Array(lines.joined(separator: "\n").utf8)]
    }

    func read(_ file: Scratch) throws {
        var shapes: [String: [Int]] = [:]
        for line in String(decoding: file.bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1)
            guard words.count == 2 else { continue }
            shapes[String(words[0])] = words[1].split(separator: ",").compactMap { Int($0) }
        }
        guard let configuration = try? VMUNetConfiguration(readFrom: { shapes[$0] }) else { return }
        try configuration.validate()
        let summary = VMUNetSummary(configuration, height: 32, width: 32)
        Promise.hold(summary.parameters > 0, "\(configuration) has \(summary.parameters) parameters")
    }
}

/// A table of pictures and what they belong to.
private struct GroupsReader: Reader {
    let name = "groups"
    let ending = "csv"
    let fixtures = ["csv"]

    let examples = [
        "image,patient,site\na.jpg,P1,x\n\"b\",\"P \"\"2\"\"\",y\n c ,P1,\"x\ny\"\n",
        "\u{FEFF}a;1\r\nb;2\r\nc;2\r\n", "lesion\tname\n1\ta.png\n1\tb.png\n2\tc.png",
    ].map { Array($0.utf8) }

    func read(_ file: Scratch) throws {
        let names: Set<String> = ["a", "b", "c"]
        let column = file.digest % 3 == 0 ? "patient" : nil
        let table = try GroupTable(file.url, column: column, names: names)
        Promise.hold(names.isSuperset(of: table.groups.keys), "groups of pictures that nobody asked for")
    }
}

/// A `dataset.json` of nnU-Net's or the Decathlon's form.
private struct VolumeSetReader: Reader {
    let name = "dataset"
    let ending = "json"
    let fixtures = ["dataset.json"]

    let examples = [
        #"{"channel_names":{"0":"CT"},"labels":{"background":0,"liver":1,"tumour":2,"ignore":3},"numTraining":2,"file_ending":".nii.gz"}"#,
        #"{"channel_names":{"0":"T1","1":"FLAIR"},"labels":{"background":0,"whole":[1,2,3],"core":[2,3],"enhancing":[3]},"regions_class_order":[1,2,3]}"#,
        #"{"modality":{"0":"MRI"},"labels":{"0":"background","1":"Anterior"},"training":[{"image":"./imagesTr/a.nii.gz","label":"./labelsTr/a.nii.gz"}]}"#,
        #"{"labels":{"background":0,"a":1},"dataset":{"x":{"images":["i/x_0000.png"],"label":"l/x.png"}}}"#,
    ].map { Array($0.utf8) }

    func read(_ file: Scratch) throws {
        let description = try VolumeSetDescription(file.url)
        let classes = description.classNames.count
        Promise.hold(
            classes > 1 && description.classes.allSatisfy { Int($0 ?? 0) <= classes }
                && description.regions.allSatisfy { !$0.labels.contains(0) },
            "\(classes) classes, labels \(description.classes)")
    }
}

/// A table of SNOMED codes by class name.
private struct CodesReader: Reader {
    let name = "codes"
    let ending = "tsv"
    let fixtures: [String] = []

    let examples = [
        "# ours\nleft_kidney\t123037004\tAnatomical Structure\t64033007\tKidney\t7771000\tLeft\n",
        "pelvis\tSCT:123037004\tAnatomical Structure\tFMA:9578\tPelvis\r\n",
    ].map { Array($0.utf8) }

    func read(_ file: Scratch) throws { _ = try SegmentCodes(file.url) }
}
