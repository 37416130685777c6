import Foundation

/// The memory of all tensors of one run: address space reserved once, handed out first fit.
///
/// A denoising step asks for the same sizes in the same order as the step before it and so gets the same memory again:
/// nothing grows from the second step on. Large pages spare the kernels most of their address translation misses.
final class Arena {
    private var base: UnsafeMutableRawPointer
    private(set) var capacity = 0
    /// Whether there is memory behind the addresses; without it tensors have shapes alone.
    private let isMapped: Bool
    /// Whether the system limits virtual memory: then no more is reserved than is asked for, and none while no tensor
    /// is there.
    private let isLimited: Bool
    /// Free ranges by address; neighbours are always merged.
    private var free: [Range<Int>] = []
    /// The end of the highest range ever handed out.
    private(set) var peakBytes = 0
    private let lock = NSLock()

    private static let alignment = 64
    private static let page = sysconf(Int32(_SC_PAGESIZE))

    init() {
        base = Self.nowhere
        isMapped = true
        isLimited = VirtualMemory.left != nil
        // Only pages that are touched take memory.
        if !isLimited { map(max(sysconf(Int32(_SC_PHYS_PAGES)), 1 << 18) * Self.page) }
    }

    /// Addresses without memory, never to be read or written: for shape-only dry runs, which may find that there is not
    /// enough memory.
    init(planning: Void) {
        base = Self.nowhere
        (isMapped, isLimited) = (false, false)
        capacity = 1 << 56
        free = [0..<capacity]
    }

    deinit { unmap() }

    private static var nowhere: UnsafeMutableRawPointer {
        guard let first = UnsafeMutableRawPointer(bitPattern: alignment) else { preconditionFailure("address 0") }
        return first
    }

    private var isEmpty: Bool { free == (capacity > 0 ? [0..<capacity] : []) }

    /// Room for tensors of so many bytes, in place of what there was, if virtual memory is limited and no tensor is
    /// there.
    func reserve(_ bytes: Int) {
        lock.lock()
        defer { lock.unlock() }
        guard isLimited, isEmpty, capacity < bytes else { return }
        unmap()
        map(bytes)
    }

    /// As many of `bytes` as the system gives.
    private func map(_ bytes: Int) {
        var size = (max(bytes, 1) + Self.page - 1) / Self.page * Self.page
        var memory: UnsafeMutableRawPointer?
        while size >= Self.page {
            memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
            if memory != MAP_FAILED { break }
            size = size / 2 / Self.page * Self.page
        }
        guard let memory, memory != MAP_FAILED else { return }
        #if os(Linux)
            madvise(memory, size, Int32(MADV_HUGEPAGE))
        #endif
        (base, capacity, free) = (memory, size, [0..<size])
    }

    private func unmap() {
        if isMapped, capacity > 0 { munmap(base, capacity) }
        (capacity, free) = (0, [])
    }

    func allocate(bytes: Int) -> UnsafeMutableRawPointer {
        let size = (max(bytes, 1) + Self.alignment - 1) / Self.alignment * Self.alignment
        lock.lock()
        defer { lock.unlock() }
        // Nobody has said how much it will be: half of what is left, as there will be weights, too.
        if capacity == 0, let left = VirtualMemory.left { map(max(left / 2, size)) }
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

    /// Gives the whole pages of free ranges back to the system, but for the first `bytes`.
    func trim(keeping bytes: Int) {
        guard isMapped else { return }
        lock.lock()
        defer { lock.unlock() }
        if isLimited, isEmpty { return unmap() }
        let page = Self.page
        for range in free {
            let start = max(range.lowerBound, min(bytes, capacity))
            let (first, last) = ((start + page - 1) / page * page, range.upperBound / page * page)
            if first < last { madvise(base + first, last - first, Int32(MADV_DONTNEED)) }
        }
    }
}
