/// Runs a pickle as `torch.save` writes it (protocol 2) without executing anything.
///
/// A pickle is a program for a stack machine that may call any Python function by name. This one knows the opcodes and
/// the names that state dictionaries need (as torch's own `weights_only` reader), and refuses all others by name. The
/// number of opcodes and the total length of texts are bounded, and with them memory and time, since every value that
/// exists was pushed by an opcode.
struct PickleMachine {
    private static let opcodeLimit = 2_000_000
    private static let textLimit = 64_000_000
    private static let rankLimit = 16

    private let bytes: UnsafeRawBufferPointer
    private let file: String
    private(set) var position: Int
    private var opcodesLeft = Self.opcodeLimit
    private var textLeft = Self.textLimit
    private var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    private var storageOfKey: [String: Int] = [:]

    private(set) var tuples: [[PickleValue]] = []
    private(set) var lists: [[PickleValue]] = []
    private(set) var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
    private(set) var storages: [PickledStorage] = []
    private(set) var tensors: [PickledTensor] = []

    init(_ bytes: UnsafeRawBufferPointer, from position: Int = 0, file: String) {
        self.bytes = bytes
        self.position = position
        self.file = file
    }

    /// Runs to the pickle's end; `position` is then behind it.
    ///
    /// - Throws: `CheckpointError.unsupported` for a name or opcode that is not allowed, `.malformed` for the rest.
    mutating func run() throws -> PickleValue {
        while true {
            opcodesLeft -= 1
            guard opcodesLeft >= 0 else { throw malformed("it has more than \(Self.opcodeLimit) opcodes") }
            let code = try byte()
            if code == UInt8(ascii: ".") { return try pop() }
            try execute(code)
        }
    }

    // MARK: - Opcodes

