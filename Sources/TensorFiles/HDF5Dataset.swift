@preconcurrency import CHDF5

/// One array of an open HDF5 file. Every function is called under the library's lock.
enum HDF5Dataset {
    private struct Plan {
        let shape: [Int]
        let elementType: ElementType
        let byteCount: Int
        /// The type of the elements in memory; closed by the caller.
        let memoryType: hid_t
    }

    static func shape(_ name: String, of file: hid_t) throws -> [Int] {
        let dataset = try open(name, of: file)
        defer { H5Dclose(dataset) }
        return try extents(dataset)
    }

    static func read(_ name: String, of file: hid_t, fileSize: Int, limit: Int) throws -> HostTensor {
        let dataset = try open(name, of: file)
        defer { H5Dclose(dataset) }
        let creation = H5Dget_create_plist(dataset)
        guard creation >= 0 else { throw Fault(.corrupt, "its properties cannot be read") }
        defer { H5Pclose(creation) }
        let layout = H5Pget_layout(creation)
        guard layout == H5D_CONTIGUOUS || layout == H5D_CHUNKED || layout == H5D_COMPACT, H5Pget_external_count(creation) == 0 else {
            throw Fault(.unsupported, "lies in other files (virtual or external storage), which are not followed", remedy: "copy it into the file itself")
        }

        let plan = try plan(dataset, limit: limit)
        defer { H5Tclose(plan.memoryType) }
        guard plan.byteCount > 0 else { return HostTensor(unchecked: plan.shape, plan.elementType, []) }
        let stored = Int(clamping: H5Dget_storage_size(dataset))
        guard stored > 0 else { throw Fault(.truncated, "was declared but never written") }
        guard stored <= fileSize else { throw Fault(.corrupt, "declares \(stored) stored bytes in a file of \(fileSize)") }

        let bytes =
            layout == H5D_CHUNKED
            ? try HDF5Chunks(dataset, creation: creation, shape: plan.shape, stored: stored).read(as: plan.memoryType, byteCount: plan.byteCount)
            : try readPlain(dataset, plan: plan, stored: stored)
        return HostTensor(unchecked: plan.shape, plan.elementType, bytes)
    }

    /// Opens an array that a hard link names: others could lead out of the file.
    private static func open(_ name: String, of file: hid_t) throws -> hid_t {
        var link = H5L_info_t()
        guard H5Lexists(file, name, HDF5Library.standard) > 0, H5Lget_info(file, name, &link, HDF5Library.standard) >= 0 else {
            throw Fault(.missing, "is not in the file", remedy: "save the array under that name")
        }
        guard link.type == H5L_TYPE_HARD else {
            throw Fault(.unsupported, "is a link that may lead to another file, which is not followed", remedy: "copy the array into the file itself")
        }
        let dataset = H5Dopen2(file, name, HDF5Library.standard)
        guard dataset >= 0 else { throw Fault(.corrupt, "is not an array, or is damaged") }
        return dataset
    }

    private static func extents(_ dataset: hid_t) throws -> [Int] {
        let space = H5Dget_space(dataset)
        guard space >= 0 else { throw Fault(.corrupt, "its shape cannot be read") }
        defer { H5Sclose(space) }
        let rank = Int(H5Sget_simple_extent_ndims(space))
        guard H5Sget_simple_extent_type(space) != H5S_NULL, (0...HDF5File.largestRank).contains(rank) else {
            throw Fault(.unsupported, "has \(max(rank, 0)) axes; at most \(HDF5File.largestRank) are read")
        }
        var lengths = [hsize_t](repeating: 0, count: rank)
        guard H5Sget_simple_extent_dims(space, &lengths, nil) >= 0 else { throw Fault(.corrupt, "its shape cannot be read") }
        return lengths.map { Int(clamping: $0) }
    }

    private static func plan(_ dataset: hid_t, limit: Int) throws -> Plan {
        let shape = try extents(dataset)
        let fileType = H5Dget_type(dataset)
        guard fileType >= 0 else { throw Fault(.corrupt, "its element type cannot be read") }
        defer { H5Tclose(fileType) }
        let kind = H5Tget_class(fileType)
        guard kind == H5T_INTEGER || kind == H5T_FLOAT else {
            throw Fault(.unsupported, "does not hold numbers", remedy: "save it as float32 or an integer type")
        }
        let memoryType = H5Tget_native_type(fileType, H5T_DIR_ASCEND)
        guard memoryType >= 0 else { throw Fault(.unsupported, "holds numbers of an unknown format", remedy: "save it as float32 or an integer type") }
        do {
            let elementType = try elementType(kind, size: H5Tget_size(memoryType), isSigned: H5Tget_sign(memoryType) == H5T_SGN_2)
            guard let byteCount = HostTensor.byteCount(shape: shape, elementType: elementType) else {
                throw Fault(.corrupt, "its shape \(shape) is out of range")
            }
            guard byteCount <= limit else { throw Fault(.limit, "takes \(byteCount) bytes, more than the \(limit) allowed") }
            return Plan(shape: shape, elementType: elementType, byteCount: byteCount, memoryType: memoryType)
        } catch {
            H5Tclose(memoryType)
            throw error
        }
    }

    private static func elementType(_ kind: H5T_class_t, size: Int, isSigned: Bool) throws -> ElementType {
        switch (kind, size, isSigned) {
        case (H5T_FLOAT, 4, _): .float32
        case (H5T_FLOAT, 8, _): .float64
        case (H5T_INTEGER, 1, true): .int8
        case (H5T_INTEGER, 1, false): .uint8
        case (H5T_INTEGER, 2, true): .int16
        case (H5T_INTEGER, 2, false): .uint16
        case (H5T_INTEGER, 4, true): .int32
        case (H5T_INTEGER, 4, false): .uint32
        case (H5T_INTEGER, 8, true): .int64
        case (H5T_INTEGER, 8, false): .uint64
        default: throw Fault(.unsupported, "holds numbers of \(size) bytes", remedy: "save it as float32 or an integer type")
        }
    }

    private static func readPlain(_ dataset: hid_t, plan: Plan, stored: Int) throws -> [UInt8] {
        let fileType = H5Dget_type(dataset)
        defer { H5Tclose(fileType) }
        let elements = plan.byteCount / plan.elementType.byteCount
        guard elements <= stored / max(H5Tget_size(fileType), 1) else {
            throw Fault(.truncated, "truncated: \(plan.shape) needs more than the \(stored) bytes stored")
        }
        return try [UInt8](unsafeUninitializedCapacity: plan.byteCount) { buffer, initialized in
            let standard = HDF5Library.standard
            guard H5Dread(dataset, plan.memoryType, standard, standard, standard, buffer.baseAddress) >= 0 else {
                throw Fault(.corrupt, "cannot be read: the file is truncated or damaged")
            }
            initialized = plan.byteCount
        }
    }
}
