import Files
import Foundation
import TestSupport
import Testing

@testable import TensorFiles

@Suite struct NumPyTests {
    static let counting = (0..<24).map { Int($0) }

    @Test(arguments: [
        ("f4.npy", ElementType.float32), ("big_endian_fortran.npy", .int16), ("version1.npy", .int32), ("version2.npy", .int32),
        ("version3.npy", .int32),
    ])
    func reads(name: String, type: ElementType) throws {
        let tensor = try NumPyFile.read(TestFiles.fixture(name))
        #expect(tensor.shape == [2, 3, 4] && tensor.elementType == type && tensor.integers == Self.counting)
    }

    @Test func readsOddShapes() throws {
        #expect(try NumPyFile.read(TestFiles.fixture("scalar.npy")).floats == [3.5])
        #expect(try NumPyFile.read(TestFiles.fixture("scalar.npy")).shape == [])
        #expect(try NumPyFile.read(TestFiles.fixture("empty.npy")).shape == [0, 5])
        #expect(try NumPyFile.read(TestFiles.fixture("bool.npy")).integers == Self.counting.map { 1 - $0 % 2 })
    }

    @Test(arguments: [
        ("objects.npy", "Python objects"), ("records.npy", "named fields"), ("complex.npy", "'<c8'"), ("plain.pth", "not a .npy"),
    ])
    func refuses(name: String, reason: String) throws {
        let error = try #require(throws: FileError.self) { try NumPyFile.read(TestFiles.fixture(name)) }
        #expect(error.reason.contains(reason), "\(error)")
    }

    private static func file(_ header: String, data: Int = 4) -> [UInt8] {
        NumPyHeader.magic + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8) + [UInt8](repeating: 0, count: data)
    }

    @Test(arguments: [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }", "has 4 of 4000000000000 bytes"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9), }", "out of range"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "out of range"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "negative"),
        ("{'descr': '<f4', 'fortran_order': __import__('os').system('ls'), 'shape': (1,), }", "cannot be understood"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", "cannot be understood"),
        ("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "twice"),
        ("{'descr': '<f4', 'shape': (1,)}", "no 'fortran_order'"), ("", "cannot be understood"), ("{'descr': '<f3", "cannot be understood"),
    ])
    func refusesHeadersThatLie(header: String, reason: String) throws {
        let error = try TestFiles.refusal(Self.file(header), as: "x.npy", NumPyFile.read)
        #expect(error.reason.contains(reason), "\(error)")
    }

    @Test(.enabled(if: Python.isAvailable, "VMUNET_PYTHON is not set"))
    func numPyReadsOurs() throws {
        try withTemporaryFolder { folder in
            let shapes: [[Int]] = [[], [0], [7], [2, 3], [1, 2, 3, 4]]
            var paths: [String] = []
            for shape in shapes {
                let count = try #require(HostTensor.elementCount(shape: shape))
                let url = folder.appendingPathComponent("f\(shape.count)-\(count).npy")
                try NumPyFile.write(HostTensor((0..<count).map { Float($0) }, shape: shape), to: url)
                paths.append(url.path)
            }
            let program = """
                import sys, numpy as np
                for p in sys.argv[1:]:
                    a = np.load(p); assert a.dtype == np.float32 and a.flags.c_contiguous and (a.ravel() == np.arange(a.size)).all(), p
                    print(a.shape)
                """
            #expect(try Python.run(program, paths) == "()\n(0,)\n(7,)\n(2, 3)\n(1, 2, 3, 4)\n")
            let types: [HostTensor] = [
                HostTensor([1, -2] as [Double]), HostTensor([1, -2] as [Int64]), HostTensor([1, -2] as [Int32]),
                HostTensor([1, -2] as [Int16]),
                HostTensor([1, -2] as [Int8]), HostTensor([1, 2] as [UInt64]), HostTensor([1, 2] as [UInt8]), HostTensor([true, false]),
                HostTensor([1, -2] as [Float]).converted(toFloatingPoint: .float16),
                HostTensor([1, -2] as [Float]).converted(toFloatingPoint: .bfloat16),
            ]
            paths = try types.enumerated().map { index, tensor in
                let url = folder.appendingPathComponent("t\(index).npy")
                try NumPyFile.write(tensor, to: url)
                #expect(try NumPyFile.read(url).doubles == tensor.doubles)
                return url.path
            }
            let names = try Python.run(
                "import sys, numpy as np\nprint(*[f'{np.load(p).dtype}{np.load(p)[1]:g}' for p in sys.argv[1:]])", paths)
            #expect(names == "float64-2 int64-2 int32-2 int16-2 int8-2 uint642 uint82 bool0 float16-2 float32-2\n")
        }
    }

    @Test(arguments: ["stored.npz", "deflated.npz"])
    func readsArchives(name: String) throws {
        let archive = try NPZFile(TestFiles.fixture(name))
        #expect(archive.names == ["image", "label"])
        let image = try archive.read("image")
        #expect(image.shape == [2, 3, 4] && image.integers == Self.counting)
        let both = try archive.read(["label", "image"])
        #expect(both[0].elementType == .uint8 && both[1] == image)
    }

    @Test func boundsArchives() throws {
        let archive = try NPZFile(TestFiles.fixture("deflated.npz"))
        let limit = try #require(throws: FileError.self) { try archive.read("label", limit: 100_000) }
        #expect(limit.kind == .limit && limit.reason.contains("more than the 100000 allowed"))
        let missing = try #require(throws: FileError.self) { try archive.read("mask") }
        #expect(missing.reason == "has no array 'mask'; it has: image, label")
        #expect(throws: FileError.self) { try NPZFile(TestFiles.fixture("f4.npy")) }
    }
}