    private mutating func execute(_ code: UInt8) throws {
        switch code {
        case 0x80:
            let version = try byte()
            guard version == 2 else { throw unsupported("protocol \(version); torch.save writes 2") }
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88: stack.append(.bool(true))
        case 0x89: stack.append(.bool(false))
        case UInt8(ascii: "J"): stack.append(.int(Int(Int32(truncatingIfNeeded: try number(bytes: 4)))))
        case UInt8(ascii: "K"): stack.append(.int(try number(bytes: 1)))
        case UInt8(ascii: "M"): stack.append(.int(try number(bytes: 2)))
        case 0x8A: try pushLong()
        case UInt8(ascii: "G"):
            _ = try take(8)
            stack.append(.opaque)
        case UInt8(ascii: "X"): stack.append(.text(try text(length: try number(bytes: 4))))
        case UInt8(ascii: "U"): stack.append(.text(try text(length: try number(bytes: 1))))
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: ")"): pushTuple([])
        case UInt8(ascii: "t"): pushTuple(try popToMark())
        case 0x85...0x87: pushTuple(try pop(count: Int(code) - 0x84))
        case UInt8(ascii: "]"): pushList()
        case UInt8(ascii: "}"): pushDictionary()
        case UInt8(ascii: "a"):
            let item = try pop()
            try append([item])
        case UInt8(ascii: "e"):
            let items = try popToMark()
            try append(items)
        case UInt8(ascii: "s"):
            let items = try pop(count: 2)
            try setItems(items)
        case UInt8(ascii: "u"):
            let items = try popToMark()
            try setItems(items)
        case UInt8(ascii: "q"): memo[try number(bytes: 1)] = try top()
        case UInt8(ascii: "r"): memo[try number(bytes: 4)] = try top()
        case UInt8(ascii: "h"): try recall(try number(bytes: 1))
        case UInt8(ascii: "j"): try recall(try number(bytes: 4))
        case UInt8(ascii: "c"): try pushName()
        case UInt8(ascii: "Q"): try pushStorage()
        case UInt8(ascii: "R"): try call()
        case UInt8(ascii: "b"): try build()
        default: throw unsupported("the opcode \(opcodeName(code))")
        }
    }

    /// Attributes set on an object: state dictionaries carry `_metadata` so, numpy types their byte order. Not needed.
    private mutating func build() throws {
        _ = try pop()
        switch try top() {
        case .dictionary, .opaque: break
        default: throw unsupported("BUILD on something other than a dictionary")
        }
    }

    private mutating func setItems(_ items: [PickleValue]) throws {
        guard case .dictionary(let index) = try top(), items.count % 2 == 0 else {
            throw malformed("it sets items of something that is no dictionary")
        }
        for position in stride(from: 0, to: items.count, by: 2) {
            dictionaries[index].append((items[position], items[position + 1]))
        }
    }

    private mutating func append(_ items: [PickleValue]) throws {
        guard case .list(let index) = try top() else { throw malformed("it appends to something that is no list") }
        lists[index] += items
    }

    private mutating func pushName() throws {
        let module = try line()
        let name = try line()
        guard let known = PickleName(module: module, name: name) else {
            throw unsupported("the name \(printable("\(module).\(name)"))")
        }
        stack.append(.name(known))
    }

    /// Integers of up to 255 bytes, little-endian two's complement; beyond 64 bits they are of no interest.
    private mutating func pushLong() throws {
        let digits = try take(try number(bytes: 1))
        guard digits.count <= 8 else { return stack.append(.opaque) }
        var value: Int = digits.last.map { $0 >= 0x80 ? -1 : 0 } ?? 0
        for digit in digits.reversed() { value = value << 8 | Int(digit) }
        stack.append(.int(value))
    }

    /// A persistent id: `("storage", type, key, location, count)`, with a sixth item, None, in the legacy format.
    private mutating func pushStorage() throws {
        guard case .tuple(let index) = try pop(), (5...6).contains(tuples[index].count),
            case .text("storage") = tuples[index][0], case .name(.storage(let dataType)) = tuples[index][1],
            case .text(let key) = tuples[index][2], case .text = tuples[index][3],
            case .int(let count) = tuples[index][4], count >= 0
        else { throw unsupported("a persistent id that is not a storage") }
        if tuples[index].count == 6 {
            guard case .none = tuples[index][5] else { throw unsupported("a view of a storage") }
        }
        if let known = storageOfKey[key] {
            guard storages[known].dataType == dataType, storages[known].count == count else {
                throw malformed("it describes the storage \(printable(key)) in two ways")
            }
            stack.append(.storage(known))
        } else {
            storageOfKey[key] = storages.count
            stack.append(.storage(storages.count))
            storages.append(PickledStorage(key: key, dataType: dataType, count: count))
        }
    }

    private mutating func call() throws {
        guard case .tuple(let index) = try pop() else { throw malformed("it calls with something that is no tuple") }
        let arguments = tuples[index]
        guard case .name(let name) = try pop() else { throw unsupported("a call of something that is no name") }
        switch name {
        case .orderedDictionary:
            guard arguments.isEmpty else { throw unsupported("an OrderedDict made with arguments") }
            pushDictionary()
        case .rebuildTensor: try pushTensor(arguments)
        case .rebuildParameter:
            guard arguments.count == 3, case .tensor = arguments[0] else { throw malformed("a parameter is no tensor") }
            stack.append(arguments[0])
        case .size:
            guard arguments.count == 1, case .tuple = arguments[0] else { throw malformed("a size is no tuple") }
            stack.append(arguments[0])
        case .numpyScalar, .numpyDataType, .encode: stack.append(.opaque)
        case .storage, .modelCheckpoint: throw unsupported("a call of a class that only may be named")
        }
    }

    /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks, metadata=None)`.
    private mutating func pushTensor(_ arguments: [PickleValue]) throws {
        guard (6...7).contains(arguments.count), case .storage(let storage) = arguments[0],
            case .int(let offset) = arguments[1], let shape = counts(arguments[2]), let strides = counts(arguments[3]),
            offset >= 0, shape.count == strides.count, shape.count <= Self.rankLimit
        else { throw malformed("a tensor's description makes no sense") }
        let available = storages[storage].count
        guard let extent = extent(of: shape, strides: strides), offset <= available, extent <= available - offset else {
            throw malformed("a tensor of shape \(shape) reaches outside of its storage of \(available) values")
        }
        stack.append(.tensor(tensors.count))
        tensors.append(PickledTensor(storage: storage, offset: offset, shape: shape, strides: strides))
    }

    // MARK: - Stack

    private func top() throws -> PickleValue {
        guard stack.count > (marks.last ?? 0), let value = stack.last else { throw malformed("its stack is empty") }
        return value
    }

    private mutating func pop() throws -> PickleValue {
        let value = try top()
        stack.removeLast()
        return value
    }

    private mutating func pop(count: Int) throws -> [PickleValue] {
        guard stack.count - (marks.last ?? 0) >= count else { throw malformed("its stack is empty") }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func popToMark() throws -> [PickleValue] {
        guard let mark = marks.popLast() else { throw malformed("a mark is missing") }
        defer { stack.removeSubrange(mark...) }
        return Array(stack[mark...])
    }

    private mutating func pushTuple(_ items: [PickleValue]) {
        stack.append(.tuple(tuples.count))
        tuples.append(items)
    }

    private mutating func pushDictionary() {
        stack.append(.dictionary(dictionaries.count))
        dictionaries.append([])
    }

    private mutating func pushList() {
        stack.append(.list(lists.count))
        lists.append([])
    }

    private mutating func recall(_ index: Int) throws {
        guard let value = memo[index] else { throw malformed("it recalls what it never stored") }
        stack.append(value)
    }

    /// The integers of a tuple, all non-negative.
    private func counts(_ value: PickleValue) -> [Int]? {
        guard case .tuple(let index) = value else { return nil }
        var numbers: [Int] = []
        for item in tuples[index] {
            guard case .int(let number) = item, number >= 0 else { return nil }
            numbers.append(number)
        }
        return numbers
    }

    // MARK: - Bytes

    private mutating func take(_ count: Int) throws -> Slice<UnsafeRawBufferPointer> {
        guard count <= bytes.count - position else { throw malformed("it is cut short") }
        defer { position += count }
        return bytes[position..<position + count]
    }

    private mutating func byte() throws -> UInt8 {
        guard position < bytes.count else { throw malformed("it is cut short") }
        defer { position += 1 }
        return bytes[position]
    }

    /// An unsigned little-endian integer of up to four bytes.
    private mutating func number(bytes count: Int) throws -> Int {
        try take(count).reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    private mutating func text(length: Int) throws -> String {
        textLeft -= length
        guard textLeft >= 0 else { throw malformed("its texts are longer than \(Self.textLimit) bytes together") }
        guard let text = String(validating: try take(length), as: UTF8.self) else {
            throw malformed("a text is not valid UTF-8")
        }
        return text
    }

    /// A text that ends with a line feed, as the names of classes do.
    private mutating func line() throws -> String {
        let limit = bytes[position...].prefix(256)
        guard let end = limit.firstIndex(of: UInt8(ascii: "\n")) else { throw malformed("a name does not end") }
        let text = try text(length: end - position)
        position += 1
        return text
    }

    // MARK: - Errors

    private func malformed(_ reason: String) -> CheckpointError {
        .malformed(file: file, reason: "its pickle is invalid at byte \(position): \(reason)")
    }

    private func unsupported(_ what: String) -> CheckpointError {
        .unsupported(
            file: file, reason: "its pickle uses \(what), which no weight file needs; nothing in it was executed")
    }
}

/// The number of storage values that a view spans, 0 for an empty one, or nil when that overflows.
func extent(of shape: [Int], strides: [Int]) -> Int? {
    guard !shape.contains(0) else { return 0 }
    var last = 0
    for (side, stride) in zip(shape, strides) {
        let (step, overflow) = (side - 1).multipliedReportingOverflow(by: stride)
        let (sum, carry) = last.addingReportingOverflow(step)
        guard !overflow, !carry else { return nil }
        last = sum
    }
    let (count, overflow) = last.addingReportingOverflow(1)
    return overflow ? nil : count
}

/// The name of an opcode that is refused (Python's `pickletools`).
private func opcodeName(_ code: UInt8) -> String {
    switch code {
    case UInt8(ascii: "i"): "INST"
    case UInt8(ascii: "o"): "OBJ"
    case 0x81: "NEWOBJ"
    case 0x82: "EXT1"
    case 0x83: "EXT2"
    case 0x84: "EXT4"
    case 0x8B: "LONG4"
    case 0x92: "NEWOBJ_EX"
    case 0x93: "STACK_GLOBAL"
    case 0x95: "FRAME"
    case 0x97: "NEXT_BUFFER"
    case UInt8(ascii: "P"): "PERSID"
    case UInt8(ascii: "p"): "PUT"
    case UInt8(ascii: "g"): "GET"
    case UInt8(ascii: "d"): "DICT"
    case UInt8(ascii: "l"): "LIST"
    case UInt8(ascii: "0"): "POP"
    case UInt8(ascii: "1"): "POP_MARK"
    case UInt8(ascii: "2"): "DUP"
    default: "0x" + String(code, radix: 16)
    }
}
