import Files
import Foundation
import Segmentation
import TestSupport
import Testing
import VMUNet

@testable import Runs

/// Reading and writing configuration files.
struct ConfigurationFileTests {
    /// The error for a text, as "line: key: expected … got …".
    private func error(_ yaml: String) -> ConfigurationFileError? {
        #expect(throws: ConfigurationFileError.self) { try RunConfiguration(yaml: yaml, path: "run.yaml") }
    }

    /// Keys come from outside, so the error itself escapes characters that steer a terminal.
    @Test func messagesAreSafeToPrint() throws {
        let text = try #require(error("optimizer: {\"learning\\t\\e[31m_rate\": 1}")).description
        #expect(text.contains("optimizer.learning\\u{9}\\u{1b}[31m_rate: expected one of name, learning_rate"))
        #expect(!text.unicodeScalars.contains { $0.value < 0x20 })
    }

    @Test func messagesQuoteAReadableLength() throws {
        // YAML allows keys of 1024 bytes.
        let long = String(repeating: "a", count: 1000)
        for yaml in ["optimizer: {\(long): 1}", "data: {dataset: \(long)}"] {
            let text = try #require(error(yaml)).description
            #expect(text.contains("aaa") && text.utf8.count < 700, "\(text)")
        }
    }

    // MARK: - Reading

    @Test func whatIsNotGivenIsTheDataSets() throws {
        #expect(try RunConfiguration(yaml: "") == RunConfiguration())
        #expect(try RunConfiguration(yaml: "# nothing\n") == RunConfiguration())
        #expect(try RunConfiguration(yaml: "data:\n  dataset: isic18\n") == .isic18)
        #expect(try RunConfiguration(yaml: "data: {dataset: synapse}") == .synapse)
        #expect(try RunConfiguration(yaml: "optimizer:\nschedule:\n") == RunConfiguration())
        #expect(try RunConfiguration(yaml: "", dataset: .synapse) == .synapse)
        // The network's input is a patch.
        let patches = try RunConfiguration(yaml: "data: {patch_size: 64}").data
        #expect(patches.patchSize == 64 && patches.imageSize == 64)
        #expect(try RunConfiguration(yaml: "data: {dataset: isic17}", dataset: .synapse) == .synapse)
    }

    @Test func someKeysOfEverySection() throws {
        let read = try RunConfiguration(
            yaml: """
                data:
                  path: 2017   # a folder whose name is a number is a text all the same
                  dataset: synapse
                  classes: 4
                  ignored_label: 255
                network: {preset: tiny, depths: [2, 2, 9, 2], drop_path: 0.5}
                loss:
                  dice: 2
                  class_weights: [1, 2.5, 3, 4e0]
                optimizer: {name: sgd, learning_rate: 1e-2, momentum: 0.9, nesterov: yes}
                schedule: {name: multi_step, milestones: [3, 7]}
                clip_norm: 1
                workers: null
                seed: 18446744073709551615
                precision: bf16
                """)
        var expected = RunConfiguration(.synapse, path: "2017")
        expected.data.classes = 4
        expected.data.classNames = nil
        expected.data.ignoredLabel = 255
        expected.vmunet = .tiny
        expected.vmunet?.depths = [2, 2, 9, 2]
        expected.vmunet?.dropPath = 0.5
        expected.data.classes = 4
        expected.loss.dice = 2
        expected.loss.classWeights = [1, 2.5, 3, 4]
        expected.optimizer = OptimizerConfiguration(.sgd, learningRate: 0.01)
        expected.optimizer.momentum = 0.9
        expected.optimizer.nesterov = true
        expected.schedule = .multiStep(milestones: [3, 7])
        expected.clipNorm = 1
        expected.seed = .max
        expected.precision = .bf16
        #expect(read == expected)
        #expect(read.vmunet?.classes == 4)
    }

