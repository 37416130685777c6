// TEMPORARY: stands in for ImageCodecs and StableDiffusion until their branches are merged.
import Foundation
import TensorKernels

struct PixelImage { var width: Int; var height: Int; var rgb: [UInt8] }
enum SamplerKind: String, CaseIterable {
    case ddim
    case pndm
    case euler
    case eulerAncestral = "euler-a"
    case heun
    case dpmSolverMultistep = "dpm++-2m"
    case dpmSolverMultistepKarras = "dpm++-2m-karras"
    case uniPC = "unipc"
    case lcm
    init?(name: String) { self.init(rawValue: name) }
}
struct Defaults { var instruction = "Cartoonize"; var steps = 4; var guidanceScale: Float = 1; var imageGuidanceScale: Float = 1 }
struct ModelDirectory {
    init(_ folder: URL) throws {}
    let defaults = Defaults()
    var vaeScaleFactor: Int { 2 }
    var sampler: SamplerKind { .ddim }
}
struct GenerationRequest { var image: PixelImage; var instruction: String; var negativeInstruction: String; var steps: Int; var guidanceScale: Float; var imageGuidanceScale: Float; var seed: UInt64; var sampler: SamplerKind? }
enum ProgressEvent { case loading(String); case encoding; case step(Int, of: Int); case decoding }
struct GenerationResult { var image: PixelImage; var timings: StageTimings }
struct StageTimings { var load = 0.1; var text = 0.1; var encode = 0.1; var steps: [Double] = [0.1]; var decode = 0.1 }
final class InstructPix2Pix {
    init(model: ModelDirectory, compute: Compute) throws {}
    func generate(_ r: GenerationRequest, progress: (ProgressEvent) throws -> Void) throws -> GenerationResult {
        try progress(.loading("UNet"))
        for i in 0..<r.steps { try progress(.step(i, of: r.steps)); usleep(300_000) }
        try progress(.step(r.steps, of: r.steps))
        return GenerationResult(image: r.image, timings: StageTimings())
    }
}
