// swift-tools-version: 6.1
import PackageDescription

/// Dependencies point one way:
/// CKernels → CTorch → Torch → VMUNet → Segmentation → the tool; TensorFiles and Imaging stand beside Torch and know nothing of it.
let package = Package(
    name: "vmunet",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "TensorFiles", targets: ["TensorFiles"]),
        .library(name: "Imaging", targets: ["Imaging"]),
        .library(name: "Torch", targets: ["Torch"]),
        .library(name: "VMUNet", targets: ["VMUNet"]),
        .library(name: "Segmentation", targets: ["Segmentation"]),
        .executable(name: "vmunet", targets: ["VMUNetTool"]),
    ],
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

        // The network's own arithmetic on plain pointers, then the only code that names at::Tensor.
        .target(name: "CKernels"),
        .target(name: "CTorch", dependencies: ["CLibTorch", "CKernels"]),

        .target(name: "TensorFiles", dependencies: ["CZip", "CZlib"]),
        // libpng reports errors by longjmp, which Swift cannot catch: a few lines of C between them.
        .target(name: "CPNGCodec", dependencies: ["CPNG"]),
        .target(name: "Imaging", dependencies: ["CTurboJPEG", "CPNGCodec"]),
        .target(name: "Torch", dependencies: ["CTorch", "TensorFiles"]),
        .target(name: "VMUNet", dependencies: ["Torch", "TensorFiles"]),
        .target(
            name: "Segmentation",
            dependencies: ["VMUNet", "Torch", "TensorFiles", "Imaging", .product(name: "Yams", package: "Yams")],
            path: "Sources", sources: ["Segmentation", "Runs", "Report", "Networks", "Training"]),
        .executableTarget(
            name: "VMUNetTool",
            dependencies: [
                "Segmentation", "VMUNet", "Torch", "TensorFiles", "Imaging",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources", sources: ["Commands", "VMUNetTool"]),

        .testTarget(name: "KernelTests", dependencies: ["CKernels"], exclude: ["Fixtures", "make_dense_fixtures.py"]),
        .testTarget(name: "TensorFilesTests", dependencies: ["TensorFiles"], exclude: ["Fixtures", "make_fixtures.py"]),
        .testTarget(name: "ImagingTests", dependencies: ["Imaging"], exclude: ["Fixtures"]),
        .testTarget(name: "TorchTests", dependencies: ["Torch", "TensorFiles"], exclude: ["Fixtures"]),
        .testTarget(name: "VMUNetTests", dependencies: ["VMUNet", "Torch", "TensorFiles"], exclude: ["Fixtures"]),
        .testTarget(
            name: "SegmentationTests", dependencies: ["Segmentation", "VMUNet", "Torch", "Imaging", "TensorFiles"], path: "Tests",
            exclude: ["SegmentationTests/Fixtures"], sources: ["SegmentationTests", "RunsTests", "ReportTests", "TrainingTests"]),
        .testTarget(name: "ToolTests", dependencies: ["TensorFiles", "Imaging"]),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
