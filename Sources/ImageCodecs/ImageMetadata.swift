/// What a photo says of itself that stays true of an image made from it: who took it, when and with what, and how large
/// it is on paper. Places (GPS) are never among it.
public struct ImageMetadata: Equatable, Sendable {
    /// A text field of EXIF that is kept.
    package enum Field: Int, CaseIterable, Sendable {
        case make = 0x010F
        case model = 0x0110
        case dateTime = 0x0132
        case artist = 0x013B
        case copyright = 0x8298
        case dateTimeOriginal = 0x9003
        case dateTimeDigitized = 0x9004
        case offsetTime = 0x9010
        case offsetTimeOriginal = 0x9011
        case offsetTimeDigitized = 0x9012
        case subSecond = 0x9290
        case subSecondOriginal = 0x9291
        case subSecondDigitized = 0x9292
        case lensMake = 0xA433
        case lensModel = 0xA434

        /// Whether it stands in EXIF's own directory, not in the main one.
        var isInExifDirectory: Bool { rawValue >= 0x9003 }
    }

    package var texts: [Field: String] = [:]
    /// Pixels to an inch across and down.
    package var resolution: Resolution?

    /// Nothing known.
    public init() {}

    package struct Resolution: Equatable, Sendable {
        package var across: Double
        package var down: Double

        /// nil for values that say nothing.
        package init?(across: Double, down: Double) {
            guard (1...100_000).contains(across), (1...100_000).contains(down) else { return nil }
            self.across = across
            self.down = down
        }
    }

    /// When the photo was taken, as EXIF has it (`2020:05:17 10:11:12`).
    public var captureDate: String? { texts[.dateTimeOriginal] }
}
