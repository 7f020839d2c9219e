// PNG files, read and written as the command-line tool does: values as stored. No gamma, no colour
// profile; alpha is dropped, 16-bit values keep their high byte; a chunk of EXIF turns the picture.
// A browser's own decoder would multiply colours by alpha and apply profiles.

import { orientationOf, upright } from "./orientation.js";
import { Problem } from "./problem.js";
import { inflated, deflated } from "./streams.js";

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Samples per pixel, by PNG's colour type. */
const samplesOf = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const depthsOf = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };
/** Adam7: first column, first row, column step, row step of each pass. */
const passes = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
});

/** CRC-32 of bytes, going on from `crc`. */
export function crc32(bytes, crc = 0) {
    crc = ~crc;
    for (let i = 0; i < bytes.length; i++) crc = crcTable[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
    return ~crc >>> 0;
}

export function isPNG(bytes) {
    return signature.every((value, i) => bytes[i] === value);
}

/** The header: {width, height, depth, color, isInterlaced}. Throws a Problem where it is damaged. */
export function readHeader(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < 33 || view.getUint32(8) !== 13 || view.getUint32(12) !== 0x49484452) throw damaged("its header is missing");
    const header = {
        width: view.getUint32(16), height: view.getUint32(20), depth: bytes[24], color: bytes[25], isInterlaced: bytes[28] === 1,
    };
    const isKnown = depthsOf[header.color]?.includes(header.depth) && bytes[26] === 0 && bytes[27] === 0 && bytes[28] <= 1;
    const hasSize = header.width > 0 && header.height > 0 && header.width < 2 ** 31 && header.height < 2 ** 31;
    if (!isKnown || !hasSize) throw damaged("its header is impossible");
    return header;
}

/** The pixels of a PNG file, {width, height, channels: 1 or 3, pixels}. */
export async function decode(bytes) {
    const header = readHeader(bytes);
    const { palette, parts, orientation } = chunks(bytes, header);
    const expected = sizes(header).reduce((sum, pass) => sum + pass.height * (1 + pass.rowBytes), 0);
    // Deflate shrinks at most 1032-fold: a small file that claims a huge picture is refused before
    // memory is taken for it.
    const packed = parts.reduce((sum, part) => sum + part.length, 0);
    if (expected / 1032 > packed) throw damaged(`${packed} bytes cannot hold the ${header.width}×${header.height} pixels of its header`);
    let data;
    try {
        data = await inflated(parts, "deflate", expected);
    } catch (error) {
        if (error instanceof Problem) throw error;
        throw damaged("its compressed pixels are cut off or damaged");
    }
    if (data.length < expected) throw damaged("it ends too early");
    return upright(unpack(data, header, palette), orientation);
}

/** The palette, the pieces of compressed pixels and the orientation; what pixels depend on has its checksum checked. */
function chunks(bytes, header) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const parts = [];
    let palette = null, orientation = 1;
    for (let at = 8; ; ) {
        if (at + 12 > bytes.length) throw damaged("it ends too early");
        const length = view.getUint32(at), type = view.getUint32(at + 4);
        if (length > bytes.length - at - 12) throw damaged("it ends too early");
        const isCritical = (bytes[at + 4] & 32) === 0;
        if (isCritical && crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length)) {
            throw damaged("a checksum does not match");
        }
        const data = bytes.subarray(at + 8, at + 8 + length);
        if (type === 0x504c5445) palette = data; // PLTE
        else if (type === 0x49444154) parts.push(data); // IDAT
        else if (type === 0x65584966) orientation = orientationOf(data); // eXIf
        else if (type === 0x49454e44) break; // IEND
        at += 12 + length;
    }
    if (header.color === 3 && (!palette || palette.length === 0 || palette.length % 3 !== 0 || palette.length > 768)) {
        throw damaged("its palette is missing");
    }
    if (parts.length === 0) throw damaged("it holds no pixels");
    return { palette, parts, orientation };
}

/** Width, height and bytes per row of each pass; one pass where the file is not interlaced. */
function sizes({ width, height, depth, color, isInterlaced }) {
    const bits = depth * samplesOf[color];
    return (isInterlaced ? passes : [[0, 0, 1, 1]])
        .map(([x, y, dx, dy]) => ({ x, y, dx, dy, width: Math.ceil((width - x) / dx), height: Math.ceil((height - y) / dy) }))
        .filter((pass) => pass.width > 0 && pass.height > 0)
        .map((pass) => ({ ...pass, rowBytes: Math.ceil((pass.width * bits) / 8) }));
}

