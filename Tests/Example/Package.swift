// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "Example",
    dependencies: [.package(name: "cartoonize", path: "../..")],
    targets: [
        .executableTarget(
            name: "Example",
            dependencies: [
                .product(name: "ImageCodecs", package: "cartoonize"),
                .product(name: "StableDiffusion", package: "cartoonize"),
                .product(name: "TensorKernels", package: "cartoonize"),
            ])
    ]
)
