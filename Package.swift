// swift-tools-version: 6.1
import PackageDescription

/// Dependencies point one way, and what predicts knows nothing of libtorch: CKernels, VMUNet →
/// Kernels → Segmentation → Runs → Report above TensorFiles and Imaging, which stand on Files;
/// CTorch → Torch → Networks → Training beside them; commands above all. `Scripts/check-imports.sh`
/// holds every import to this.
let package = Package(
    name: "vmunet",
    platforms: [.macOS(.v15), .iOS(.v18), .visionOS(.v2)],
    products: [
        .library(name: "Files", targets: ["Files"]),
        .library(name: "TensorFiles", targets: ["TensorFiles"]),
        .library(name: "Imaging", targets: ["Imaging"]),
        .library(name: "VMUNet", targets: ["VMUNet"]),
        .library(name: "Kernels", targets: ["Kernels"]),
        .library(name: "DICOM", targets: ["DICOM"]),
        .library(name: "Segmentation", targets: ["Segmentation"]),
        .library(name: "ShippedWeights", targets: ["ShippedWeights"]),
        .library(name: "vmunet-c", type: .dynamic, targets: ["VMUNetC"]),
        .library(name: "Runs", targets: ["Runs"]),
        .library(name: "Report", targets: ["Report"]),
        .library(name: "Networks", targets: ["Networks"]),
        .library(name: "Training", targets: ["Training"]),
        .executable(name: "vmunet", targets: ["VMUNetLight"]),
        .executable(name: "vmunet-report", targets: ["VMUNetReport"]),
        .executable(name: "vmunet-train", targets: ["VMUNetTool"]),
    ],
    traits: [.trait(name: "MPI", description: "Training on several processes and machines, by Open MPI or MPICH (docs/machines.md).")],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
    ],
    targets: [
        // Libraries of others. libtorch's pkg-config file is written by `./vmunet`'s set-up.
        .systemLibrary(name: "CLibTorch", path: "Sources/System/CLibTorch", pkgConfig: "vmunet-torch"),
        .systemLibrary(
            name: "CTurboJPEG", path: "Sources/System/CTurboJPEG", pkgConfig: "libturbojpeg",
            providers: [.apt(["libturbojpeg0-dev"]), .brew(["jpeg-turbo"])]),
        .systemLibrary(
            name: "CPNG", path: "Sources/System/CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
        .systemLibrary(
            name: "CZip", path: "Sources/System/CZip", pkgConfig: "libzip", providers: [.apt(["libzip-dev"]), .brew(["libzip"])]),
        .systemLibrary(name: "CZlib", path: "Sources/System/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        .systemLibrary(name: "CLibMPI", path: "Sources/System/CLibMPI", pkgConfig: "vmunet-mpi"),

        // The network's own arithmetic on plain pointers, then the only code that names at::Tensor.
        .target(name: "CKernels"),
        .target(name: "CTorch", dependencies: ["CLibTorch", "CKernels"]),

        // Errors a user can act on, reading within bounds, writing whole or not at all: what
        // everything on files stands on.
        .target(name: "Files", dependencies: ["CZlib"]),
        // SHA-256 by the processor's instructions.
        .target(name: "CDigest"),
        .target(name: "TensorFiles", dependencies: ["Files", "CDigest", "CZip", "CZlib"]),
        // libpng reports errors by longjmp, which Swift cannot catch: a few lines of C between
        // them.
        .target(name: "CPNGCodec", dependencies: ["CPNG"]),
        .target(name: "Imaging", dependencies: ["Files", "CTurboJPEG", "CPNGCodec", "CZlib"]),
        .target(name: "Torch", dependencies: ["Files", "CTorch", "TensorFiles"]),
        // Series of scanners in, segmentations out. What libraries must decode runs in a program
        // apart (Scripts/dicom).
        .target(name: "DICOM", dependencies: ["Files", "TensorFiles", "CZlib"]),
        // The network, written once over an engine, and the engine that predicts without libtorch.
        .target(name: "VMUNet"),
        .target(name: "Kernels", dependencies: ["VMUNet", "CKernels"]),
        // Data sets, scores, pictures and volumes in and out; it sees networks through a protocol.
        .target(name: "Segmentation", dependencies: ["Kernels", "VMUNet", "Files", "TensorFiles", "Imaging", "DICOM"]),
        // The weights that come with the package, for programs of others; this package's own tools
        // look for the file.
        .target(name: "CShippedWeights", cSettings: [.headerSearchPath("../../Weights")]),
        .target(name: "ShippedWeights", dependencies: ["CShippedWeights", "Segmentation"]),
        // The functions of vmunet.h for other languages, as a shared library.
        .target(name: "CInterface"),
        .target(
            name: "VMUNetC", dependencies: ["CInterface", "Segmentation", "ShippedWeights", "Imaging", "TensorFiles", "Files"]),
        // A run's settings and results; reading them needs no libtorch.
        .target(
            name: "Runs", dependencies: ["Files", "Segmentation", "VMUNet", "TensorFiles", .product(name: "Yams", package: "Yams")]),
        .target(name: "Report", dependencies: ["Files", "Runs", "Segmentation", "VMUNet", "TensorFiles", "Imaging"]),
        // Networks on libtorch, for what predicts and for what trains.
        .target(name: "Networks", dependencies: ["Files", "Segmentation", "VMUNet", "Torch", "TensorFiles"]),
        // MPI, or nothing without the trait.
        .target(
            name: "CMPI", dependencies: [.target(name: "CLibMPI", condition: .when(traits: ["MPI"]))],
            cSettings: [.define("VMUNET_MPI", .when(traits: ["MPI"]))]),
        .target(
            name: "Training",
            dependencies: ["Files", "Runs", "Networks", "Segmentation", "VMUNet", "Torch", "TensorFiles", "Imaging", "CMPI"]),

        // The command line: what all executables share, then a command or an executable each.
        .target(
            name: "Commands",
            dependencies: [
                "Files", "Segmentation", "VMUNet", "TensorFiles", "Imaging", "DICOM",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .target(
            name: "ReportCommand",
            dependencies: ["Commands", "Report", "Files", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
        // The programs that predict: no libtorch.
        .executableTarget(
            name: "VMUNetLight",
            dependencies: [
                "Commands", "Files", "Segmentation", "Kernels", "VMUNet",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        // The program that reads runs: YAML, and no libtorch.
        .executableTarget(
            name: "VMUNetReport",
            dependencies: [
                "Commands", "ReportCommand", "Segmentation", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        // Every command, on libtorch.
        .executableTarget(
            name: "VMUNetTool",
            dependencies: [
                "Commands", "ReportCommand", "Report", "Training", "Networks", "Runs", "Segmentation", "VMUNet", "Torch", "TensorFiles",
                "Imaging",
                "Files",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        .target(
            name: "TestSupport", dependencies: ["Runs", "Segmentation", "VMUNet", "Imaging", "TensorFiles"], path: "Tests/TestSupport",
            exclude: ["Fixtures"]),
        .testTarget(name: "KernelTests", dependencies: ["TestSupport", "CKernels"], exclude: ["Fixtures", "make_dense_fixtures.py"]),
        .testTarget(name: "FilesTests", dependencies: ["TestSupport", "Files"]),
        .testTarget(
            name: "TensorFilesTests", dependencies: ["TestSupport", "TensorFiles", "Files"],
            exclude: ["Fixtures", "make_fixtures.py", "make_checkpoints.py"]),
        .testTarget(name: "DICOMTests", dependencies: ["TestSupport", "DICOM", "TensorFiles", "Files"], exclude: ["Fixtures"]),
        .testTarget(name: "ImagingTests", dependencies: ["TestSupport", "Imaging", "CPNGCodec", "CZlib", "Files"], exclude: ["Fixtures"]),
        .testTarget(name: "TorchTests", dependencies: ["TestSupport", "Training", "Torch", "TensorFiles"]),
        .testTarget(
            name: "KernelsTests",
            dependencies: ["TestSupport", "Segmentation", "Kernels", "Networks", "VMUNet", "CKernels", "Torch", "TensorFiles"]),
        .testTarget(
            name: "VMUNetTests", dependencies: ["TestSupport", "Training", "VMUNet", "Torch", "TensorFiles"], exclude: ["Fixtures"]),
        .testTarget(
            name: "SegmentationTests",
            dependencies: [
                "TestSupport", "Files", "Segmentation", "ShippedWeights", "Networks", "VMUNet", "Torch", "Imaging", "TensorFiles",
                "DICOM",
            ],
            exclude: ["Fixtures"]),
        .testTarget(name: "CommandsTests", dependencies: ["Commands", "Files", "Segmentation"]),
        .testTarget(
            name: "NetworksTests",
            dependencies: ["TestSupport", "Training", "Runs", "Networks", "Segmentation", "VMUNet", "Torch", "TensorFiles"]),
        .testTarget(
            name: "RunsTests", dependencies: ["TestSupport", "Files", "Runs", "Segmentation", "VMUNet", "Imaging"]),
        .testTarget(
            name: "ReportTests",
            dependencies: ["TestSupport", "Files", "Report", "Training", "Networks", "Runs", "Segmentation", "VMUNet", "Imaging"]),
        .testTarget(
            name: "TrainingTests",
            dependencies: [
                "TestSupport", "Files", "Training", "Networks", "Runs", "Segmentation", "VMUNet", "Torch", "Imaging", "TensorFiles",
            ]),
        .testTarget(name: "ToolTests", dependencies: ["TensorFiles", "Imaging"], exclude: ["page.py"]),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)

// The campaign against damaged and hostile files (docs/reliability.md). Packages that depend on
// this one never see it.
if Context.environment["VMUNET_RELIABILITY"] != nil {
    package.targets += [
        .target(name: "CFuzzer", path: "Reliability/CFuzzer"),
        .target(
            name: "Campaign", dependencies: ["Files", "Runs", "Segmentation", "VMUNet", "TensorFiles", "Imaging", "DICOM", "CZlib"],
            path: "Reliability/Campaign"),
        .executableTarget(name: "fuzz", dependencies: ["Campaign", "CFuzzer"], path: "Reliability/Fuzz"),
        .executableTarget(name: "mutate", dependencies: ["Campaign"], path: "Reliability/Mutate"),
    ]
}

// The server (docs/server.md) and the packages of others that it stands on, only when `./vmunet
// serve` asks for them, in a scratch folder of its own. VMUNET_SERVER=libtorch builds it with
// libtorch, for GPUs; any other value without.
if let engine = Context.environment["VMUNET_SERVER"] {
    let hasLibtorch = engine == "libtorch"
    let onLibtorch: Set = ["CLibTorch", "CTorch", "Torch", "Networks"]
    let unused: Set = ["CLibMPI", "CMPI", "Training", "VMUNetTool", "TestSupport"]
    package.products.removeAll { ["Networks", "Training", "vmunet-train"].contains($0.name) }
    package.targets.removeAll {
        unused.contains($0.name) || $0.type == .test || !hasLibtorch && onLibtorch.contains($0.name)
    }
    package.products.append(.executable(name: "vmunet-serve", targets: ["VMUNetServe"]))
    package.dependencies += [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.0.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.0.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.80.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.30.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.5.0"),
    ]
    package.targets += [
        .target(
            name: "Server",
            dependencies: [
                "Commands", "Segmentation", "Kernels", "VMUNet", "DICOM", "TensorFiles", "Imaging", "Files", "CDigest",
                .product(name: "Hummingbird", package: "hummingbird"), .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"), .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ],
            exclude: ["Page"]),
        .executableTarget(
            name: "VMUNetServe",
            dependencies: [
                "Server", "Commands", "Segmentation", "Files", .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"), .product(name: "Metrics", package: "swift-metrics"),
            ] + (hasLibtorch ? ["Networks", "Torch"] : []),
            swiftSettings: hasLibtorch ? [.define("VMUNET_LIBTORCH")] : []),
        .testTarget(
            name: "ServerTests",
            dependencies: [
                "Server", "Segmentation", "Imaging", "TensorFiles", "Files", .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "GRDB", package: "GRDB.swift"), .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            exclude: ["Fixtures", "driven.py", "overload.py", "schemathesis.toml", "serve.py", "server_page.py"]),
    ]
}
