#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Smooth random surfaces: gradient noise whose slopes are hashed from lattice points, so any point
/// can be computed alone.
struct Noise: Sendable {
    private let key: UInt64

    init(_ random: inout CounterRandom) { key = random.next() }

    /// One octave, about −1…1, with a period of one lattice cell.
    func value(_ x: Float, _ y: Float) -> Float {
        let (i, j) = (floor(x), floor(y))
        let (u, v) = (x - Float(i), y - Float(j))
        let (fadeX, fadeY) = (u * u * u * (u * (u * 6 - 15) + 10), v * v * v * (v * (v * 6 - 15) + 10))
        let upper = lerp(slope(i, j, u, v), slope(i &+ 1, j, u - 1, v), fadeX)
        let lower = lerp(slope(i, j &+ 1, u, v - 1), slope(i &+ 1, j &+ 1, u - 1, v - 1), fadeX)
        return 1.5 * lerp(upper, lower, fadeY)
    }

    /// Octaves of halving size and strength, about −1…1.
    func fractal(_ x: Float, _ y: Float, octaves: Int) -> Float {
        var (sum, weight, scale, total): (Float, Float, Float, Float) = (0, 1, 1, 0)
        for octave in 0..<octaves {
            // Shifted, so that the octaves' lattices do not coincide at the origin.
            let shift = Float(octave) * 17.3
            sum += weight * value(x * scale + shift, y * scale - shift)
            total += weight
            weight *= 0.5
            scale *= 2
        }
        return sum / total
    }

    /// Avoids the C library call that `rounded(.down)` makes on the oldest x86-64.
    private func floor(_ x: Float) -> Int32 {
        let whole = Int32(x)
        return Float(whole) > x ? whole - 1 : whole
    }

    private func slope(_ i: Int32, _ j: Int32, _ dx: Float, _ dy: Float) -> Float {
        let bits = hash(i, j)
        let a = Float(Int32(truncatingIfNeeded: bits)) * 0x1p-31
        let b = Float(Int32(truncatingIfNeeded: bits >> 32)) * 0x1p-31
        return a * dx + b * dy
    }

    /// Hashes two coordinates and the key to 64 bits (SplitMix64's finaliser).
    func hash(_ i: Int32, _ j: Int32) -> UInt64 {
        var z = key ^ (UInt64(UInt32(bitPattern: i)) << 32 | UInt64(UInt32(bitPattern: j)))
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    /// Distance to the nearest of points scattered one per cell: 0 at a point, up to about 1.
    func cells(_ x: Float, _ y: Float) -> Float {
        let (i, j) = (floor(x), floor(y))
        var nearest = Float.infinity
        for dj in -1...1 as ClosedRange<Int32> {
            for di in -1...1 as ClosedRange<Int32> {
                let bits = hash(i &+ di, j &+ dj)
                let px = Float(i &+ di) + Float(bits & 0xFFFF) / 65536
                let py = Float(j &+ dj) + Float(bits >> 16 & 0xFFFF) / 65536
                nearest = min(nearest, (px - x) * (px - x) + (py - y) * (py - y))
            }
        }
        return nearest.squareRoot()
    }
}

func lerp(_ a: Float, _ b: Float, _ t: Float) -> Float { a + (b - a) * t }

/// 0 below `low`, 1 above `high`, smooth in between.
func smoothStep(_ low: Float, _ high: Float, _ x: Float) -> Float {
    let t = min(max((x - low) / (high - low), 0), 1)
    return t * t * (3 - 2 * t)
}
