import Files
import Foundation
import Segmentation
import TensorFiles

/// Weights that the server offers.
package struct ServedModel: Sendable {
    /// The file's name without its extension; requests choose a model by it.
    package let name: String
    /// The weights' file.
    package let url: URL
    package let segmenter: Segmenter
    /// SHA-256 of the file, in hexadecimal.
    package let digest: String
    /// The device, precision and threads of its network.
    let compute: Compute
    private let stamp: FileStamp?

    /// Loads weights.
    ///
    /// - Throws: an error if they cannot be read.
    package init(_ url: URL, compute: Compute = Compute(), networks: NetworkLoader = .kernels) throws {
        name = url.deletingPathExtension().lastPathComponent
        (self.url, self.compute) = (url, compute)
        stamp = FileStamp(url)
        segmenter = try Segmenter(weights: url, compute: compute, networks: networks)
        digest = try SHA256.hexadecimal(ofFile: url)
    }

    /// False if the weights' file is gone or has other contents: a job's process would refuse it.
    var isUnchanged: Bool {
        stamp != nil && FileStamp(url) == stamp || (try? SHA256.hexadecimal(ofFile: url)) == digest
    }

    /// As `/v1/models` lists it.
    struct Listed: Encodable {
        let name: String
        let digest: String
        /// "pictures" or "volumes"; nil if the weights do not say.
        let input: String?
        let classes: [Class]
        let imageSize: Int
        let threshold: Double?

        struct Class: Encodable {
            let label: Int
            let name: String
            /// Red, green, blue, 0…255.
            let color: [UInt8]
        }

        private enum CodingKeys: String, CodingKey {
            case name, digest = "weights_sha256", input, classes, imageSize = "image_size", threshold
        }
    }

    var listed: Listed {
        Listed(
            name: name, digest: digest, input: segmenter.metadata.input?.rawValue,
            classes: segmenter.labels.map { .init(label: $0.value, name: $0.name, color: $0.color) }, imageSize: segmenter.imageSize,
            threshold: segmenter.network.classes == 1 ? segmenter.shownThreshold : nil)
    }
}

extension Segmenter {
    /// Its threshold, rounded to hide single precision's error.
    var shownThreshold: Double { (Double(threshold) * 1e6).rounded() / 1e6 }
}

/// The models of a server; the first is the default.
package struct ServedModels: Sendable {
    package let all: [ServedModel]

    package init(_ all: [ServedModel]) { self.all = all }

    /// The model of that name, or the first without a name; nil if there is none of that name.
    func named(_ name: String?) -> ServedModel? { name.map { name in all.first { $0.name == name } } ?? all.first }

    /// The request's model, by `?model=`. Throws ``Problem`` if there is none of that name.
    func chosen(_ name: String?) throws -> ServedModel {
        guard let model = named(name) else {
            throw Problem(.badRequest, "there is no such model", remedy: "GET /v1/models lists the models")
        }
        return model
    }
}

/// A file's size and time of change.
struct FileStamp: Equatable {
    private let size: Int, seconds: Int, nanoseconds: Int

    /// Nil if there is no such file.
    init?(_ url: URL) {
        guard let file = try? FileReader(url) else { return nil }
        (size, seconds, nanoseconds) = (file.size, file.changed.seconds, file.changed.nanoseconds)
    }
}
