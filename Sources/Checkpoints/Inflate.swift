import CZlib

/// Unpacks raw deflate data (RFC 1951), which must fill the target exactly.
///
/// - Returns: whether it did.
func inflate(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Bool {
    // zlib counts in 32 bits: hand over so much at a time.
    let step = 1 << 30
    // zlib remembers the address, which must stay.
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    defer { stream.deallocate() }
    guard inflateInit2_(stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return false }
    defer { inflateEnd(stream) }
    var (taken, made) = (0, 0)
    while true {
        let input = source[taken..<min(taken + step, source.count)]
        let output = target[made..<min(made + step, target.count)]
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: UnsafeRawBufferPointer(rebasing: input).bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(input.count)
        // An empty target has no address, and zlib wants one.
        var spare: UInt8 = 0
        let status = withUnsafeMutablePointer(to: &spare) { spare in
            stream.pointee.next_out =
                UnsafeMutableRawBufferPointer(rebasing: output).bindMemory(to: UInt8.self).baseAddress ?? spare
            stream.pointee.avail_out = UInt32(output.count)
            return CZlib.inflate(stream, Z_NO_FLUSH)
        }
        let (used, filled) = (input.count - Int(stream.pointee.avail_in), output.count - Int(stream.pointee.avail_out))
        taken += used
        made += filled
        if status == Z_STREAM_END { return taken == source.count && made == target.count }
        guard status == Z_OK, used + filled > 0 else { return false }
    }
}
