import ImageCodecs
import TensorKernels

/// What this program does where the system limits its virtual memory (`ulimit -v`): a system that refuses memory in the middle
/// of work leaves no way but to crash, so all is counted beforehand.
enum VirtualMemoryBudget {
    /// Whether there is a limit. Then one thing is done after another, so that it can be known what is there for it.
    static var isLimited: Bool { VirtualMemory.left != nil }

    /// For the threads that read photos and write images, and for what the program itself holds.
    static func ownBytes(threads: Int) -> Int { (threads + 2) * VirtualMemory.bytesPerThread + (32 << 20) }

    /// For decoding a photo and bringing it to another size and back.
    static func bytes(of photo: PixelSize) -> Int { 24 * photo.pixels }

    /// Throws a `CommandFailure` unless `bytes` can be had.
    ///
    /// - Parameter work: what takes them, as the start of a sentence.
    static func require(_ bytes: Int, for work: @autoclosure () -> String) throws {
        guard let left = VirtualMemory.left, left < bytes else { return }
        throw CommandFailure(
            .memory,
            "not enough memory: \(work()) takes about \(byteCountText(bytes)) of virtual memory, and \(byteCountText(left)) "
                + "can be had; raise the limit (ulimit -v)")
    }
}
