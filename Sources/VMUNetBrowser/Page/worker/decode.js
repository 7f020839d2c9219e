// From a picture's file to its pixels and their display.

import * as JPEG from "./jpeg.js";
import * as PNG from "./png.js";
import { Problem } from "./problem.js";
import { allocate } from "./streams.js";

/** Pixels of the largest picture taken; a photograph has 12 to 50 million. */
const largestPicture = 100_000_000;
/** Pixels of the largest picture shown; larger ones are shown smaller, and segmented as they are. */
const largestShown = 24_000_000;
const stripRows = 256;

/**
 * The pixels of a picture as viewers show them, a phone's orientation applied: {width, height,
 * channels: 1 or 3, pixels, bitmap}. PNG is read value for value; everything else as the browser
 * decodes it, without colour conversion.
 */
export async function decode(file) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    if (bytes.length === 0) throw new Problem("This file is empty.", "Copy or download it again.");
    if (PNG.isPNG(bytes)) {
        limit(PNG.readHeader(bytes));
        const picture = await PNG.decode(bytes);
        return { ...picture, bitmap: await shown(toImageData(picture)) };
    }
    // Before the browser takes memory for what its header claims.
    if (JPEG.isJPEG(bytes)) JPEG.check(bytes, limit);
    let bitmap;
    try {
        bitmap = await createImageBitmap(new Blob([bytes], { type: file.type }), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    } catch {
        throw unreadable(bytes);
    }
    limit(bitmap);
    const pixels = readPixels(bitmap);
    return { width: bitmap.width, height: bitmap.height, channels: 3, pixels, bitmap: await shown(bitmap) };
}

/** A small picture for lists, at most `side` pixels wide and high. */
export function thumbnail(bitmap, side) {
    const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
    const size = [bitmap.width, bitmap.height].map((n) => Math.max(1, Math.round(n * scale)));
    return createImageBitmap(bitmap, { resizeWidth: size[0], resizeHeight: size[1], resizeQuality: "high" });
}

function limit({ width, height }) {
    if (width * height > largestPicture) {
        throw new Problem(`This picture of ${width}×${height} pixels is too large for the page.`, "Save it smaller, or use ./vmunet predict, which takes larger ones.");
    }
}

/** RGB of a bitmap, some rows at a time: a canvas of the whole would double the memory, and telephones limit its size. */
function readPixels(bitmap) {
    const { width, height } = bitmap, rgb = allocate(3 * width * height);
    const canvas = new OffscreenCanvas(width, Math.min(stripRows, height));
    const context = canvas.getContext("2d", { alpha: true, willReadFrequently: true });
    let to = 0;
    for (let y = 0; y < height; y += stripRows) {
        const rows = Math.min(stripRows, height - y);
        context.clearRect(0, 0, width, rows);
        context.drawImage(bitmap, 0, -y);
        const { data } = context.getImageData(0, 0, width, rows);
        for (let from = 0; from < data.length; from += 4, to += 3) {
            rgb[to] = data[from];
            rgb[to + 1] = data[from + 1];
            rgb[to + 2] = data[from + 2];
        }
    }
    return rgb;
}

function toImageData({ width, height, channels, pixels }) {
    const image = new ImageData(width, height), { data } = image;
    for (let i = 0, to = 0; to < data.length; to += 4, i += channels) {
        data[to] = pixels[i];
        data[to + 1] = pixels[channels === 3 ? i + 1 : i];
        data[to + 2] = pixels[channels === 3 ? i + 2 : i];
        data[to + 3] = 255;
    }
    return image;
}

/** A bitmap no larger than what a page can well show. */
async function shown(source) {
    const scale = Math.sqrt(largestShown / (source.width * source.height));
    if (scale >= 1) return source instanceof ImageBitmap ? source : createImageBitmap(source, { premultiplyAlpha: "none", colorSpaceConversion: "none" });
    const resizeWidth = Math.max(1, Math.floor(source.width * scale)), resizeHeight = Math.max(1, Math.floor(source.height * scale));
    const small = await createImageBitmap(source, { resizeWidth, resizeHeight, resizeQuality: "high" });
    if (source instanceof ImageBitmap) source.close();
    return small;
}

/** The reason that a browser could not decode a file, judging by its first bytes. */
function unreadable(bytes) {
    const text = (from, count) => String.fromCharCode(...bytes.subarray(from, from + count));
    const is = (...values) => values.every((value, i) => bytes[i] === value);
    if (text(128, 4) === "DICM") return new Problem("This is a DICOM file, which the page does not read.", "Use ./vmunet predict, or save the picture as PNG.");
    if (is(0x49, 0x49, 0x2a) || is(0x4d, 0x4d, 0x00)) return new Problem("This browser does not decode TIFF.", "Save the picture as PNG.");
    if (/^ftyp(hei|hev|mif)/.test(text(4, 7))) return new Problem("This browser does not decode HEIC.", "Save the photograph as JPEG.");
    if (JPEG.isJPEG(bytes)) return new Problem("This browser does not decode this kind of JPEG, or the file is damaged.", "Save the picture again, as PNG or JPEG.");
    if (text(0, 20).startsWith("version https://git")) return new Problem("This is a pointer of Git LFS, not the picture itself.", "Fetch it: git lfs pull");
    if (/^\s*<(!doctype|html)/i.test(text(0, 40))) return new Problem("This is a web page, not a picture.", "Download the picture again.");
    return new Problem("This browser cannot show this file as a picture.", "Choose JPEG or PNG.");
}
