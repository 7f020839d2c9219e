import Files

/// Reads pickles as plain data: tensors, containers, numbers and strings. Everything else becomes
/// an inert name.
///
/// Python's pickle is a program that names functions and calls them. This machine cannot call
/// anything: a name stays a string, and a call of an unknown name becomes `.foreign(name)`.
/// `Limits` bound time and memory for any pickle.
struct PickleMachine {
    enum Limits {
        /// Instructions of a pickle and units of copying, see `spend`. A checkpoint of a thousand
        /// tensors takes about 30,000.
        static let work = 4_000_000
        static let stack = 1_000_000
        static let marks = 1_000
        static let keyBytes = 4_096
        static let nameBytes = 512
        /// A string kept as metadata.
        static let textBytes = 1 << 16
        static let integerDigits = 64
        static let axes = 64
    }

    private(set) var heap = PickleHeap()
    private(set) var input: PickleInput
    private var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    private var work = 0

    init(_ input: PickleInput) { self.input = input }

    /// Reads one pickle, up to its stop. Earlier pickles' values stay in the heap.
    mutating func load() throws -> PickleValue {
        stack.removeAll()
        marks.removeAll()
        memo.removeAll()
        while true {
            let position = input.position
            let code = try input.byte()
            guard let opcode = PickleOpcode(rawValue: code) else {
                throw Fault(.corrupt, "the pickle has an unknown opcode 0x\(String(code, radix: 16)) at byte \(position)")
            }
            do {
                try spend(1)
                if opcode == .stop { return try pop() }
                try execute(opcode)
            } catch var fault as Fault {
                if !fault.reason.hasPrefix("truncated") { fault.reason = "pickle opcode \(opcode) at byte \(position): \(fault.reason)" }
                throw fault
            }
        }
    }

    private mutating func execute(_ opcode: PickleOpcode) throws {
        switch opcode {
        case .none, .newTrue, .newFalse, .int, .binInt, .binInt1, .binInt2, .long, .long1, .long4, .float, .binFloat:
            try push(try number(opcode))
        case .string, .binString, .shortBinString, .unicode, .binUnicode, .shortBinUnicode, .binUnicode8:
            try push(try text(opcode))
        case .binBytes, .shortBinBytes, .binBytes8, .byteArray8:
            try skipBytes(opcode)
            try push(.opaque)
        case .emptyList, .emptyTuple, .emptySet: try push(heap.sequence([]))
        case .emptyDict: try push(heap.dictionary())
        case .tuple, .list, .frozenSet: try push(heap.sequence(try popToMark()))
        case .tuple1: try pushTuple(1)
        case .tuple2: try pushTuple(2)
        case .tuple3: try pushTuple(3)
        case .dict:
            let items = try popToMark()
            try push(heap.dictionary())
            try setItems(items)
        case .append: try append([try pop()])
        case .appends, .addItems: try append(try popToMark())
        case .setItem:
            let value = try pop()
            try setItems([try pop(), value])
        case .setItems: try setItems(try popToMark())
        case .mark:
            guard marks.count < Limits.marks else { throw Fault(.limit, "nested more than \(Limits.marks) deep") }
            marks.append(stack.count)
        case .pop: if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
        case .popMark: _ = try popToMark()
        case .duplicate: try push(try top())
        case .get, .binGet, .longBinGet, .put, .binPut, .longBinPut, .memoize: try remember(opcode)
        case .global, .stackGlobal, .instance, .object, .newObject, .newObjectEx, .reduce, .build, .extension1, .extension2, .extension4,
            .binPersistentID:
            try call(opcode)
        case .protocol:
            let version = try input.byte()
            guard version <= 5 else { throw Fault(.unsupported, "protocol \(version), not 0 to 5") }
        case .frame: _ = try input.littleEndian(UInt64.self)
        case .readOnlyBuffer, .stop: break
        case .persistentID, .nextBuffer: throw Fault(.unsupported, "not supported")
        }
    }

    // MARK: Stack

    private mutating func push(_ value: PickleValue) throws {
        guard stack.count < Limits.stack else { throw Fault(.limit, "more than \(Limits.stack) values at once") }
        stack.append(value)
    }

    private mutating func pop() throws -> PickleValue {
        guard stack.count > marks.last ?? 0 else { throw Fault(.corrupt, "finds nothing on the stack") }
        return stack.removeLast()
    }

