// image-compare A B [LEAST]: prints the peak signal-to-noise ratio of two images in dB.
// Ends with 1 when it is below LEAST, with 2 when the images cannot be compared.

import Foundation
import ImageCodecs

func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data("image-compare: \(message)\n".utf8))
    exit(2)
}

func picture(_ path: String) -> DecodedImage {
    do {
        return try ImageFile.decode(Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
        fail("\(path): \(error)")
    }
}

/// Over all three channels; infinite for equal images.
func signalToNoise(_ first: DecodedImage, _ second: DecodedImage) -> Double {
    var sum = 0
    for (a, b) in zip(first.rgb, second.rgb) {
        let difference = Int(a) - Int(b)
        sum += difference * difference
    }
    return 10 * log10(255 * 255 * Double(first.rgb.count) / Double(sum))
}

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count == 2 || arguments.count == 3,
    let least = Double(arguments.count == 3 ? arguments.last ?? "" : "0")
else { fail("usage: image-compare A B [LEAST]") }
let pictures = arguments.prefix(2).map(picture)
guard pictures[0].width == pictures[1].width, pictures[0].height == pictures[1].height else {
    fail(
        "the images are \(pictures[0].width)x\(pictures[0].height) and \(pictures[1].width)x\(pictures[1].height) pixels"
    )
}
let ratio = signalToNoise(pictures[0], pictures[1])
print(String(format: "%.2f", ratio))
exit(ratio >= least ? 0 : 1)