    @Test func termsOfTheLossAndAugmentationByName() throws {
        let read = try RunConfiguration(
            yaml: """
                data: {augmentation: {noise: 0.05, elastic: 30, elastic_sigma: 6, probability: 1}}
                loss: {cross_entropy: 0, focal: 0.5, focal_gamma: 3, tversky: 1, boundary: 0.01, cldice: 2, cldice_iterations: 5}
                """)
        var expected = RunConfiguration()
        (expected.data.augmentation.noise, expected.data.augmentation.elastic) = (0.05, 30)
        (expected.data.augmentation.elasticSigma, expected.data.augmentation.probability) = (6, 1)
        LossWeights("dice,focal=0.5,tversky,boundary=0.01,cldice=2")?.apply(to: &expected.loss)
        (expected.loss.terms.focalGamma, expected.loss.terms.centerlineIterations) = (3, 5)
        #expect(read == expected && read.segmentationLoss.terms == expected.loss.terms && read.segmentationLoss.crossEntropyWeight == 0)
        #expect(try RunConfiguration(yaml: read.yaml) == read)

        AugmentationStrengths("scale=0.25, blur=2")?.apply(to: &expected.data)
        #expect(expected.data.zoomJitter == 0.25 && expected.data.augmentation.blur == 2 && expected.data.augmentation.noise == 0.05)
        for wrong in ["", "bce", "dice=", "dice=-1", "dice=x", "dice,dice", "dice=nan", "dice=inf"] {
            #expect(LossWeights(wrong) == nil, "\(wrong)")
        }
        for wrong in ["", "noise", "noise=a", "noise=0.1,noise=0.2", "flip=1"] {
            #expect(AugmentationStrengths(wrong) == nil, "\(wrong)")
        }
    }

    // MARK: - Refusals and their lines

    @Test(arguments: [
        ("epochs: 3\nepoch: 4\n", 2, "epoch", "did you mean epochs?"),
        ("optimizer:\n  learning_rat: 1\n", 2, "optimizer.learning_rat", "did you mean learning_rate?"),
        ("optimizer:\n  learningRate: 1\n", 2, "optimizer.learningRate", "did you mean learning_rate?"),
        ("learning_rate: 1\n", 1, "learning_rate", "did you mean optimizer.learning_rate?"),
        ("\n\nschedule:\n  name: step\n  t_max: 4\n", 5, "schedule.t_max", "that is an option of another `schedule.name`"),
        ("optimizer: {name: adamw, momentum: 0.9}\n", 1, "optimizer.momentum", "that is an option of another `optimizer.name`"),
        ("zzz: 1\n", 1, "zzz", ""),
    ])
    func unknownKeys(yaml: String, line: Int, key: String, remedy: String) {
        let error = error(yaml)
        #expect(error?.line == line && error?.key == key && error?.remedy == remedy, "\(String(describing: error))")
        #expect(error?.got == "an unknown key")
    }

