/// The place of a voxel's channels in a file.
enum ChannelOrder: Equatable {
    /// One whole volume after the other.
    case volumes
    /// Within the volume: the number of elements between a voxel's channels, which is 1 for
    /// colours.
    case inside(Int)

    /// Elements in the order (channels, slices, rows, columns).
    func sorted<Element>(_ elements: [Element], channels: Int) -> [Element] {
        guard case .inside(let below) = self, channels > 1, !elements.isEmpty else { return elements }
        let voxels = elements.count / channels
        return [Element](unsafeUninitializedCapacity: elements.count) { out, filled in
            elements.withUnsafeBufferPointer { elements in
                for channel in 0..<channels {
                    for voxel in 0..<voxels {
                        let source = (voxel / below * channels + channel) * below + voxel % below
                        (out.baseAddress! + channel * voxels + voxel).initialize(to: elements[source])
                    }
                }
            }
            filled = elements.count
        }
    }

    /// Like ``sorted(_:channels:)``, on the bytes of elements of `size` bytes.
    func sorted(_ bytes: [UInt8], channels: Int, elementSize size: Int) -> [UInt8] {
        func words<Word: FixedWidthInteger & BitwiseCopyable>(_: Word.Type) -> [UInt8] {
            let words = [Word](unsafeUninitializedCapacity: bytes.count / size) { buffer, filled in
                bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: $0) }
                filled = bytes.count / size
            }
            return sorted(words, channels: channels).withUnsafeBytes { [UInt8]($0) }
        }
        guard self != .volumes, channels > 1 else { return bytes }
        return switch size {
        case 2: words(UInt16.self)
        case 4: words(UInt32.self)
        case 8: words(UInt64.self)
        default: sorted(bytes, channels: channels)
        }
    }
}
