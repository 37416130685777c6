import Checkpoints
import Foundation
import HTTPClient
import ModelHub

extension FuzzCase {
    static let hub = [
        FuzzCase(
            name: "hub-listing",
            seeds: {
                [
                    listing(["diffusion_pytorch_model.safetensors", "model.safetensors"]),
                    listing(["diffusion_pytorch_model.fp16.bin", "pytorch_model.bin"]),
                    listing(["diffusion_pytorch_model.safetensors.index.json", "model.fp16.safetensors"]),
                ]
            },
            words: [
                "\"siblings\"", "\"rfilename\"", "\"size\"", "\"blobId\"", "\"lfs\"", "\"sha256\"", "\"sha\"", "../",
                "unet/", "\\u0000",
            ],
            read: { input, _ in
                let listing = try HubListing(Data(input))
                for precision in WeightPrecision.allCases {
                    let selection = try PullSelection(listing, precision: precision, repository: "org/model")
                    let total = selection.parts.reduce(0) { $0 + $1.weights.size }
                    precondition(selection.parts.count == ModelPart.allCases.count && total >= 0)
                }
            }),
        FuzzCase(
            name: "hub-index",
            seeds: {
                [
                    Array(
                        #"{"metadata": {"total_size": 8}, "weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}"#
                            .utf8)
                ]
            },
            words: ["\"weight_map\"", "\"1.safetensors\"", "\"../1.safetensors\"", "/", ".."],
            read: { input, _ in
                let listing = try HubListing(
                    Data(
                        listing([
                            "diffusion_pytorch_model.safetensors", "model.safetensors", "1.safetensors",
                            "2.safetensors",
                        ])))
                let selection = try PullSelection(listing, precision: .float32, repository: "org/model")
                for file in try PullSelection.shards(of: selection.parts[0].weights, Data(input), in: listing) {
                    precondition(file.path.split(separator: "/").count == 2 && !file.path.contains(".."))
                }
            }),
        FuzzCase(
            name: "web-address",
            seeds: {
                [
                    "https://user:secret@example.org:8443/a/b.jpg?c=d#e", "http://127.0.0.1/%2e%2e/x", "//[::1]:80/y",
                    "../z.png?q", "HTTPS://EXAMPLE.org", "http://0x7f.1/",
                ].map { Array($0.utf8) }
            },
            words: ["://", "@", "\\", "%00", "%2f", "file://", "http:", "localhost", "[", "]", "\t", "\u{E9}"],
            read: { input, _ in
                let text = String(decoding: input, as: UTF8.self)
                let base = WebAddress("https://user:secret@example.org/folder/file")
                for address in [WebAddress(text), WebAddress(text, relativeTo: base)].compactMap({ $0 }) {
                    // Read again, it is the same: what was checked is what is asked.
                    precondition(WebAddress(address.string) == address)
                    precondition(address.isEncrypted == address.string.hasPrefix("https://"))
                }
            }),
    ]

    /// The hub's answer for a repository that has a model's small files and, in each part's folder, these.
    private static func listing(_ weights: [String]) -> [UInt8] {
        let commit = String(repeating: "0123456789", count: 4)
        let sum = String(repeating: "01234567", count: 8)
        let small =
            [
                "model_index.json", "scheduler/scheduler_config.json", "tokenizer/vocab.json", "tokenizer/merges.txt",
                "cartoonize.json",
            ] + ModelPart.allCases.map { "\($0.rawValue)/config.json" }
        let large = ModelPart.allCases.flatMap { part in weights.map { "\(part.rawValue)/\($0)" } }
        let siblings =
            small.map { #"{"rfilename": "\#($0)", "size": 12, "blobId": "\#(commit)"}"# }
            + large.map {
                #"{"rfilename": "\#($0)", "size": 99, "blobId": "\#(commit)", "lfs": {"sha256": "\#(sum)", "size": 99}}"#
            }
        return Array(#"{"sha": "\#(commit)", "siblings": [\#(siblings.joined(separator: ", "))]}"#.utf8)
    }
}
