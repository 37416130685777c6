import Foundation
import ImageCodecs
import StableDiffusion
import TensorKernels

// Photo in, cartoon out: Example MODEL PHOTO OUTPUT
let paths = CommandLine.arguments.dropFirst().map { URL(fileURLWithPath: $0) }
let model = try ModelDirectory(paths[0])
let photo = try ImageFile.decode(Data(contentsOf: paths[1])).resized(width: 256, height: 256)
let request = GenerationRequest(
    image: PixelImage(width: photo.width, height: photo.height, rgb: photo.rgb), settings: try model.defaults, seed: 1)
let image = try InstructPix2Pix(model: model, compute: Compute()).generate(request).image
try DecodedImage(width: image.width, height: image.height, rgb: image.rgb).png().write(to: paths[2])
