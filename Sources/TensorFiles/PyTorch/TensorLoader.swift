import Files

/// Provides the bytes of a checkpoint's storages.
protocol StorageSource: AnyObject {
    /// Exactly `byteCount` bytes of the storage, little-endian.
    func bytes(of storage: StorageRecipe, byteCount: Int) throws -> [UInt8]
}

/// Turns recipes into tensors. Reads each storage once, keeps it no longer than needed, and copies
/// views out of it.
struct TensorLoader {
    let heap: PickleHeap
    let source: any StorageSource
    let fileSize: Int

    /// Views may repeat the file's contents, but only so far: an expanded view of one number can
    /// have any shape.
    private var budget: Int { (64 << 20) + 8 * fileSize }

    func load(_ found: StateDictionaryFinder.Found) throws -> StateDictionary {
        let distinct = Set(found.tensors.map(\.tensor))
        var users: [String: Int] = [:]
        for tensor in distinct { users[heap.storages[heap.tensors[tensor].storage].key, default: 0] += 1 }
        var storages: [String: [UInt8]] = [:]
        var done: [Int: HostTensor] = [:]
        var spent = 0
        var result = StateDictionary()
        result.metadata = found.metadata
        result.notes = found.notes
        for (key, index) in found.tensors {
            if let tensor = done[index] {
                result[key] = tensor
                continue
            }
            let recipe = heap.tensors[index]
            let storage = heap.storages[recipe.storage]
            do {
                let byteCount = try checkedByteCount(recipe, storage)
                spent += byteCount
                guard spent <= budget else {
                    throw Fault(.limit, "its tensors add up to more than \(budget) bytes, far more than the file holds")
                }
                let total = try totalBytes(storage)
                let storageBytes = try storages[storage.key] ?? source.bytes(of: storage, byteCount: total)
                guard storageBytes.count == total else { throw Fault(.corrupt, "its storage is declared in two ways") }
                users[storage.key, default: 1] -= 1
                storages[storage.key] = users[storage.key] == 0 ? nil : storageBytes
                let viewStart = storage.viewOffset * (storage.type.byteCount ?? 1)
                let tensor = view(recipe, of: storageBytes, from: viewStart, byteCount: byteCount)
                done[index] = tensor
                result[key] = tensor
            } catch let fault as Fault {
                let isAboutFile = fault.reason.hasPrefix("truncated") || fault.kind == .unreadable
                throw isAboutFile ? fault : Fault(fault.kind, "tensor '\(key.printable())': \(fault.reason)", remedy: fault.remedy)
            }
        }
        return result
    }

    private func totalBytes(_ storage: StorageRecipe) throws -> Int {
        let (bytes, overflow) = storage.count.multipliedReportingOverflow(by: storage.type.byteCount ?? 1)
        guard !overflow else { throw Fault(.corrupt, "its storage of \(storage.count) elements is out of range") }
        return bytes
    }

    /// The bytes of the contiguous tensor, after checking that every element lies within the
    /// storage.
    private func checkedByteCount(_ recipe: TensorRecipe, _ storage: StorageRecipe) throws -> Int {
        guard recipe.shape.count == recipe.strides.count else {
            throw Fault(.corrupt, "has \(recipe.shape.count) lengths and \(recipe.strides.count) strides")
        }
        guard recipe.offset >= 0, recipe.strides.allSatisfy({ $0 >= 0 }) else { throw Fault(.corrupt, "has a negative offset or stride") }
        guard let byteCount = HostTensor.byteCount(shape: recipe.shape, elementType: recipe.elementType) else {
            throw Fault(.corrupt, "its shape \(recipe.shape) is out of range")
        }
        if byteCount == 0 { return 0 }
        guard storage.count > 0 else { throw Fault(.corrupt, "has elements, but its storage is empty") }
        // The tensor's type may differ from the storage's, so count bytes. The view lies within the
        // storage, so this overflows only if the storage does.
        let available = try totalBytes(storage) / storage.count * storage.viewCount / recipe.elementType.byteCount
        var last = recipe.offset
        for (length, stride) in zip(recipe.shape, recipe.strides) {
            let (reach, overflow) = (length - 1).multipliedReportingOverflow(by: stride)
            let (sum, carry) = last.addingReportingOverflow(reach)
            guard !overflow, !carry else { throw Fault(.corrupt, "its strides are out of range") }
            last = sum
        }
        guard last < available else { throw Fault(.corrupt, "reaches element \(last) of a storage of \(available)") }
        return byteCount
    }

    private func view(_ recipe: TensorRecipe, of storage: [UInt8], from start: Int, byteCount: Int) -> HostTensor {
        if byteCount == 0 { return HostTensor(unchecked: recipe.shape, recipe.elementType, []) }
        if byteCount == storage.count, recipe.offset == 0, start == 0, isContiguous(recipe) {
            return HostTensor(unchecked: recipe.shape, recipe.elementType, storage)
        }
        let bytes = storage.withUnsafeBytes {
            Strided.gather(
                UnsafeRawBufferPointer(rebasing: $0[start...]), offset: recipe.offset, shape: recipe.shape, strides: recipe.strides,
                elementSize: recipe.elementType.byteCount)
        }
        return HostTensor(unchecked: recipe.shape, recipe.elementType, bytes)
    }

    private func isContiguous(_ recipe: TensorRecipe) -> Bool {
        var expected = 1
        for (length, stride) in zip(recipe.shape, recipe.strides).reversed() where length != 1 {
            guard stride == expected else { return false }
            expected *= length
        }
        return true
    }
}
