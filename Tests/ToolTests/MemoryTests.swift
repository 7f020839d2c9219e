#if os(Linux)  // the only system here whose shell limits a process's memory
    import Foundation
    import Imaging
    import TensorFiles
    import Testing

    extension ToolTests {
        /// Running out of memory is an error with a way out on every path; one input that is
        /// too large ends no batch.
        @Suite(.enabled(if: Tool.light != nil, "set VMUNET_LIGHT_BINARY to the tool without libtorch"))
        struct MemoryTests {
            private func light(megabytes: Int, _ arguments: String...) throws -> Tool.Outcome {
                let tool = try #require(Tool.light).path
                let script = "ulimit -v \(megabytes << 10); exec \"$@\""
                return try Running(URL(filePath: "/bin/sh"), ["-c", script, "sh", tool] + arguments).outcome()
            }

            /// The address space in megabytes that the program takes before it reads anything, and
            /// a little more.
            private func megabytesToBegin() throws -> Int {
                try #require((1...64).map { 64 * $0 }.first { try light(megabytes: $0, "predict", "--help").code == 0 })
            }

            @Test func aPassBeyondMemory() throws {
                let base = try megabytesToBegin()
                for (more, size) in [(300, "4096"), (400, "4096")] {
                    let out = try Scratch.folder().appending(path: "out")
                    let outcome = try light(
                        megabytes: base + more, "predict", "--weights", Shared.weights.path, Shared.pictures.path, "--image-size", size,
                        "--output", out.path)
                    expectRefusal(outcome, naming: "8 could not be segmented", "needs ", "--image-size")
                    #expect(names(out) == ["predictions.json"])
                }
            }

            @Test func onePictureTooLargeEndsNoBatch() throws {
                let folder = try Scratch.folder()
                let out = folder.appending(path: "out")
                for (name, side) in [("a", 64), ("b", 12000), ("c", 64)] {
                    try PictureFile.write(
                        Picture(width: side, height: side, channels: 3), to: folder.appending(path: "in/\(name).png", creatingFolders: true)
                    )
                }
                // Each thread's heap takes 64 or 128 MB of addresses.
                let outcome = try light(
                    megabytes: megabytesToBegin() + 380, "predict", "--weights", Shared.weights.path, folder.appending(path: "in").path,
                    "--output", out.path)
                expectRefusal(outcome, naming: "1 could not be segmented", "b.png", "needs 432 MB", "make the file smaller")
                #expect(names(out) == ["a.png", "c.png", "predictions.json"])
            }

            @Test func oneVolumeTooLargeEndsNoBatch() throws {
                let folder = try Scratch.folder()
                let out = folder.appending(path: "out")
                let input = folder.appending(path: "in")
                try FileManager.default.createDirectory(at: input, withIntermediateDirectories: true)
                for (name, slices) in [("a", 2), ("b", 200), ("c", 2)] {
                    let shape = [slices, 512, 512]
                    let zeros = [UInt8](repeating: 0, count: shape.reduce(1, *))
                    // A slope, so that values are computed and not only copied.
                    let volume = VolumeImage(
                        voxels: HostTensor(zeros, shape: shape), slope: 2, intercept: 1, geometry: VolumeGeometry(spacing: [1, 1, 1]))
                    try NIfTIFile.write(volume, to: input.appending(path: name + ".nii.gz"))
                }
                for more in [350, 400] {
                    let outcome = try light(
                        megabytes: megabytesToBegin() + more, "predict", "--weights", Shared.nineClasses.path, input.path, "--image-size",
                        "32", "--output", out.path)
                    expectRefusal(outcome, naming: "1 could not be segmented", "b.nii.gz", "needs ")
                    #expect(names(out) == ["a.nii.gz", "c.nii.gz", "labels.ctbl", "labels.json", "labels.txt", "predictions.json"])
                }
            }

            /// An array whose voxels alone would fit, but not with their labels, is refused by its header:
            /// zeros pack into a thousandth.
            @Test(.enabled(if: Tool.python != nil, "set VMUNET_PYTHON"))
            func aVolumeIsRefusedBeforeItIsRead() throws {
                let file = try Scratch.folder().appending(path: "zeros.h5")
                _ = try Tool.python(
                    """
                    import h5py, sys
                    with h5py.File(sys.argv[1], "w") as file:
                        file.create_dataset("image", (400, 512, 512), "f4", chunks=(1, 512, 512), compression="gzip")[0] = 0
                    """, file.path)
                let outcome = try light(megabytes: megabytesToBegin() + 500, "predict", "--weights", Shared.nineClasses.path, file.path)
                expectRefusal(outcome, naming: "zeros.h5", "needs 734 MB", "Crop the volume")
            }

            /// From too little for the network to too little for a step, also where libtorch's values
            /// are copied into Swift's arrays.
            @Test func aNetworkBeyondMemory() throws {
                let base = try #require(
                    (4...40).map { 64 * $0 }.first {
                        (try? Tool.shell("ulimit -v \($0 << 10); exec \"$@\"", "train", "--help").code) == 0
                    })
                for more in [80, 180, 280] {
                    let outcome = try Tool.shell(
                        "ulimit -v \((base + more) << 10); exec \"$@\"", "train", "--data", Shared.discs.path, "--dataset", "folder",
                        "--preset", "base", "--image-size", "64", "--batch-size", "8", "--device", "cpu", "--epochs", "1", "--run",
                        try Scratch.folder().appending(path: "run").path)
                    #expect(outcome.code == 70 && outcome.error.contains("--batch-size"), "\(more) MB: \(outcome)")
                    for internals in ["vmunet::", "Fatal error", "alloc_cpu"] { #expect(!outcome.error.contains(internals)) }
                }
            }

            @Test func aBatchBeyondMemory() throws {
                let run = try Scratch.folder().appending(path: "run")
                let outcome = try Tool.shell(
                    "ulimit -v 3000000; exec \"$@\"", "train", "--data", Shared.discs.path, "--dataset", "folder", "--preset", "tiny",
                    "--image-size", "2048", "--batch-size", "48", "--device", "cpu", "--run", run.path)
                expectRefusal(outcome, naming: "a batch of 48 pictures of 2048×2048", "--batch-size")
            }
        }
    }

    extension URL {
        fileprivate func appending(path: String, creatingFolders: Bool) throws -> URL {
            let url = appending(path: path)
            try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            return url
        }
    }
#endif