    @Test(arguments: [
        ("epochs: many\n", 1, "epochs", "a whole number", "many"),
        ("seed: 1\nepochs:\n  12.5\n", 3, "epochs", "a whole number", "12.5"),
        ("epochs: \"300\"\n", 1, "epochs", "a whole number", "the text \"300\""),
        ("epochs:\nseed: 1\n", 1, "epochs", "a whole number", "nothing"),
        ("batch_size: [1]\n", 1, "batch_size", "a whole number", "a list of 1"),
        ("batch_size: 99999999999999999999\n", 1, "batch_size", "a whole number", "99999999999999999999"),
        ("threshold: nan\n", 1, "threshold", "a number", "nan"),
        ("threshold: .inf\n", 1, "threshold", "a number", ".inf"),
        ("threshold: 1e999\n", 1, "threshold", "a number", "1e999"),
        ("data:\n  augment: 1\n", 2, "data.augment", "true or false", "1"),
        ("data:\n  path: {a: b}\n", 2, "data.path", "a text", "a section"),
        ("data:\n  dataset: isic19\n", 2, "data.dataset", "one of " + Dataset.allCases.map(\.rawValue).joined(separator: ", "), "isic19"),
        ("network:\n  dims: [1, 2, x, 4]\n", 2, "network.dims", "a list, each a whole number", "a list of 4"),
        ("device: gpu\n", 1, "device", "one of auto, cpu, cuda", "gpu"),
        ("workers: few\n", 1, "workers", "a whole number, or null", "few"),
        ("optimizer: adam\n", 1, "optimizer", "a section of `key: value` lines", "adam"),
        ("- a\n- b\n", 1, "", "a section of `key: value` lines", "a list of 2"),
    ])
    func wrongTypes(yaml: String, line: Int, key: String, expected: String, got: String) {
        let error = error(yaml)
        #expect(
            error?.line == line && error?.key == key && error?.expected == expected && error?.got == got, "\(String(describing: error))")
    }

    @Test(arguments: [
        ("seed: 1\nepochs: 0\n", 2, "epochs"),
        ("data:\n  image_size: 250\n", 2, "data.image_size"),
        ("data:\n  patch_size: 250\n", 2, "data.patch_size"),
        ("data: {image_size: 64, patch_size: 32}\n", 1, "data.image_size"),
        ("data: {dataset: nnunet, patch_size: 64}\n", 1, "data.patch_size"),
        ("data:\n  zoom_jitter: 2\n", 2, "data.zoom_jitter"),
        ("data: {dataset: synapse, color_jitter: 0.1}\n", 1, "data.color_jitter"),
        ("data:\n  classes: 2\n  class_names: [a, b, c]\n", 3, "data.class_names"),
        ("network:\n\n  drop_path: 1.0\n", 3, "network.drop_path"),
        ("network:\n  dims: [4, 8, 16]\n", 2, "network.dims"),
        ("network:\n  decoder_depths: [0, 1, 1, 1]\n", 2, "network.decoder_depths"),
        ("optimizer:\n  name: sgd\n  learning_rate: -1\n", 3, "optimizer.learning_rate"),
        ("schedule:\n  t_max: 0\n", 2, "schedule.t_max"),
        ("schedule:\n  name: cosine_anealing\n", 2, "schedule.name"),
        ("loss: {class_weights: [1]}\n", 1, "loss.class_weights"),
        ("loss: {dice: 0, cross_entropy: 0}\n", 1, "loss.dice"),
        ("loss: {dice: 0, cross_entropy: 0, focal: -1}\n", 1, "loss.focal"),
        ("loss:\n  tversky_beta: 0\n", 2, "loss.tversky_beta"),
        ("loss:\n  focal_alpha: 1\n", 2, "loss.focal_alpha"),
        ("data: {classes: 3}\nloss:\n  focal_alpha: 0.25\n", 3, "loss.focal_alpha"),
        ("loss:\n  cldice_iterations: -1\n", 2, "loss.cldice_iterations"),
        ("data:\n  augmentation:\n    noise: 1.5\n", 3, "data.augmentation.noise"),
        ("data:\n  augmentation: {elastic: 20, elastic_sigma: 0}\n", 2, "data.augmentation.elastic_sigma"),
        ("clip_norm: 0\n", 1, "clip_norm"),
        ("ema_decay: 1\n", 1, "ema_decay"),
        ("threshold: 1\n", 1, "threshold"),
    ])
    func senselessValues(yaml: String, line: Int, key: String) {
        let error = error(yaml)
        #expect(error?.line == line && error?.key == key, "\(String(describing: error))")
    }

    /// A set in Synapse's layout defines its number of classes; names define it as well.
    @Test func classesMayComeFromTheNamesOrTheSet() throws {
        let named = try RunConfiguration(yaml: "data: {dataset: synapse, class_names: [background, a, \"b, c\"]}")
        #expect(named.data.classes == 3 && named.data.classNames == ["background", "a", "b, c"])
        let waiting = try RunConfiguration(yaml: "data: {dataset: synapse}\nloss: {class_weights: [1, 2, 3, 4]}")
        #expect(waiting.loss.classWeights == [1, 2, 3, 4] && waiting.problems.map(\.key) == ["data.path", "loss.class_weights"])
        for (text, line) in [
            ("data: {dataset: synapse}\nloss: {class_weights: [1, -2, 3, 4]}", 2),
            ("data: {dataset: synapse, classes: 3}\nloss: {class_weights: [1, 2, 3, 4]}", 2),
            ("data: {dataset: folder}\nloss: {class_weights: [1, 2, 3, 4]}", 2),
            ("data: {dataset: synapse, classes: 4, class_names: [a, b]}", 1), ("data: {dataset: synapse, class_names: [a]}", 1),
        ] {
            let error = try #require(throws: ConfigurationFileError.self, "\(text)") { try RunConfiguration(yaml: text) }
            #expect(error.line == line, "\(error)")
        }
    }

    @Test func aPresetWithOtherChannelsIsRefused() throws {
        let error = error("network:\n  preset: tiny\n  dims: [96, 192, 384, 768]\n")
        #expect(error?.key == "network.dims" && error?.line == 3)
        let yaml = try RunConfiguration.isic17.yaml
        #expect(throws: ConfigurationFileError.self) { try RunConfiguration(yaml: yaml.replacing("preset: base", with: "preset: tiny")) }
        let stated = try RunConfiguration(yaml: "network: {preset: tiny, dims: [24, 48, 96, 192]}")
        #expect(stated.vmunet == .tiny)
    }

    @Test func messagesSayFileLineExpectedAndGot() {
        #expect(
            error("\nepochs: many")?.description == "run.yaml:2: epochs: expected a whole number, got many")
        #expect(
            error("optimizer: {name: rprop, eta: 1}")?.description
                == "run.yaml:1: optimizer.eta: expected one of name, learning_rate, etas, step_sizes, got an unknown key; did you mean etas?"
        )
    }

    // MARK: - Invalid and hostile YAML

    @Test(
        arguments: [
            ("epochs: 3\n  seed: 1\n", 2), ("a: [1, 2\n", nil), ("epochs: 1\nepochs: 2\n", nil), ("a: 'b\n", nil), ("? [1]\n: 2\n", nil),
            ("epochs: 1\n---\nepochs: 2\n", nil), ("\u{0}", nil), ("%YAML 9.9\n---\na: 1", nil), ("\tepochs: 1\n", nil),
        ] as [(String, Int?)])
    func brokenYAML(yaml: String, line: Int?) {
        let error = error(yaml)
        #expect(error?.path == "run.yaml")
        if let line { #expect(error?.line == line, "\(String(describing: error))") }
    }

    @Test func bombsAreRefused() {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for i in 1...30 { bomb += "a\(i): &a\(i) [" + Array(repeating: "*a\(i - 1)", count: 10).joined(separator: ", ") + "]\n" }
        let refused = error(bomb)
        #expect(refused?.line == 2 && refused?.remedy == "write the values out where they are needed")
        // The parser itself would expand a key to compare it.
        #expect(error(bomb + "? *a30\n: 1\n")?.line == 2)
        #expect(error("a: &x 1\n<<: *x\n")?.key == "a")
        // Depth, size, and the length of text repeated in a message.
        #expect(error(String(repeating: "[", count: 200_000)) != nil)
        #expect(error(String(repeating: "{a: ", count: 100_000)) != nil)
        #expect(error((0..<500).map { String(repeating: " ", count: $0) + "a:\n" }.joined()) != nil)
        #expect(error(String(repeating: "#", count: 2 << 20))?.expected.contains("at most") == true)
        #expect((error("epochs: " + String(repeating: "9", count: 100_000))?.description.count ?? .max) < 300)
        #expect((error(String(repeating: "k", count: 1000) + ": 1") != nil))
    }

    @Test func aFewAliasesAreRead() throws {
        let read = try RunConfiguration(yaml: "epochs: &n 7\nbatch_size: *n\n")
        #expect(read.epochs == 7 && read.batchSize == 7)
    }

    @Test func starsAndAmpersandsInTextsAreNoAliases() throws {
        let read = try RunConfiguration(yaml: "data:\n  path: \"/a/*b/&c d\" # x *b\n  classes: 1\n  class_names: ['R&D *']\n")
        #expect(read.data.path == "/a/*b/&c d")
        #expect(read.data.classNames == ["R&D *"])
    }

    // MARK: - Files

    private func withFolder(_ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "vmunet-configuration-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder)
    }

    @Test func filesThatAreNone() throws {
        try withFolder { folder in
            let file = folder.appending(path: "c.yaml")
            let missing = #expect(throws: ConfigurationFileError.self) { try RunConfiguration(yamlFile: file) }
            #expect(missing?.path == file.relativePath)
            #expect(throws: ConfigurationFileError.self) { try RunConfiguration(yamlFile: folder) }
            #expect(throws: ConfigurationFileError.self) { try RunConfiguration(yamlFile: URL(filePath: "/dev/zero")) }
            try Data([0xFF, 0xFE, 0x80]).write(to: file)
            #expect(throws: ConfigurationFileError.self) { try RunConfiguration(yamlFile: file) }
            try Data(repeating: 0x20, count: (1 << 20) + 1).write(to: file)
            #expect(throws: ConfigurationFileError.self) { try RunConfiguration(yamlFile: file) }
            #expect(throws: FileError.self) { try RunConfiguration().write(to: folder.appending(path: "none/c.yaml")) }
        }
    }

    @Test func writtenFilesReadBackEqual() throws {
        try withFolder { folder in
            let file = folder.appending(path: "config.yaml")
            for configuration in Self.various {
                try configuration.write(to: file)
                #expect(try RunConfiguration(yamlFile: file) == configuration)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["config.yaml"])
        }
    }

    @Test func theWholeIsWritten() throws {
        let yaml = try RunConfiguration.isic17.yaml
        for key in RunConfiguration.allKeys where !key.hasPrefix("optimizer.") && !key.hasPrefix("schedule.") {
            #expect(yaml.contains((key.split(separator: ".").last ?? "") + ":"), "\(key)")
        }
        #expect(yaml.contains("learning_rate: 0.001\n") && yaml.contains("eta_min: 1.0e-05\n") && yaml.contains("betas: [0.9, 0.999]\n"))
    }

    /// Every optimiser and schedule, and values that are hard to write.
    static var various: [RunConfiguration] {
        var all: [RunConfiguration] = [.isic17, .isic18, .synapse, RunConfiguration()]
        for (i, name) in OptimizerConfiguration.Name.allCases.enumerated() {
            var one = RunConfiguration(.isic17, path: ["null", "~", "", "12", "a: b # c", "C:\\ü\"'\n\t–", "true", "*x &x", " lead"][i])
            one.optimizer = OptimizerConfiguration(name)
            one.optimizer.learningRate =
                [0.1 + 0.2, 1e-300, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1.0 / 3, 1e22, 123456789.125, 1, 0][i]
            one.schedule = Schedule.all[i]
            one.initialWeights = i.isMultiple(of: 2) ? nil : "null"
            one.data.classes = i + 2
            one.data.classNames = i.isMultiple(of: 3) ? nil : (0..<i + 2).map { "class \($0): yes" }
            one.data.ignoredLabel = i.isMultiple(of: 4) ? 255 : nil
            one.data.augment = i.isMultiple(of: 2)
            one.data.zoomJitter = Double(i) / 16
            one.loss.classWeights = i.isMultiple(of: 2) ? (0..<i + 2).map { Double($0) / 7 } : nil
            one.vmunet = i.isMultiple(of: 2) ? .tiny : VMUNetConfiguration(dims: [16, 32, 64, 128], depths: [2, 1, 2, 1])
            one.data.classes = i + 2
            one.clipNorm = i.isMultiple(of: 2) ? 0.1 : nil
            one.emaDecay = i.isMultiple(of: 3) ? 0.9999 : nil
            one.earlyStopping = i.isMultiple(of: 3) ? 5 : nil
            one.workers = i.isMultiple(of: 2) ? i : nil
            one.seed = .max - UInt64(i)
            all.append(one)
        }
        return all
    }

    /// Keys that are lists, mappings or aliases: comparing deep ones takes Yams forever.
    @Test(arguments: [
        "? ? ? a", "epochs: 2\n? [a, b]\n: 1\n", "[a, b]: 1", "a: {[b]: 1}", "{a: {b: c} : d}", "x: &a [1]\n*a : 2\n", "&a [b]: 1",
        "!!seq [b]: 1", "- ? a", "a: {? b : c}", "x: [\"]\"]: 3",
    ])
    func compoundKeysAreRefused(text: String) {
        let error = #expect(throws: ConfigurationFileError.self) { try RunConfiguration(yaml: text, path: "c.yaml") }
        #expect(error?.description.contains("as a key") == true, "\(String(describing: error))")
    }

    @Test func textThatOnlyLooksLikeAKeyIsTaken() throws {
        for text in ["what? yes", "'[x]: y'", "\"a {b}: c\"", "[1, 2] # ? no", "2 * 3 : 4", "\"*a : b\"", "{a: [1], b: {c: [2]}}", "why?"] {
            #expect(CompoundKeys.line(of: "a: \(text)\nb: [1, {c: 2}]\n") == nil, "\(text)")
        }
        // Long runs take one look each.
        for text in [
            String(repeating: "*", count: 1 << 20), String(repeating: " ", count: 1 << 20) + "?", String(repeating: "[", count: 1 << 20),
        ] {
            _ = CompoundKeys.line(of: text)
        }
    }
}
