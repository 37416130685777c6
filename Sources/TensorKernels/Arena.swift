import Foundation

/// The memory of all tensors of one run: address space reserved once, handed out first fit.
///
/// A denoising step asks for the same sizes in the same order as the step before it and so gets the same memory again:
/// nothing grows from the second step on. Large pages spare the kernels most of their address translation misses.
final class Arena {
    private let base: UnsafeMutableRawPointer
    let capacity: Int
    /// Whether there is memory behind the addresses.
    private let isMapped: Bool
    /// Free ranges by address; neighbours are always merged.
    private var free: [Range<Int>]
    /// The end of the highest range ever handed out.
    private(set) var peakBytes = 0
    private let lock = NSLock()

    private static let alignment = 64

    init() {
        // Only pages that are touched take memory. Where the system limits address space, half of what is left has to do:
        // the mapped weights need some, too.
        let page = sysconf(Int32(_SC_PAGESIZE))
        var size = max(sysconf(Int32(_SC_PHYS_PAGES)), 1 << 18) * page
        if let left = AddressSpace.left { size = min(size, max(left / 2 / page * page, 1 << 20)) }
        var memory: UnsafeMutableRawPointer?
        while true {
            memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
            if memory != MAP_FAILED || size < 1 << 20 { break }
            size /= 2
        }
        guard let memory, memory != MAP_FAILED else { preconditionFailure("no address space for tensors") }
        #if os(Linux)
            madvise(memory, size, Int32(MADV_HUGEPAGE))
        #endif
        base = memory
        capacity = size
        isMapped = true
        free = [0..<size]
    }

    /// Addresses only, which must never be followed: for plans, which may find that there is not enough memory.
    init(planning: Void) {
        capacity = 1 << 56
        guard let first = UnsafeMutableRawPointer(bitPattern: Self.alignment) else { preconditionFailure("address 0") }
        base = first
        isMapped = false
        free = [0..<capacity]
    }

    deinit {
        if isMapped { munmap(base, capacity) }
    }

    func allocate(bytes: Int) -> UnsafeMutableRawPointer {
        let size = (max(bytes, 1) + Self.alignment - 1) / Self.alignment * Self.alignment
        lock.lock()
        defer { lock.unlock() }
        guard let index = free.firstIndex(where: { $0.count >= size }) else {
            preconditionFailure("tensors need more than the \(capacity >> 20) MiB of memory there are")
        }
        let start = free[index].lowerBound
        if free[index].count == size {
            free.remove(at: index)
        } else {
            free[index] = (start + size)..<free[index].upperBound
        }
        peakBytes = max(peakBytes, start + size)
        return base + start
    }

    func deallocate(_ pointer: UnsafeMutableRawPointer, bytes: Int) {
        let size = (max(bytes, 1) + Self.alignment - 1) / Self.alignment * Self.alignment
        let start = pointer - base
        lock.lock()
        defer { lock.unlock() }
        var range = start..<(start + size)
        var index = free.firstIndex { $0.lowerBound > start } ?? free.count
        if index < free.count, free[index].lowerBound == range.upperBound {
            range = range.lowerBound..<free[index].upperBound
            free.remove(at: index)
        }
        if index > 0, free[index - 1].upperBound == range.lowerBound {
            range = free[index - 1].lowerBound..<range.upperBound
            index -= 1
            free.remove(at: index)
        }
        free.insert(range, at: index)
    }

    /// Gives the whole pages of free ranges back to the system.
    func trim() {
        guard isMapped else { return }
        lock.lock()
        defer { lock.unlock() }
        let page = sysconf(Int32(_SC_PAGESIZE))
        for range in free {
            let (first, last) = ((range.lowerBound + page - 1) / page * page, range.upperBound / page * page)
            if first < last { madvise(base + first, last - first, Int32(MADV_DONTNEED)) }
        }
    }
}