function unpack(data, header, palette) {
    const { width, height, depth, color } = header;
    const channels = color === 0 || color === 4 ? 1 : 3;
    const pixels = new Uint8Array(width * height * channels);
    const samples = samplesOf[color], pixelBytes = Math.max(1, (depth * samples) >> 3);
    let at = 0;
    for (const pass of sizes(header)) {
        let above = new Uint8Array(pass.rowBytes);
        for (let row = 0; row < pass.height; row++) {
            const line = data.subarray(at + 1, at + 1 + pass.rowBytes);
            unfilter(data[at], line, above, pixelBytes);
            let to = ((pass.y + row * pass.dy) * width + pass.x) * channels;
            const step = pass.dx * channels;
            if (depth === 8 && color !== 3 && samples === channels && pass.dx === 1) pixels.set(line, to);
            else for (let i = 0; i < pass.width; i++, to += step) {
                if (color === 3) {
                    const entry = 3 * packedSample(line, i, depth);
                    for (let c = 0; c < 3; c++) pixels[to + c] = palette[entry + c] ?? 0;
                } else if (depth < 8) {
                    pixels[to] = (packedSample(line, i, depth) * 255) / ((1 << depth) - 1);
                } else {
                    const from = i * pixelBytes, stride = depth >> 3;
                    for (let c = 0; c < channels; c++) pixels[to + c] = line[from + c * stride];
                }
            }
            above = line;
            at += 1 + pass.rowBytes;
        }
    }
    return { width, height, channels, pixels };
}

/** The i-th sample of a row of 1, 2, 4 or 8 bits each. */
function packedSample(line, i, depth) {
    const bit = i * depth;
    return (line[bit >> 3] >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}

/** Undoes a row's filter in place. */
function unfilter(filter, line, above, n) {
    const count = line.length;
    switch (filter) {
        case 0: return;
        case 1:
            for (let i = n; i < count; i++) line[i] += line[i - n];
            return;
        case 2:
            for (let i = 0; i < count; i++) line[i] += above[i];
            return;
        case 3:
            for (let i = 0; i < count; i++) line[i] += ((i < n ? 0 : line[i - n]) + above[i]) >> 1;
            return;
        case 4:
            for (let i = 0; i < count; i++) {
                const a = i < n ? 0 : line[i - n], b = above[i], c = i < n ? 0 : above[i - n];
                const p = a + b - c, pa = Math.abs(p - a), pb = Math.abs(p - b), pc = Math.abs(p - c);
                line[i] += pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
            }
            return;
        default: throw damaged("a row has an unknown filter");
    }
}

/** A PNG file of 8 bits per channel, 1 (grey) or 3 channels. */
export async function encode({ width, height, channels, pixels }) {
    const rowBytes = width * channels, rows = new Uint8Array(height * (rowBytes + 1));
    for (let y = 0; y < height; y++) {
        const to = y * (rowBytes + 1) + 1, from = y * rowBytes;
        if (y > 0 && channels === 1) {
            // The row above, subtracted: masks shrink tenfold by it.
            rows[to - 1] = 2;
            for (let i = 0; i < rowBytes; i++) rows[to + i] = pixels[from + i] - pixels[from + i - rowBytes];
        } else {
            rows[to - 1] = 1;
            for (let i = 0; i < rowBytes; i++) rows[to + i] = pixels[from + i] - (i < channels ? 0 : pixels[from + i - channels]);
        }
    }
    const header = new Uint8Array(13), view = new DataView(header.buffer);
    view.setUint32(0, width);
    view.setUint32(4, height);
    header.set([8, channels === 1 ? 0 : 2, 0, 0, 0], 8);
    const parts = [Uint8Array.from(signature), ...chunk("IHDR", header), ...chunk("IDAT", await deflated(rows, "deflate")), ...chunk("IEND", new Uint8Array(0))];
    return new Blob(parts, { type: "image/png" });
}

function chunk(name, data) {
    const head = new Uint8Array(8), tail = new Uint8Array(4);
    new DataView(head.buffer).setUint32(0, data.length);
    for (let i = 0; i < 4; i++) head[4 + i] = name.charCodeAt(i);
    new DataView(tail.buffer).setUint32(0, crc32(data, crc32(head.subarray(4))));
    return [head, data, tail];
}

function damaged(reason) {
    return new Problem(`This PNG file is damaged: ${reason}.`, "Save or copy the picture again.");
}
