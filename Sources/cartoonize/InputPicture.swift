import ArgumentParser
struct InputPicture {
    let format = PictureFormat.png
    let size = PixelSize(width: 8, height: 8)
    let parameters: String? = nil
    init(_ file: InputFile) throws {}
    func pixels(size: PixelSize) -> PixelImage { PixelImage(width: size.width, height: size.height, rgb: []) }
    func finished(_ image: PixelImage, size: PixelSize) -> InputPicture { self }
    func encoded(as: PictureFormat, quality: Int, parameters: String) throws -> [UInt8] { Array(parameters.utf8) }
}
extension PictureFormat: ExpressibleByArgument {
    static let unknownMessage = "it is neither a PNG nor a JPEG picture"
    static func isKnown(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x89, 0x50]) || bytes.starts(with: [0xFF, 0xD8, 0xFF]) }
    init?(fileExtension: String) {
        switch fileExtension.lowercased() {
        case "png": self = .png
        case "jpg", "jpeg", "jpe", "jfif": self = .jpeg
        default: return nil
        }
    }
    init?(argument: String) { self.init(fileExtension: argument) }
    static var allValueStrings: [String] { allCases.map(\.rawValue) }
    var fileExtension: String { self == .png ? "png" : "jpg" }
}
