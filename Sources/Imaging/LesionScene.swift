#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

typealias RGB = SIMD3<Float>

/// A generated picture's properties, drawn from its random numbers before any pixel is painted.
/// Lengths are fractions of the picture's side.
struct LesionScene: Sendable {
    struct Hair: Sendable {
        let start: SIMD2<Float>, bend: SIMD2<Float>, end: SIMD2<Float>
        let width: Float
        let color: RGB
        let opacity: Float
    }

    struct Bubble: Sendable {
        let center: SIMD2<Float>
        let radius: Float
    }

    struct Sticker: Sendable {
        let center: SIMD2<Float>
        let radius: Float
        let color: RGB
    }

    // Skin.
    let skin: RGB
    let lightDirection: SIMD2<Float>
    let blotchiness: Float
    let redness: Float
    let texture: Float
    let freckles: Float
    let noise: (shape: Noise, skin: Noise, pigment: Noise, fine: Noise)

    // Lesion: a deformed ellipse.
    let center: SIMD2<Float>
    let radius: Float
    let aspect: Float
    let angle: Float
    let waves: [(amplitude: Float, phase: Float)]
    let roughness: Float
    let fuzziness: Float
    let density: Float
    let absorption: RGB
    let unevenness: Float
    let core: Float
    let gradient: SIMD2<Float>
    let network: Float
    let globules: Float
    let veil: Float
    let halo: Float

    // Between the lesion and the eye.
    let hairs: [Hair]
    let bubbles: [Bubble]
    let stickers: [Sticker]
    let ruler: (start: SIMD2<Float>, direction: SIMD2<Float>)?
    let fieldRadius: Float?
    let fieldCenter: SIMD2<Float>
    let falloff: Float
    let exposure: Float
    let grain: Float

