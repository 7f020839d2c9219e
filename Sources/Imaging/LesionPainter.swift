#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Turns a scene into pixels: skin, pigment, everything on top, then the optics.
struct LesionPainter {
    let scene: LesionScene
    let size: Int

    func paint(_ random: inout CounterRandom) -> (picture: Picture, mask: Picture) {
        var mask = Picture(width: size, height: size, channels: 1)
        var canvas = [RGB](repeating: .zero, count: size * size)
        for y in 0..<size {
            for x in 0..<size {
                let p: SIMD2<Float> = [(Float(x) + 0.5) / Float(size), (Float(y) + 0.5) / Float(size)]
                let reach = scene.reach(p)
                mask[y, x] = reach < 1 ? 255 : 0
                canvas[y * size + x] = skin(p) * transmission(p, reach)
            }
        }
        for hair in scene.hairs { stroke(hair, &canvas) }
        drawRuler(&canvas)
        for bubble in scene.bubbles { draw(bubble, &canvas) }
        for sticker in scene.stickers { draw(sticker, &canvas) }
        return (develop(canvas, &random), mask)
    }

    // MARK: Skin and pigment

    private func skin(_ p: SIMD2<Float>) -> RGB {
        let noise = scene.noise
        let blotch = noise.skin.fractal(3 * p.x, 3 * p.y, octaves: 4)
        let grain = noise.fine.fractal(45 * p.x, 45 * p.y, octaves: 2)
        // Skin lines: thin dark valleys where a noise crosses zero.
        let furrow = max(0, 1 - 7 * abs(noise.fine.value(14 * p.x + 3 * blotch, 14 * p.y)))
        let light = 1 + ((p - 0.5) * scene.lightDirection).sum() * 2 + scene.blotchiness * blotch + scene.texture * (grain - 0.8 * furrow)
        var color = scene.skin * light
        let flush = scene.redness * smoothStep(-0.1, 0.6, noise.skin.fractal(2.3 * p.x + 50, 2.3 * p.y, octaves: 5))
        color *= RGB(1 - 0.05 * flush, 1 - 0.45 * flush, 1 - 0.35 * flush)
        if scene.freckles > 0 {
            let spot = smoothStep(
                0.34, 0.08, noise.skin.cells(9 * p.x, 9 * p.y) + 0.1 * grain + 0.12 * noise.fine.value(20 * p.x, 20 * p.y))
            let isThere = noise.skin.value(4 * p.x - 30, 4 * p.y) > 0.1 ? spot : 0
            color *= RGB(1 - 0.18 * scene.freckles * isThere, 1 - 0.3 * scene.freckles * isThere, 1 - 0.38 * scene.freckles * isThere)
        }
        return color
    }

    /// The share of light that the pigment transmits (Beer–Lambert), per channel.
    private func transmission(_ p: SIMD2<Float>, _ reach: Float) -> RGB {
        let pigment = scene.noise.pigment
        guard reach < 1.9 else { return RGB(repeating: 1) }
        let q = p / scene.radius
        // The pigment's border wanders around the outline that an expert would draw, mostly inside
        // it.
        let ragged = reach + 1.6 * scene.fuzziness * pigment.fractal(3.5 * q.x, 3.5 * q.y, octaves: 5)
        let cover = 1 / (1 + exp((ragged - 1 + 0.5 * scene.fuzziness) / (0.4 * scene.fuzziness)))
        var density = scene.density * (1 + scene.core * (0.5 - reach))
        density *= 1 + ((p - scene.center) * scene.gradient).sum() / scene.radius
        density *= 1 + scene.unevenness * 1.6 * pigment.fractal(1.7 * q.x + 9, 1.7 * q.y, octaves: 4)
        if scene.network > 0 {
            let net = abs(pigment.value(26 * p.x, 26 * p.y)) + 0.5 * abs(pigment.value(52 * p.x + 7, 52 * p.y))
            density *= 1 + scene.network * (0.5 - 1.8 * min(net, 0.8))
        }
        if scene.globules > 0 { density *= 1 + scene.globules * (smoothStep(0.45, 0.15, pigment.cells(22 * p.x, 22 * p.y)) - 0.2) }
        density = max(density, 0.12 * scene.density) * cover
        let scattered = scene.absorption * density
        var through = RGB(exp(-scattered.x), exp(-scattered.y), exp(-scattered.z))
        if scene.veil > 0 {
            let veil = scene.veil * cover * smoothStep(0.0, 0.5, pigment.fractal(1.4 * q.x - 20, 1.4 * q.y, octaves: 3))
            through = through * (1 - veil) + RGB(0.42, 0.47, 0.58) * veil
        }
        if scene.halo > 0 {
            let halo = scene.halo * smoothStep(1.75, 1.05, reach) * smoothStep(0.8, 1.05, reach)
            through *= RGB(1 + 0.2 * halo, 1 - halo, 1 - 0.7 * halo)
        }
        return through
    }

    // MARK: On top

    /// Blends a disc with a soft rim.
    private func stamp(_ center: SIMD2<Float>, radius: Float, _ canvas: inout [RGB], blend: (_ distance: Float, _ under: RGB) -> RGB) {
        let (cx, cy, r) = (center.x * Float(size), center.y * Float(size), radius * Float(size))
        let columns = max(0, Int(cx - r - 1))..<max(0, min(size, Int(cx + r + 2)), max(0, Int(cx - r - 1)))
        let rows = max(0, Int(cy - r - 1))..<max(0, min(size, Int(cy + r + 2)), max(0, Int(cy - r - 1)))
        for y in rows {
            for x in columns {
                let (dx, dy) = (Float(x) + 0.5 - cx, Float(y) + 0.5 - cy)
                canvas[y * size + x] = blend((dx * dx + dy * dy).squareRoot(), canvas[y * size + x])
            }
        }
    }