    private func top() throws -> PickleValue {
        guard stack.count > marks.last ?? 0, let value = stack.last else { throw Fault(.corrupt, "finds nothing on the stack") }
        return value
    }

    private mutating func popToMark() throws -> [PickleValue] {
        guard let mark = marks.popLast() else { throw Fault(.corrupt, "finds no mark") }
        defer { stack.removeSubrange(mark...) }
        return Array(stack[mark...])
    }

    private mutating func pushTuple(_ count: Int) throws {
        guard stack.count >= (marks.last ?? 0) + count else { throw Fault(.corrupt, "finds nothing on the stack") }
        let items = Array(stack.suffix(count))
        stack.removeLast(count)
        try push(heap.sequence(items))
    }

    private mutating func spend(_ units: Int) throws {
        work += units
        guard work <= Limits.work else { throw Fault(.limit, "more than \(Limits.work) instructions") }
    }

    // MARK: Containers

    private mutating func append(_ items: [PickleValue]) throws {
        switch try top() {
        case .sequence(let index): heap.sequences[index] += items
        case .foreign, .foreignTensor: break
        default: throw Fault(.corrupt, "finds no list")
        }
    }

    private mutating func setItems(_ items: [PickleValue]) throws {
        guard items.count.isMultiple(of: 2) else { throw Fault(.corrupt, "finds a key without a value") }
        switch try top() {
        case .dictionary(let index):
            for i in stride(from: 0, to: items.count, by: 2) { try set(items[i], items[i + 1], in: index) }
        case .foreign, .foreignTensor: break
        default: throw Fault(.corrupt, "finds no dictionary")
        }
    }

    private mutating func set(_ key: PickleValue, _ value: PickleValue, in dictionary: Int) throws {
        guard case .string(let key) = key else {
            heap.dictionaries[dictionary].hasOtherKeys = true
            return
        }
        guard key.utf8.count <= Limits.keyBytes else { throw Fault(.limit, "a key of \(key.utf8.count) bytes") }
        // A long key, remembered once and used often, costs its length whenever it is hashed.
        try spend(key.utf8.count / 64)
        heap.dictionaries[dictionary].set(key, value)
    }

    private mutating func remember(_ opcode: PickleOpcode) throws {
        let slot: Int
        switch opcode {
        case .get, .put:
            guard let index = Int(String(decoding: try input.line().prefix(20), as: UTF8.self)) else { throw Fault(.corrupt, "no number") }
            slot = index
        case .binGet, .binPut: slot = Int(try input.byte())
        case .memoize: slot = memo.count
        default: slot = Int(try input.littleEndian(UInt32.self))
        }
        if opcode == .get || opcode == .binGet || opcode == .longBinGet {
            guard let value = memo[slot] else { throw Fault(.corrupt, "slot \(slot) of its memo is empty") }
            try push(value)
        } else {
            memo[slot] = try top()
        }
    }

    // MARK: Numbers and text

    private mutating func number(_ opcode: PickleOpcode) throws -> PickleValue {
        switch opcode {
        case .newTrue: return .bool(true)
        case .newFalse: return .bool(false)
        case .binInt: return .integer(Int(try input.littleEndian(Int32.self)))
        case .binInt1: return .integer(Int(try input.byte()))
        case .binInt2: return .integer(Int(try input.littleEndian(UInt16.self)))
        case .binFloat: return .number(Double(bitPattern: try input.littleEndian(UInt64.self).byteSwapped))
        case .long1: return try integer(byteCount: Int(try input.byte()))
        case .long4: return try integer(byteCount: try input.length(Int32.self))
        case .int, .long, .float:
            let line = try input.line()
            // Integers beyond 64 bits are not needed, so their digits are not converted.
            guard line.count <= Limits.integerDigits else { return .opaque }
            return try number(String(decoding: line, as: UTF8.self), opcode)
        default: return .none
        }
    }

    private func number(_ text: String, _ opcode: PickleOpcode) throws -> PickleValue {
        let digits = text.hasSuffix("L") ? String(text.dropLast()) : text
        switch opcode {
        case .float: if let value = Double(text) { return .number(value) }
        case .int where text == "00" || text == "01": return .bool(text == "01")
        default:
            if let value = Int(digits) { return .integer(value) }
            if !digits.isEmpty, digits.drop(while: { $0 == "-" }).allSatisfy(\.isNumber) { return .opaque }
        }
        throw Fault(.corrupt, "not a number: '\(text.printable())'")
    }

