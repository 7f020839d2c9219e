// The rotation that shows a stored picture upright: EXIF's orientation, 1 to 8.

const orientationTag = 0x112;

/** The orientation that a block of EXIF states, which is laid out as a TIFF file; 1 where it is damaged or says nothing. */
export function orientationOf(exif) {
    const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
    try {
        const mark = view.getUint16(0), isLittle = mark === 0x4949;
        if ((!isLittle && mark !== 0x4d4d) || view.getUint16(2, isLittle) !== 42) return 1;
        const directory = view.getUint32(4, isLittle);
        for (let i = 0, count = view.getUint16(directory, isLittle); i < count; i++) {
            const entry = directory + 2 + 12 * i;
            if (view.getUint16(entry, isLittle) !== orientationTag) continue;
            // Some writers store it in four bytes, or in one.
            const type = view.getUint16(entry + 2, isLittle), at = entry + 8;
            const value = type === 3 ? view.getUint16(at, isLittle) : type === 4 ? view.getUint32(at, isLittle) : type === 1 ? view.getUint8(at) : 1;
            return view.getUint32(entry + 4, isLittle) === 1 && value >= 1 && value <= 8 ? value : 1;
        }
    } catch (error) {
        if (!(error instanceof RangeError)) throw error; // a place beyond the block's end
    }
    return 1;
}

/** A picture turned as its orientation asks for. */
export function upright(picture, orientation) {
    if (orientation === 1) return picture;
    const { width: W, height: H, channels, pixels } = picture;
    const [width, height] = orientation >= 5 ? [H, W] : [W, H];
    // The source of the first pixel, and the steps to the next one in a row and to the next row,
    // in pixels.
    const [start, right, down] = [
        [W - 1, -1, W], [W * H - 1, -1, -W], [W * (H - 1), 1, -W], [0, W, 1], [W * (H - 1), -W, 1], [W * H - 1, -W, -1], [W - 1, W, -1],
    ][orientation - 2];
    const out = new Uint8Array(pixels.length);
    for (let y = 0, to = 0; y < height; y++) {
        for (let x = 0, from = (start + y * down) * channels; x < width; x++, from += right * channels) {
            for (let c = 0; c < channels; c++) out[to++] = pixels[from + c];
        }
    }
    return { width, height, channels, pixels: out };
}