    init(_ random: inout CounterRandom) {
        func uniform(_ low: Double, _ high: Double) -> Float { Float(random.uniform(in: low..<high)) }
        func point(_ spread: Double) -> SIMD2<Float> { [uniform(-spread, spread), uniform(-spread, spread)] }
        func color(_ values: RGB, _ spread: Double) -> RGB {
            values + RGB(uniform(-spread, spread), uniform(-spread, spread), uniform(-spread, spread))
        }

        // Pale pink, beige grey, tan, brown: the range of dermoscopy data sets.
        let tones: [RGB] = [[0.93, 0.72, 0.70], [0.80, 0.77, 0.72], [0.90, 0.73, 0.62], [0.84, 0.66, 0.60], [0.70, 0.52, 0.43]]
        skin = color(tones[random.integer(below: tones.count)], 0.035)
        lightDirection = point(0.16)
        blotchiness = uniform(0.02, 0.09)
        redness = random.chance(0.35) ? uniform(0.15, 0.5) : uniform(0, 0.12)
        texture = uniform(0.01, 0.035)
        freckles = random.chance(0.25) ? uniform(0.2, 0.7) : 0
        noise = (Noise(&random), Noise(&random), Noise(&random), Noise(&random))

        center = [0.5 + uniform(-0.14, 0.14), 0.5 + uniform(-0.14, 0.14)]
        // Uniform in the logarithm: as many small as large ones.
        radius = 0.09 * exp(uniform(0, log(3.9)))
        aspect = uniform(0.62, 1)
        angle = uniform(0, .pi)
        let irregularity = uniform(0.05, 0.3)
        waves = (2...6).map { k in (irregularity * uniform(0.2, 1) / Float(k).squareRoot() / 1.6, uniform(0, 2 * .pi)) }
        roughness = uniform(0.01, 0.07)
        fuzziness = random.chance(0.4) ? uniform(0.12, 0.26) : uniform(0.04, 0.12)
        let isFaint = random.chance(0.3)
        density = isFaint ? uniform(0.22, 0.42) : 0.45 * exp(uniform(0, 1.4))
        // Melanin absorbs blue most, blood green.
        let melanin: RGB = [uniform(0.5, 0.78), 1.0, uniform(1.1, 1.35)]
        let blood: RGB = [0.2, 1.05, 0.85]
        let share = random.chance(0.2) ? uniform(0.5, 0.9) : uniform(0, 0.2)
        absorption = melanin + (blood - melanin) * share
        unevenness = isFaint ? uniform(0.15, 0.45) : uniform(0.25, 0.95)
        core = uniform(-0.35, 0.6)
        gradient = point(0.5)
        network = random.chance(0.45) ? uniform(0.15, 0.5) : 0
        globules = random.chance(0.3) ? uniform(0.2, 0.6) : 0
        veil = random.chance(0.15) ? uniform(0.3, 0.7) : 0
        halo = random.chance(0.15) ? uniform(0.04, 0.12) : 0

        let hairCount = random.chance(0.5) ? 3 + random.integer(below: random.chance(0.3) ? 36 : 12) : 0
        let isFair = random.chance(0.15)
        let grain = uniform(0, 2 * .pi)
        hairs = (0..<hairCount).map { _ in
            let direction = grain + Float(random.normal()) * 0.5
            let half = 0.5 * uniform(0.25, 1.3)
            let along: SIMD2<Float> = [cos(direction), sin(direction)]
            let middle: SIMD2<Float> = [uniform(0, 1), uniform(0, 1)]
            let across: SIMD2<Float> = [-along.y, along.x]
            return Hair(
                start: middle - half * along, bend: middle + across * Float(random.normal()) * 0.45 * half, end: middle + half * along,
                width: uniform(0.002, 0.0055), color: isFair ? [0.85, 0.78, 0.68] : color([0.2, 0.13, 0.1], 0.06),
                opacity: uniform(0.55, 0.95))
        }
        bubbles =
            random.chance(0.2)
            ? (0...random.integer(below: 6)).map { _ in Bubble(center: [uniform(0, 1), uniform(0, 1)], radius: uniform(0.008, 0.035)) } : []
        let inks: [RGB] = [[0.1, 0.5, 0.8], [0.95, 0.55, 0.1], [0.4, 0.8, 0.8], [0.2, 0.6, 0.3]]
        stickers =
            random.chance(0.08)
            ? (0...random.integer(below: 2)).map { _ in
                let direction = uniform(0, 2 * .pi)
                return Sticker(
                    center: [0.5 + 0.72 * cos(direction), 0.5 + 0.72 * sin(direction)], radius: uniform(0.18, 0.3),
                    color: inks[random.integer(below: inks.count)])
            } : []
        if random.chance(0.2) {
            let direction = uniform(-0.4, 0.4)
            ruler = ([uniform(0.15, 0.45), uniform(0.8, 0.93)], [cos(direction), sin(direction)])
        } else {
            ruler = nil
        }
        fieldRadius = random.chance(0.4) ? uniform(0.5, 0.66) : nil
        fieldCenter = [0.5 + uniform(-0.04, 0.04), 0.5 + uniform(-0.04, 0.04)]
        falloff = random.chance(0.4) ? uniform(0.3, 0.9) : uniform(0, 0.3)
        exposure = uniform(0.72, 1.08)
        self.grain = uniform(0.004, 0.014)
    }

    /// A point's relative distance: 0 at the lesion's centre, 1 on its outline.
    func reach(_ p: SIMD2<Float>) -> Float {
        let d = p - center
        let (c, s) = (cos(angle), sin(angle))
        let turned: SIMD2<Float> = [(c * d.x + s * d.y) / radius, (c * d.y - s * d.x) / (radius * aspect)]
        let distance = (turned * turned).sum().squareRoot()
        guard distance > 1e-6 else { return 0 }
        let theta = atan2(turned.y, turned.x)
        var outline: Float = 1
        for (k, wave) in waves.enumerated() { outline += wave.amplitude * cos(Float(k + 2) * theta + wave.phase) }
        // A function of the direction alone, so that the lesion stays in one piece.
        let unit = turned / distance
        outline += roughness * noise.shape.fractal(4 * unit.x + 40, 4 * unit.y - 40, octaves: 3)
        return distance / max(outline, 0.25)
    }
}