    private func stroke(_ hair: LesionScene.Hair, _ canvas: inout [RGB]) {
        let half = max(0.35, 0.5 * hair.width * Float(size))
        var cover = [Int: Float]()
        let length =
            ((hair.bend - hair.start) * (hair.bend - hair.start)).sum().squareRoot()
            + ((hair.end - hair.bend) * (hair.end - hair.bend)).sum().squareRoot()
        // Two stamps per pixel.
        let steps = max(2, Int(2 * length * Float(size)))
        for i in 0...steps {
            let t = Float(i) / Float(steps)
            let p = (hair.start * ((1 - t) * (1 - t)) + hair.bend * (2 * t * (1 - t)) + hair.end * (t * t)) * Float(size)
            // Hairs taper towards their ends.
            let width = half * (0.5 + 0.5 * smoothStep(0, 0.2, t) * smoothStep(1, 0.7, t))
            guard p.x > -4, p.y > -4, p.x < Float(size + 4), p.y < Float(size + 4) else { continue }
            for y in Int(p.y - width - 1)...Int(p.y + width + 1) where y >= 0 && y < size {
                for x in Int(p.x - width - 1)...Int(p.x + width + 1) where x >= 0 && x < size {
                    let (dx, dy) = (Float(x) + 0.5 - p.x, Float(y) + 0.5 - p.y)
                    let alpha = min(max(width + 0.5 - (dx * dx + dy * dy).squareRoot(), 0), 1) * min(1, 2 * half)
                    cover[y * size + x] = max(cover[y * size + x] ?? 0, alpha)
                }
            }
        }
        for (place, alpha) in cover {
            let weight = alpha * hair.opacity
            canvas[place] = canvas[place] * (1 - weight) + hair.color * weight
        }
    }

    private func drawRuler(_ canvas: inout [RGB]) {
        guard let ruler = scene.ruler else { return }
        let normal: SIMD2<Float> = [ruler.direction.y, -ruler.direction.x]
        let ink: RGB = [0.18, 0.15, 0.15]
        let line = { (start: SIMD2<Float>, end: SIMD2<Float>) in
            LesionScene.Hair(start: start, bend: (start + end) * 0.5, end: end, width: 0.004, color: ink, opacity: 0.8)
        }
        stroke(line(ruler.start, ruler.start + 0.4 * ruler.direction), &canvas)
        for tick in 0...20 {
            let foot = ruler.start + 0.02 * Float(tick) * ruler.direction
            stroke(line(foot, foot + normal * (tick % 10 == 0 ? 0.035 : 0.018)), &canvas)
        }
    }

    private func draw(_ bubble: LesionScene.Bubble, _ canvas: inout [RGB]) {
        let r = bubble.radius * Float(size)
        stamp(bubble.center, radius: bubble.radius, &canvas) { distance, under in
            let rim = max(0, 1 - abs(distance - r) / max(1, 0.15 * r))
            let inside: Float = distance < r ? 1.06 : 1
            return under * inside * (1 - 0.5 * rim) + RGB(repeating: 0.5 * rim)
        }
        stamp(bubble.center - 0.4 * bubble.radius, radius: 0.25 * bubble.radius, &canvas) { distance, under in
            let shine = max(0, 1 - distance / max(1, 0.25 * r))
            return under * (1 - shine) + RGB(repeating: shine)
        }
    }

    private func draw(_ sticker: LesionScene.Sticker, _ canvas: inout [RGB]) {
        let r = sticker.radius * Float(size)
        stamp(sticker.center, radius: sticker.radius, &canvas) { distance, under in
            let cover = min(max(r - distance, 0), 1)
            return under * (1 - cover) + sticker.color * cover
        }
    }

    // MARK: Optics

    /// Vignette, round field of view, exposure, grain; then bytes.
    private func develop(_ canvas: [RGB], _ random: inout CounterRandom) -> Picture {
        var picture = Picture(width: size, height: size, channels: 3)
        let grain = scene.grain * 3.46
        for y in 0..<size {
            for x in 0..<size {
                let p: SIMD2<Float> = [(Float(x) + 0.5) / Float(size), (Float(y) + 0.5) / Float(size)]
                let offset = p - scene.fieldCenter
                let distance = (offset * offset).sum()
                var light = scene.exposure * (1 - scene.falloff * distance)
                if let radius = scene.fieldRadius {
                    light *= 0.03 + 0.97 * smoothStep(radius + 0.015, radius - 0.015, distance.squareRoot())
                }
                // One draw serves three channels, 21 bits each.
                let bits = random.next()
                for c in 0..<3 {
                    let noise = (Float(bits >> UInt64(21 * c) & 0x1F_FFFF) * 0x1p-21 - 0.5) * grain
                    let value = canvas[y * size + x][c] * light + noise
                    // Highlights roll off instead of clipping.
                    let soft = value < 0.85 ? value : 0.85 + 0.15 * (1 - exp(-(value - 0.85) / 0.15))
                    picture[y, x, c] = UInt8(min(max(soft * 255 + 0.5, 0), 255))
                }
            }
        }
        return picture
    }
}
