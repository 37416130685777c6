// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "cartoonize",
    products: [
        .executable(name: "cartoonize", targets: ["cartoonize"]),
        // Sources/README.md says what each is for.
        .library(name: "StableDiffusion", targets: ["StableDiffusion"]),
        .library(name: "ImageCodecs", targets: ["ImageCodecs"]),
        .library(name: "Checkpoints", targets: ["Checkpoints"]),
        .library(name: "ModelHub", targets: ["ModelHub"]),
        .library(name: "HTTPClient", targets: ["HTTPClient"]),
        .library(name: "TensorKernels", targets: ["TensorKernels"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        // Dependencies point one way: files, kernels -> model -> command line.
        .target(name: "Files"),
        .target(name: "CKernels", exclude: ["README.md"]),
        .target(name: "TensorKernels", dependencies: ["CKernels", "Files"]),

        .target(
            name: "CImageCodecs",
            linkerSettings: [
                .linkedLibrary("png"), .linkedLibrary("z"), .linkedLibrary("jpeg"), .linkedLibrary("lcms2"),
            ]),
        .target(name: "ImageCodecs", dependencies: ["CImageCodecs"]),

        .target(name: "CHTTP", linkerSettings: [.linkedLibrary("curl")]),
        .target(name: "HTTPClient", dependencies: ["CHTTP"]),

        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "Checkpoints", dependencies: ["CZlib", "Files"]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "ModelHub", dependencies: ["CCrypto", "HTTPClient", "Checkpoints", "Files"]),
        .target(name: "StableDiffusion", dependencies: ["TensorKernels", "Checkpoints", "Files"]),

        .target(name: "CSandbox"),
        .executableTarget(
            name: "cartoonize",
            dependencies: [
                "CSandbox", "StableDiffusion", "Checkpoints", "Files", "ImageCodecs", "ModelHub", "HTTPClient",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            exclude: ["manual.pl"]),
        .executableTarget(name: "image-compare", dependencies: ["ImageCodecs"]),
        .executableTarget(name: "kernel-bench", dependencies: ["TensorKernels"]),
        .executableTarget(name: "parity-dump", dependencies: ["StableDiffusion", "Checkpoints", "TensorKernels"]),

        // A package of its own, which the tests build and run as a part of this one.
        .executableTarget(
            name: "Example", dependencies: ["ImageCodecs", "StableDiffusion", "TensorKernels"],
            path: "Tests/Example/Sources/Example"),

        .target(name: "TestSupport", path: "Tests/TestSupport"),
        .target(
            name: "Fuzzing",
            dependencies: [
                "StableDiffusion", "TensorKernels", "Checkpoints", "ImageCodecs", "ModelHub", "HTTPClient",
                "TestSupport",
            ],
            path: "Tests/Fuzzing"),
        .executableTarget(
            name: "fuzz",
            dependencies: ["Fuzzing", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Tests/suites/fuzz"),
        .testTarget(name: "FuzzingTests", dependencies: ["Fuzzing"], resources: [.copy("Crashers")]),
        .testTarget(name: "TensorKernelsTests", dependencies: ["TensorKernels", "TestSupport"]),
        .testTarget(
            name: "ImageCodecsTests", dependencies: ["ImageCodecs", "TestSupport"],
            exclude: ["compare_with_pillow.py"], resources: [.copy("Fixtures")]),
        .testTarget(name: "ModelHubTests", dependencies: ["ModelHub", "Checkpoints", "TestSupport"]),
        .testTarget(name: "HTTPClientTests", dependencies: ["HTTPClient", "TestSupport"]),
        .testTarget(
            name: "CheckpointsTests", dependencies: ["Checkpoints", "Files", "TestSupport"],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "StableDiffusionTests", dependencies: ["StableDiffusion", "TestSupport"],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "CartoonizeTests",
            dependencies: ["cartoonize", "Example", "Files", "ImageCodecs", "TensorKernels", "TestSupport"],
            resources: [.copy("Fixtures")]),
    ]
)

// `make docs` sets it: who builds or uses the program needs no plugin for documentation.
if Context.environment["CARTOONIZE_DOCS"] != nil {
    package.dependencies.append(.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"))
}
