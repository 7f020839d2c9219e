import Foundation
import TensorFiles

let arrayReaders: [any Reader] = [NumPyReader(), ArchiveReader(), HDF5Reader()]

private struct NumPyReader: Reader {
    let name = "npy"
    let ending = "npy"
    let fixtures = ["npy", "npz"]
    let envelope = Envelope.numpy

    func seeds(in fixture: [UInt8]) -> [[UInt8]] {
        fixture.starts(with: Array("PK".utf8)) ? (Zip.open(fixture) ?? []).map(\.bytes) : [fixture]
    }

    func read(_ file: Scratch) throws {
        let array = try NumPyFile.read(file.url)
        check(array)
        guard file.digest % 8 == 0, array.bytes.count <= 1 << 16 else { return }
        let copy = file.other("input.copy.npy")
        try NumPyFile.write(array, to: copy)
        Promise.hold(try NumPyFile.read(copy) == array, "an array of shape \(array.shape) reads back otherwise")
    }
}

private struct ArchiveReader: Reader {
    let name = "npz"
    let ending = "npz"
    let fixtures = ["npz"]
    let envelope = Envelope.zip { _ in .numpy }

    func read(_ file: Scratch) throws {
        let archive = try NPZFile(file.url)
        for name in archive.names { check(try archive.read(name)) }
    }
}

private struct HDF5Reader: Reader {
    let name = "hdf5"
    let ending = "h5"
    let fixtures = ["h5"]

    /// Names of the arrays in the fixtures, those of a Synapse volume first.
    private static let names = [
        "image", "label", "plain", "gzip", "shuffled", "checked", "f4", "big_i2", "packed_in", "whole", "single", "many", "hard", "array07",
    ]

    func read(_ file: Scratch) throws {
        var fault: (any Error)?
        for name in Self.names {
            do {
                let shape = try HDF5File.shape(of: name, in: file.url)
                let array = try HDF5File.read([name], from: file.url)[0]
                check(array)
                Promise.hold(array.shape == shape, "shape \(shape) became \(array.shape)")
            } catch {
                Promise.check(error, about: file)
                if error.kind != .missing { fault = error }
                if error.kind == .wrongFormat { break }
            }
        }
        if let fault { throw fault }
    }
}

func check(_ array: HostTensor) {
    Promise.hold(
        HostTensor.byteCount(shape: array.shape, elementType: array.elementType) == array.bytes.count,
        "shape \(array.shape) and \(array.bytes.count) bytes")
}
