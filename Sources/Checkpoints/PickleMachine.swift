/// Runs a pickle, of protocol 0 to 5, without executing anything.
///
/// A pickle is a program for a stack machine that may call any Python function by name. This one looks no name up: it
/// knows what the names that state dictionaries need stand for, takes an object of any other class for an opaque value,
/// and refuses calls of functions and names of Python's own library (see `PickleName`). The number of opcodes and the
/// total length of texts are bounded, and with them memory and time, since every value that exists was pushed by an
/// opcode.
struct PickleMachine {
    static let opcodeLimit = 2_000_000
    private static let textLimit = 64_000_000
    private static let rankLimit = 16

    private let bytes: FileBytes
    private let file: String
    private(set) var position: Int
    private let opcodeLimit: Int
    private var opcodesLeft: Int
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

    /// - Parameters:
    ///   - position: where the pickle starts in the file; that of the first byte if left out.
    ///   - opcodes: how many it may have.
    init(_ bytes: FileBytes, from position: Int? = nil, opcodes: Int = PickleMachine.opcodeLimit) {
        self.bytes = bytes
        (opcodeLimit, opcodesLeft) = (opcodes, opcodes)
        self.position = position ?? bytes.startIndex
        file = bytes.file.path
    }

    /// Runs to the pickle's end; `position`, an offset in the file, is then behind it.
    ///
    /// - Throws: `CheckpointError.unsupported` for a name or opcode that is not allowed, `.malformed` for the rest.
    mutating func run() throws -> PickleValue {
        while true {
            opcodesLeft -= 1
            guard opcodesLeft >= 0 else { throw malformed("it has more than \(opcodeLimit) opcodes") }
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
            guard version <= 5 else { throw unsupported("protocol \(version); the last is 5") }
        case 0x95: _ = try take(8)  // a frame's length, of use to readers of streams alone
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88: stack.append(.bool(true))
        case 0x89: stack.append(.bool(false))
        case UInt8(ascii: "J"): stack.append(.int(Int(Int32(truncatingIfNeeded: try number(bytes: 4)))))
        case UInt8(ascii: "K"): stack.append(.int(try number(bytes: 1)))
        case UInt8(ascii: "M"): stack.append(.int(try number(bytes: 2)))
        case 0x8A: try pushLong(length: try number(bytes: 1))
        case 0x8B: try pushLong(length: try number(bytes: 4))
        case UInt8(ascii: "I"), UInt8(ascii: "L"): try pushDecimal()
        case UInt8(ascii: "F"):
            _ = try line()
            stack.append(.opaque)
        case UInt8(ascii: "G"):
            _ = try take(8)
            stack.append(.opaque)
        case UInt8(ascii: "X"): stack.append(.text(try text(length: try number(bytes: 4))))
        case 0x8C: stack.append(.text(try text(length: try number(bytes: 1))))
        case 0x8D: stack.append(.text(try text(length: try number(bytes: 8))))
        case UInt8(ascii: "U"): try pushByteText(length: try number(bytes: 1))
        case UInt8(ascii: "T"): try pushByteText(length: try number(bytes: 4))
        case UInt8(ascii: "V"), UInt8(ascii: "S"): try pushQuoted(isPython2: code == UInt8(ascii: "S"))
        case UInt8(ascii: "C"): try pushBytes(length: try number(bytes: 1))
        case UInt8(ascii: "B"): try pushBytes(length: try number(bytes: 4))
        case 0x8E, 0x96: try pushBytes(length: try number(bytes: 8))
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: "0"): try discardTop()
        case UInt8(ascii: "1"): _ = try popToMark()
        case UInt8(ascii: "2"): stack.append(try top())
        case UInt8(ascii: "q"): memo[try number(bytes: 1)] = try top()
        case UInt8(ascii: "r"): memo[try number(bytes: 4)] = try top()
        case 0x94: memo[memo.count] = try top()
        case UInt8(ascii: "p"): memo[try decimal()] = try top()
        case UInt8(ascii: "h"): try recall(try number(bytes: 1))
        case UInt8(ascii: "j"): try recall(try number(bytes: 4))
        case UInt8(ascii: "g"): try recall(try decimal())
        case UInt8(ascii: "c"): try pushName(module: try line(), try line())
        case UInt8(ascii: "Q"): try pushStorage()
        default: try executeOnValues(code)
        }
    }

    /// The opcodes that make containers and objects of what is on the stack.
    private mutating func executeOnValues(_ code: UInt8) throws {
        switch code {
        case UInt8(ascii: ")"): pushTuple([])
        case UInt8(ascii: "t"): pushTuple(try popToMark())
        case 0x85...0x87: pushTuple(try pop(count: Int(code) - 0x84))
        case UInt8(ascii: "]"): pushList()
        case UInt8(ascii: "l"):
            let items = try popToMark()
            pushList()
            try append(items)
        case UInt8(ascii: "}"): pushDictionary()
        case UInt8(ascii: "d"):
            let items = try popToMark()
            pushDictionary()
            try setItems(items)
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
        case 0x8F: stack.append(.opaque)  // an empty set
        case 0x90:
            _ = try popToMark()
            guard case .opaque = try top() else { throw malformed("it adds to something that is no set") }
        case 0x91:
            _ = try popToMark()
            stack.append(.opaque)
        case 0x93:
            guard case .text(let name) = try pop(), case .text(let module) = try pop() else {
                throw malformed("a name is no text")
            }
            try pushName(module: module, name)
        case UInt8(ascii: "R"):
            guard case .tuple(let index) = try pop() else {
                throw malformed("it calls with something that is no tuple")
            }
            let function = try pop()
            try call(function, tuples[index])
        case 0x81, 0x92:
            _ = try pop(count: code == 0x81 ? 1 : 2)
            try instantiate(try pop())
        case UInt8(ascii: "o"):
            guard let type = try popToMark().first else { throw malformed("an object without its class") }
            try instantiate(type)
        case UInt8(ascii: "i"):
            _ = try popToMark()
            try pushName(module: try line(), try line())
            try instantiate(try pop())
        case UInt8(ascii: "b"): try build()
        default: throw unsupported("the opcode \(opcodeName(code))")
        }
    }

    /// Attributes set on an object: state dictionaries carry `_metadata` so, numpy types their byte order. Not needed.
    private mutating func build() throws {
        _ = try pop()
        switch try top() {
        case .dictionary, .opaque, .tensor: break
        default: throw unsupported("BUILD on something that is no object")
        }
    }

    private mutating func setItems(_ items: [PickleValue]) throws {
        if case .opaque = try top() { return }
        guard case .dictionary(let index) = try top(), items.count % 2 == 0 else {
            throw malformed("it sets items of something that is no dictionary")
        }
        for position in stride(from: 0, to: items.count, by: 2) {
            dictionaries[index].append((items[position], items[position + 1]))
        }
    }

    private mutating func append(_ items: [PickleValue]) throws {
        if case .opaque = try top() { return }
        guard case .list(let index) = try top() else { throw malformed("it appends to something that is no list") }
        lists[index] += items
    }

    private mutating func pushName(module: String, _ name: String) throws {
        guard let known = PickleName(module: module, name: name) else {
            throw unsupported("the name \(printable("\(module).\(name)"))")
        }
        stack.append(.name(known))
    }

    /// Integers as little-endian two's complement; beyond 64 bits they are of no interest.
    private mutating func pushLong(length: Int) throws {
        let digits = try take(length)
        guard digits.count <= 8 else { return stack.append(.opaque) }
        var value: Int = digits.last.map { $0 >= 0x80 ? -1 : 0 } ?? 0
        for digit in digits.reversed() { value = value << 8 | Int(digit) }
        stack.append(.int(value))
    }

    /// Protocol 0 writes numbers in digits, true and false as 01 and 00, long ones with an L.
    private mutating func pushDecimal() throws {
        let digits = try line()
        if digits == "01" || digits == "00" { return stack.append(.bool(digits == "01")) }
        stack.append(Int(digits.hasSuffix("L") ? digits.dropLast() : digits[...]).map { .int($0) } ?? .opaque)
    }

    /// The number in a line.
    private mutating func decimal() throws -> Int {
        guard let value = Int(try line()), value >= 0 else { throw malformed("a number is none") }
        return value
    }

    /// What Python 2 wrote: texts and bytes alike.
    private mutating func pushByteText(length: Int) throws {
        let start = position
        guard try take(length).allSatisfy({ $0 < 0x80 }) else { return stack.append(.opaque) }
        position = start
        stack.append(.text(try text(length: length)))
    }

    /// A text of protocol 0. One with escapes is of no interest: no key of a weight has any.
    private mutating func pushQuoted(isPython2: Bool) throws {
        let line = try line(limit: 1 << 20)
        guard !line.contains("\\") else { return stack.append(.opaque) }
        guard isPython2 else { return stack.append(.text(line)) }
        guard line.count >= 2, let quote = line.first, quote == line.last, quote == "'" || quote == "\"" else {
            throw malformed("a text without its quotes")
        }
        stack.append(.text(String(line.dropFirst().dropLast())))
    }

    private mutating func pushBytes(length: Int) throws {
        _ = try take(length)
        stack.append(.opaque)
    }

    /// A persistent id: `("storage", type, key, location, count)`, with a sixth item, None, in the legacy format.
    private mutating func pushStorage() throws {
        guard case .tuple(let index) = try pop(), (5...6).contains(tuples[index].count),
            case .text("storage") = tuples[index][0], case .name(.storage(let type)) = tuples[index][1],
            case .text(let key) = tuples[index][2], case .text = tuples[index][3],
            case .int(let count) = tuples[index][4], count >= 0
        else { throw unsupported("a persistent id that is not a storage") }
        if tuples[index].count == 6 {
            guard case .none = tuples[index][5] else { throw unsupported("a view of a storage") }
        }
        if let known = storageOfKey[key] {
            guard storages[known].type == type, storages[known].count == count else {
                throw malformed("it describes the storage \(printable(key)) in two ways")
            }
            stack.append(.storage(known))
        } else {
            storageOfKey[key] = storages.count
            stack.append(.storage(storages.count))
            storages.append(PickledStorage(key: key, type: type, count: count))
        }
    }

    /// What stands in the place of a call of a function or class.
    private mutating func call(_ function: PickleValue, _ arguments: [PickleValue], depth: Int = 0) throws {
        guard case .name(let name) = function else { throw unsupported("a call of something that is no name") }
        switch name {
        case .orderedDictionary:
            guard arguments.isEmpty || isPairs(arguments) else {
                throw unsupported("an OrderedDict made with arguments")
            }
            pushDictionary()
            try setPairs(arguments)
        case .defaultDictionary: pushDictionary()
        case .rebuildTensor, .rebuildTypedTensor: try pushTensor(arguments, isTyped: isTyped(name))
        case .rebuildParameter:
            guard arguments.count >= 3, case .tensor = arguments[0] else { throw malformed("a parameter is no tensor") }
            stack.append(arguments[0])
        case .rebuildSubclass:
            guard arguments.count == 4, case .tuple(let index) = arguments[2], depth == 0 else {
                throw malformed("a tensor's description makes no sense")
            }
            try call(arguments[0], tuples[index], depth: 1)
        case .size:
            guard arguments.count == 1, case .tuple = arguments[0] else { throw malformed("a size is no tuple") }
            stack.append(arguments[0])
        case .inert: stack.append(.opaque)
        case .unknown(let module, let name):
            guard PickleName.isClass(name), module != "pytorch_lightning.callbacks.model_checkpoint" else {
                throw unsupported("a call of \(printable("\(module).\(name)"))")
            }
            stack.append(.opaque)
        case .storage, .dataType: throw unsupported("a call of a class that only may be named")
        }
    }

    /// What stands in the place of a new object of a class, its arguments left aside.
    private mutating func instantiate(_ type: PickleValue) throws {
        guard case .name(let name) = type else { throw unsupported("an object of something that is no name") }
        switch name {
        case .orderedDictionary, .defaultDictionary: pushDictionary()
        case .inert, .unknown: stack.append(.opaque)
        default: throw unsupported("an object of a class that only may be named")
        }
    }

    private func isTyped(_ name: PickleName) -> Bool {
        if case .rebuildTypedTensor = name { true } else { false }
    }

    /// Whether the arguments are one list of pairs, as Python 2 writes an ordered dictionary.
    private func isPairs(_ arguments: [PickleValue]) -> Bool {
        guard arguments.count == 1, case .list(let list) = arguments[0] else { return false }
        return lists[list].allSatisfy { item in
            switch item {
            case .list(let pair): lists[pair].count == 2
            case .tuple(let pair): tuples[pair].count == 2
            default: false
            }
        }
    }

    private mutating func setPairs(_ arguments: [PickleValue]) throws {
        guard case .list(let list)? = arguments.first else { return }
        // Every opcode makes one value; a list recalled again and again must not make a million.
        opcodesLeft -= lists[list].count
        guard opcodesLeft >= 0 else { throw malformed("it has more than \(Self.opcodeLimit) opcodes") }
        for item in lists[list] {
            switch item {
            case .list(let pair): try setItems(lists[pair])
            case .tuple(let pair): try setItems(tuples[pair])
            default: break
            }
        }
    }

    /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks, metadata=None)`, and
    /// `_rebuild_tensor_v3` with the format before the metadata.
    private mutating func pushTensor(_ arguments: [PickleValue], isTyped: Bool) throws {
        let typed = isTyped ? 1 : 0
        guard (6 + typed...7 + typed).contains(arguments.count), case .storage(let storage) = arguments[0],
            case .int(let offset) = arguments[1], let shape = counts(arguments[2]), let strides = counts(arguments[3]),
            offset >= 0, shape.count == strides.count, shape.count <= Self.rankLimit
        else { throw malformed("a tensor's description makes no sense") }
        let dataType: DataType
        let available: Int
        switch (storages[storage].type, isTyped ? arguments[6] : .none) {
        case (.values(let type), .none): (dataType, available) = (type, storages[storage].count)
        case (.bytes, .name(.dataType(let type))):
            (dataType, available) = (type, storages[storage].count / type.byteCount)
        case (.bytes, .none): (dataType, available) = (.uint8, storages[storage].count)
        default: throw unsupported("a tensor of an unknown format")
        }
        guard let extent = extent(of: shape, strides: strides), offset <= available, extent <= available - offset else {
            throw malformed("a tensor of shape \(shape) reaches outside of its storage of \(available) values")
        }
        stack.append(.tensor(tensors.count))
        tensors.append(
            PickledTensor(storage: storage, dataType: dataType, offset: offset, shape: shape, strides: strides))
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

    /// Takes a value away, or a mark that nothing follows.
    private mutating func discardTop() throws {
        if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
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

    private mutating func take(_ count: Int) throws -> FileBytes {
        guard count >= 0, count <= bytes.endIndex - position else { throw malformed("it is cut short") }
        defer { position += count }
        return bytes[position..<position + count]
    }

    private mutating func byte() throws -> UInt8 {
        guard position < bytes.endIndex else { throw malformed("it is cut short") }
        defer { position += 1 }
        return bytes[position]
    }

    /// An unsigned little-endian integer of up to eight bytes, of those that fit a length.
    private mutating func number(bytes count: Int) throws -> Int {
        var value: UInt64 = 0
        for place in 0..<count { value |= UInt64(try byte()) << (8 * UInt64(place)) }
        return Int(clamping: value)
    }

    private mutating func text(length: Int) throws -> String {
        textLeft -= min(length, textLeft + 1)
        guard textLeft >= 0 else { throw malformed("its texts are longer than \(Self.textLimit) bytes together") }
        guard let text = try take(length).withBytes({ String(validating: $0, as: UTF8.self) }) else {
            throw malformed("a text is not valid UTF-8")
        }
        return text
    }

    /// A text that ends with a line feed, as the names of classes do.
    private mutating func line(limit: Int = 256) throws -> String {
        var end = position
        while end < bytes.endIndex, end - position < limit, bytes[end] != UInt8(ascii: "\n") { end += 1 }
        guard end < bytes.endIndex, bytes[end] == UInt8(ascii: "\n") else { throw malformed("a name does not end") }
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
    case 0x82: "EXT1"
    case 0x83: "EXT2"
    case 0x84: "EXT4"
    case 0x97: "NEXT_BUFFER"
    case 0x98: "READONLY_BUFFER"
    case UInt8(ascii: "P"): "PERSID"
    default: "0x" + String(code, radix: 16)
    }
}
