import CTorch
import TensorFiles

/// An operator of libtorch's dispatcher, found once by its schema name and called with boxed
/// arguments.
package struct Operator: @unchecked Sendable {
    /// A static schema entry: never freed, immutable.
    private let handle: ct_operator?
    let name: String

    /// For example `Operator("aten::sum", "dim_IntList")`. An unknown name is reported on the first
    /// call.
    package init(_ name: String, _ overload: String = "") {
        self.name = name
        var found: ct_operator?
        handle = ct_find_operator(name, overload, &found) == 0 ? found : nil
    }

    package enum Argument {
        case none
        case tensor(Tensor)
        case tensors([Tensor])
        case double(Double)
        case int(Int)
        case bool(Bool)
        case ints([Int])
        case string(String)
        case elementType(ElementType)
        case device(Device)

        package static func optional(_ tensor: Tensor?) -> Argument { tensor.map(Argument.tensor) ?? .none }
    }

    /// Calls with positional and named arguments and expects `count` tensors back. Errors go to the
    /// current scope.
    package func callAsFunction(_ arguments: [Argument], named: [(String, Argument)] = [], results count: Int) -> [Tensor] {
        let failed = { (0..<count).map { _ in Operator.undefinedTensor() } }
        if hasPendingError { return failed() }
        guard let handle else {
            report(TorchError(operation: name, reason: "this libtorch (\(Torch.version)) has no such operator", isOutOfMemory: false))
            return failed()
        }
        var boxes = Boxes()
        defer { boxes.free() }
        for argument in arguments { boxes.append(argument, name: nil) }
        for (name, argument) in named { boxes.append(argument, name: name) }
        var results = [ct_value](repeating: ct_value(), count: 8)
        var resultCount: Int64 = 0
        let status = ct_call(handle, boxes.values, Int64(boxes.values.count), &results, Int64(results.count), &resultCount)
        guard check(status, name) else { return failed() }
        var tensors: [Tensor] = []
        for result in results.prefix(Int(resultCount)) {
            switch result.kind {
            case CT_TENSOR:
                tensors.append(Tensor(owning: result.as.tensor))
            case CT_TENSORS:
                for i in 0..<Int(result.count) { tensors.append(Tensor(owning: result.as.tensors[i]!)) }
                ct_release_tensors(result.as.tensors, 0)
            default:
                break
            }
        }
        guard tensors.count >= count else {
            report(TorchError(operation: name, reason: "expected \(count) tensors back, got \(tensors.count)", isOutOfMemory: false))
            return failed()
        }
        return tensors
    }

    package func callAsFunction(_ arguments: Argument..., named: [(String, Argument)] = []) -> Tensor {
        self(arguments, named: named, results: 1)[0]
    }

    static func undefinedTensor() -> Tensor {
        var handle: ct_tensor?
        guard ct_undefined(&handle) == 0, let handle else { preconditionFailure("libtorch: no memory for an empty handle") }
        return Tensor(owning: handle)
    }
}

/// The C values of one call, and the memory that their lists and strings point to.
private struct Boxes {
    var values: [ct_value] = []
    private var allocations: [UnsafeMutableRawPointer] = []

    mutating func append(_ argument: Operator.Argument, name: String?) {
        var value = ct_value()
        value.name = name.map { UnsafePointer(copied($0)) }
        switch argument {
        case .none:
            value.kind = CT_NONE
        case .tensor(let tensor):
            value.kind = CT_TENSOR
            value.as.tensor = tensor.handle
        case .tensors(let tensors):
            value.kind = CT_TENSORS
            value.count = Int64(tensors.count)
            value.as.tensors = copied(tensors.map { Optional($0.handle) })
        case .double(let number):
            value.kind = CT_DOUBLE
            value.as.number = number
        case .int(let integer):
            value.kind = CT_INT
            value.as.integer = Int64(integer)
        case .bool(let boolean):
            value.kind = CT_BOOL
            value.as.boolean = boolean
        case .ints(let integers):
            value.kind = CT_INTS
            value.count = Int64(integers.count)
            value.as.integers = UnsafePointer(copied(integers.map(Int64.init)))
        case .string(let string):
            value.kind = CT_STRING
            value.as.string = UnsafePointer(copied(string))
        case .elementType(let type):
            value.kind = CT_INT
            value.as.integer = Int64(type.scalarType)
        case .device(let device):
            value.kind = CT_DEVICE
            value.as.string = UnsafePointer(copied(device.name))
        }
        values.append(value)
    }

    private mutating func copied<Value>(_ array: [Value]) -> UnsafeMutablePointer<Value> {
        let pointer = UnsafeMutablePointer<Value>.allocate(capacity: max(array.count, 1))
        pointer.initialize(from: array, count: array.count)
        allocations.append(UnsafeMutableRawPointer(pointer))
        return pointer
    }

    private mutating func copied(_ string: String) -> UnsafeMutablePointer<CChar> { copied(Array(string.utf8CString)) }

    func free() {
        for allocation in allocations { allocation.deallocate() }
    }
}
