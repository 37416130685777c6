import CImageCodecs
import Foundation
import Synchronization

/// The deflated bands of an image, made by several threads.
final class PNGBands {
    let bands: UnsafeMutableBufferPointer<cimage_png_band>
    /// Whether memory sufficed for all.
    let areWhole: Bool

    init(_ picture: UnsafePointer<cimage_picture>, threads: Int) {
        let count = cimage_png_band_count(picture)
        bands = .allocate(capacity: count)
        bands.initialize(repeating: cimage_png_band())
        // Each band is written by the one thread that drew its number.
        nonisolated(unsafe) let (picture, bands) = (picture, bands)
        let next = Atomic(0)
        let failures = Atomic(0)
        StartedThread.run(on: min(threads, count)) {
            while case let index = next.add(1, ordering: .relaxed).oldValue, index < count {
                if !cimage_png_deflate_band(picture, index, &bands[index]) { failures.add(1, ordering: .relaxed) }
            }
        }
        areWhole = failures.load(ordering: .relaxed) == 0
    }

    deinit {
        bands.forEach { free($0.deflated.bytes) }
        bands.deallocate()
    }
}
