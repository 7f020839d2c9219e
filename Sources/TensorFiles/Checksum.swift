/// CRC-32 as zip archives use it (polynomial 0xEDB88320), eight bytes at a time.
enum Checksum {
    private static let tables: [[UInt32]] = {
        var tables = [[UInt32]](repeating: [UInt32](repeating: 0, count: 256), count: 8)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
            tables[0][byte] = value
        }
        for byte in 0..<256 {
            for k in 1..<8 { tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][Int(tables[k - 1][byte] & 0xFF)] }
        }
        return tables
    }()

    private static let flat: [UInt32] = tables.flatMap { $0 }

    static func crc32(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { data in
            flat.withUnsafeBufferPointer { table in
                var crc: UInt32 = .max
                var at = 0
                while at + 8 <= data.count {
                    let word = UInt64(littleEndian: data.loadUnaligned(fromByteOffset: at, as: UInt64.self)) ^ UInt64(crc)
                    crc = 0
                    for k in 0..<8 { crc ^= table[(7 - k) << 8 | Int(word >> (8 * UInt64(k)) & 0xFF)] }
                    at += 8
                }
                while at < data.count {
                    crc = crc >> 8 ^ table[Int(crc & 0xFF ^ UInt32(data[at]))]
                    at += 1
                }
                return ~crc
            }
        }
    }
}
