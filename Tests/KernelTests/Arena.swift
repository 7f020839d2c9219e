import CKernels
import Foundation

/// Memory for one call of a kernel: rows of float32 or bfloat16 with unused numbers in between,
/// freed together. Each array ends at an unreadable page, so a kernel that reads or writes beyond
/// it is killed by a signal.
final class Arena {
    private var blocks: [(start: UnsafeMutableRawPointer, bytes: Int)] = []

    deinit { for block in blocks { munmap(block.start, block.bytes) } }

    /// `values` as rows of `channels`, separated by `padding` NaNs: reading one spoils the result,
    /// and writing one is noticed.
    func rows(_ values: [Float], channels: Int, padding: Int = 0, type: vmk_type = VMK_FLOAT32) -> Rows {
        let count = channels == 0 ? 0 : values.count / channels
        let rows = Rows(
            count: count, channels: channels, stride: channels + padding, type: type,
            pointer: allocate(count * (channels + padding) * (type == VMK_FLOAT32 ? 4 : 2)))
        for i in 0..<count * rows.stride {
            let (row, channel) = (i / rows.stride, i % rows.stride)
            rows[i] = channel < channels ? values[row * channels + channel] : .nan
        }
        return rows
    }

    func output(_ count: Int, channels: Int, padding: Int = 0, type: vmk_type = VMK_FLOAT32) -> Rows {
        rows([Float](repeating: .nan, count: count), channels: channels, padding: padding, type: type)
    }

    func floats(_ values: [Float]) -> UnsafeMutablePointer<Float> { rows(values, channels: 1).floats }
    func floats(count: Int) -> UnsafeMutablePointer<Float> { output(count, channels: 1).floats }

    private func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let usable = (bytes + page - 1) / page * page
        let start = mmap(nil, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        precondition(start != MAP_FAILED && mprotect(start + usable, page, PROT_NONE) == 0)
        blocks.append((start, usable + page))
        return start + (usable - bytes)
    }
}

struct Rows {
    let count: Int, channels: Int, stride: Int
    let type: vmk_type
    let pointer: UnsafeMutableRawPointer

    var step: Int64 { Int64(stride) }
    var floats: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }

    subscript(index: Int) -> Float {
        get {
            if type == VMK_FLOAT32 { return pointer.load(fromByteOffset: 4 * index, as: Float.self) }
            return Float(bitPattern: UInt32(pointer.load(fromByteOffset: 2 * index, as: UInt16.self)) << 16)
        }
        nonmutating set {
            if type == VMK_FLOAT32 {
                pointer.storeBytes(of: newValue, toByteOffset: 4 * index, as: Float.self)
            } else {  // callers give numbers that bfloat16 holds exactly, or do not mind the cut
                pointer.storeBytes(of: UInt16(newValue.bitPattern >> 16), toByteOffset: 2 * index, as: UInt16.self)
            }
        }
    }

    /// The rows without padding; NaN if a kernel wrote to the padding.
    var values: [Float] {
        let untouched = (0..<count * stride).allSatisfy { $0 % stride < channels || self[$0].isNaN }
        return untouched
            ? (0..<count * channels).map { self[$0 / channels * stride + $0 % channels] }
            : [Float](repeating: .nan, count: count * channels)
    }
}

extension UnsafeMutablePointer<Float> {
    func values(_ count: Int) -> [Float] { Array(UnsafeBufferPointer(start: self, count: count)) }
}
