// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "cartoonize",
    products: [
        .executable(name: "cartoonize", targets: ["cartoonize"]),
        .library(name: "StableDiffusion", targets: ["StableDiffusion"]),
        .library(name: "TensorKernels", targets: ["TensorKernels"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        // Dependencies point one way: kernels -> model -> command line.
        .target(name: "CKernels"),
        .target(name: "TensorKernels", dependencies: ["CKernels"]),

        .target(
            name: "CImageCodecs",
            linkerSettings: [
                .linkedLibrary("png"), .linkedLibrary("z"), .linkedLibrary("jpeg"), .linkedLibrary("lcms2"),
            ]),
        .target(name: "ImageCodecs", dependencies: ["CImageCodecs"]),

        .target(name: "CHTTP", linkerSettings: [.linkedLibrary("curl")]),
        .target(name: "HTTPClient", dependencies: ["CHTTP"]),

        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "Checkpoints", dependencies: ["CZlib"]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "ModelHub", dependencies: ["CCrypto", "HTTPClient", "Checkpoints"]),
        .target(name: "StableDiffusion", dependencies: ["TensorKernels", "Checkpoints"]),

        .executableTarget(
            name: "cartoonize",
            dependencies: [
                "StableDiffusion", "Checkpoints", "ImageCodecs", "ModelHub", "HTTPClient",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(name: "image-compare", dependencies: ["ImageCodecs"]),
        .executableTarget(name: "kernel-bench", dependencies: ["TensorKernels"]),
        .executableTarget(name: "parity-dump", dependencies: ["StableDiffusion", "Checkpoints", "TensorKernels"]),

        .target(name: "TestSupport", path: "Tests/TestSupport"),
        .target(
            name: "Fuzzing",
            dependencies: ["StableDiffusion", "Checkpoints", "ImageCodecs", "ModelHub", "HTTPClient", "TestSupport"],
            path: "Tests/Fuzzing"),
        .executableTarget(
            name: "fuzz",
            dependencies: ["Fuzzing", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Tests/fuzz"),
        .testTarget(name: "FuzzingTests", dependencies: ["Fuzzing"], resources: [.copy("Crashers")]),
        .testTarget(name: "TensorKernelsTests", dependencies: ["TensorKernels", "TestSupport"]),
        .testTarget(
            name: "ImageCodecsTests", dependencies: ["ImageCodecs", "TestSupport"],
            exclude: ["compare_with_pillow.py"], resources: [.copy("Fixtures")]),
        .testTarget(name: "ModelHubTests", dependencies: ["ModelHub", "Checkpoints", "TestSupport"]),
        .testTarget(name: "HTTPClientTests", dependencies: ["HTTPClient", "TestSupport"]),
        .testTarget(
            name: "CheckpointsTests", dependencies: ["Checkpoints", "TestSupport"], resources: [.copy("Fixtures")]),
        .testTarget(
            name: "StableDiffusionTests", dependencies: ["StableDiffusion", "TestSupport"],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "CartoonizeTests", dependencies: ["cartoonize", "ImageCodecs", "TestSupport"],
            resources: [.copy("Fixtures")]),
    ]
)
