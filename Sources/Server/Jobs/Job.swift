import Foundation
import GRDB

/// A volume to segment, as the store keeps it. Only `owner` says whose it is.
struct Job: Codable, FetchableRecord, PersistableRecord, Sendable, Equatable {
    static let databaseTableName = "job"

    enum State: String, Codable, Sendable, CaseIterable { case queued, running, done, failed }

    /// 32 hexadecimal digits that cannot be guessed.
    let id: String
    /// The mark of the token that sent it; empty if no token is needed. Other tokens do not see the
    /// job.
    let owner: String
    /// The client for the limits: the token's mark, or the address.
    let client: String
    /// The kind of its file.
    let kind: VolumeKind
    /// Bytes of its file.
    let bytes: Int
    let model: String
    /// SHA-256 of the weights.
    let weights: String
    let threshold: Double?
    var state = State.queued
    /// Slices of the volume, once known, and slices done.
    var slices: Int?
    var slicesDone = 0
    /// The number of starts.
    var attempts = 0
    /// Seconds since 1970.
    let created: Double
    var started: Double?
    var finished: Double?
    /// Bytes of its files on the disk: its upload's, then its result's.
    var held: Int
    /// The reason for a failure, and the way out.
    var problem: String?
    var remedy: String?

    init(
        id: String = Self.makeID(), owner: String, client: String, kind: VolumeKind, bytes: Int, model: String, weights: String,
        threshold: Double?, created: Double = Date().timeIntervalSince1970
    ) {
        (self.id, self.owner, self.client, self.kind, self.bytes, held) = (id, owner, client, kind, bytes, bytes)
        (self.model, self.weights, self.threshold, self.created) = (model, weights, threshold, created)
    }

    var isWaiting: Bool { state == .queued || state == .running }

    static func makeID() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in
            let digits = String(UInt64.random(in: .min ... .max, using: &generator), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    /// True for text in the form of a job's identifier; only such text becomes part of a path.
    static func isID(_ text: String) -> Bool { text.utf8.count == 32 && text.utf8.allSatisfy { (48...57) ~= $0 || (97...102) ~= $0 } }
}

/// The kinds of files that jobs take, recognised by their first bytes.
enum VolumeKind: String, Codable, Sendable {
    case nifti = "nii"
    case packedNIfTI = "nii.gz"
    case nrrd
    case metaImage = "mha"
    case hdf5 = "h5"
    case dicom = "dcm"
    case zip

    /// The number of first bytes that suffice.
    static let headLength = 512

    /// Nil if the file is of none of these kinds.
    init?(_ head: [UInt8]) {
        func has(_ text: String, at offset: Int = 0) -> Bool {
            head.count >= offset + text.utf8.count && head[offset...].starts(with: text.utf8)
        }
        if head.starts(with: [0x1F, 0x8B]) {
            self = .packedNIfTI
        } else if head.starts(with: [0x50, 0x4B, 0x03, 0x04]) {
            self = .zip
        } else if head.starts(with: [0x89, 0x48, 0x44, 0x46]) {
            self = .hdf5
        } else if has("NRRD000") {
            self = .nrrd
        } else if has("DICM", at: 128) {
            self = .dicom
        } else if has("n+1\0", at: 344) || has("n+2\0", at: 4) {
            self = .nifti
        } else if has("ObjectType") || has("NDims") || has("Comment") {
            self = .metaImage
        } else {
            return nil
        }
    }
}