    /// Little-endian two's complement of any length.
    private mutating func integer(byteCount: Int) throws -> PickleValue {
        let bytes = try input.take(byteCount)
        guard byteCount <= 8 else { return .opaque }
        var value = bytes.last.map { $0 >= 0x80 ? -1 : 0 } ?? 0
        for byte in bytes.reversed() { value = value << 8 | Int(byte) }
        return .integer(value)
    }

    private mutating func text(_ opcode: PickleOpcode) throws -> PickleValue {
        switch opcode {
        case .string, .unicode:
            var line = try input.line()
            // Protocol 0 writes byte strings in quotes.
            if opcode == .string {
                guard line.count >= 2, line.first == line.last else { throw Fault(.corrupt, "a string without quotes") }
                line = line.dropFirst().dropLast()
            }
            return .string(String(decoding: line, as: UTF8.self))
        case .shortBinString, .shortBinUnicode: return .string(String(decoding: try input.take(Int(try input.byte())), as: UTF8.self))
        case .binString: return .string(String(decoding: try input.take(try input.length(Int32.self)), as: UTF8.self))
        case .binUnicode: return .string(String(decoding: try input.take(try input.length(UInt32.self)), as: UTF8.self))
        default: return .string(String(decoding: try input.take(try input.length(UInt64.self)), as: UTF8.self))
        }
    }

    private mutating func skipBytes(_ opcode: PickleOpcode) throws {
        switch opcode {
        case .shortBinBytes: _ = try input.take(Int(try input.byte()))
        case .binBytes: _ = try input.take(try input.length(UInt32.self))
        default: _ = try input.take(try input.length(UInt64.self))
        }
    }

    // MARK: Names and calls

    private mutating func call(_ opcode: PickleOpcode) throws {
        switch opcode {
        case .global:
            let module = try name(try input.line())
            try push(.global(module + "." + name(try input.line())))
        case .stackGlobal:
            guard case .string(let attribute) = try pop(), case .string(let module) = try pop() else {
                throw Fault(.corrupt, "finds no names")
            }
            guard attribute.utf8.count <= Limits.nameBytes, module.utf8.count <= Limits.nameBytes else {
                throw Fault(.limit, "a long name")
            }
            try push(.global(module + "." + attribute))
        case .instance:
            let module = try name(try input.line())
            let target = PickleValue.global(module + "." + (try name(try input.line())))
            try push(try construct(target, try popToMark()))
        case .object:
            var items = try popToMark()
            guard !items.isEmpty else { throw Fault(.corrupt, "finds no class") }
            let target = items.removeFirst()
            try push(try construct(target, items))
        case .newObjectEx, .newObject, .reduce:
            if opcode == .newObjectEx { _ = try pop() }
            var items: [PickleValue] = []
            if case .sequence(let index) = try pop() { items = heap.sequences[index] }
            try push(try construct(try pop(), items))
        case .build:
            // An object's state: on a dictionary it sets attributes; otherwise it is not needed.
            let state = try pop()
            if case .dictionary(let target) = try top(), case .dictionary(let attributes) = state {
                heap.dictionaries[target].attributes.append(attributes)
            }
        case .extension1: try push(.foreign("extension \(try input.byte())"))
        case .extension2: try push(.foreign("extension \(try input.littleEndian(UInt16.self))"))
        case .extension4: try push(.foreign("extension \(try input.littleEndian(UInt32.self))"))
        default: try push(try heap.persistent(try pop()))
        }
    }

    private mutating func construct(_ target: PickleValue, _ arguments: [PickleValue]) throws -> PickleValue {
        switch target {
        case .global(let name):
            let result = try heap.construct(name, arguments, work: &work)
            try spend(0)
            return result
        case .foreign(let name): return .foreign(name)
        default: throw Fault(.corrupt, "calls something that is not a name")
        }
    }

    private func name(_ bytes: ArraySlice<UInt8>) throws -> String {
        guard bytes.count <= Limits.nameBytes else { throw Fault(.limit, "a long name") }
        return String(decoding: bytes, as: UTF8.self)
    }
}
