// Looks for damage in JPEG files. Browsers decode what is left of a damaged one without a word, so
// its Huffman codes are walked here: whether they fill the picture, no more and no less. Pixels
// are not computed.

import { Problem } from "./problem.js";

/** Markers that stand alone; all others are followed by their segment's length. */
const isAlone = (marker) => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
/** Limits on scans, and on pixels times scans, as the tool has them: each scan visits every pixel. */
const [mostScans, mostWork] = [100, 8_000_000_000];
/** Bytes after a scan's last code that are taken: webcams and some telephones leave a few. */
const mostLeft = 16;
/** Zeros after a scan's bytes: no block's codes, 31 bits each at most, lead beyond them. */
const padding = 512;
/** Bits are counted in 31 bits; no picture that the page takes has a larger file. */
const largestFile = 2 ** 28;

export function isJPEG(bytes) {
    return bytes[0] === 0xff && bytes[1] === 0xd8;
}

/**
 * Throws a Problem for a file that is cut off or damaged; `limit` is told {width, height} before
 * anything is read. What no browser decodes anyway is left to its own decoder. Arithmetic codes
 * cannot be walked so: of these, the markers alone are looked at.
 */
export function check(bytes, limit) {
    if (bytes.length > largestFile) throw new Problem("This JPEG file is larger than the page takes.", "Save the picture smaller.");
    const tables = new Map();
    let frame = null, interval = 0, scans = 0;
    for (let at = 2; ; ) {
        at = nextMarker(bytes, at);
        const marker = bytes[at - 1];
        if (isAlone(marker)) continue;
        if (marker === 0xd9) break;
        const length = bytes[at] * 256 + bytes[at + 1], end = at + length;
        if (!(length >= 2) || end > bytes.length) throw cutOff();
        const segment = bytes.subarray(at + 2, end);
        at = end;
        if (marker === 0xc4) {
            readTables(segment, tables);
        } else if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc8 && marker !== 0xcc) {
            if (frame) throw damaged("it has two headers");
            frame = readFrame(segment, marker);
            limit(frame);
        } else if (marker === 0xdd && segment.length >= 2) {
            interval = segment[0] * 256 + segment[1];
        } else if (marker === 0xda) {
            if (!frame) throw damaged("its header is missing");
            scans++;
            if (scans > mostScans || scans * frame.width * frame.height > mostWork) {
                throw new Problem(`This JPEG of ${frame.width}×${frame.height} pixels has too many scans.`, "Save the picture again.");
            }
            const scan = frame.isWalked ? readScan(segment, frame, tables) : null;
            if (scan) at = walk(bytes, at, frame, scan, interval);
        }
    }
    if (scans === 0) throw damaged("it holds no picture");
}

/** The place after the next marker; what stands before it is no picture. */
function nextMarker(bytes, at) {
    for (;;) {
        at = bytes.indexOf(0xff, at);
        if (at < 0) throw cutOff();
        while (bytes[at] === 0xff) at++;
        if (at >= bytes.length) throw cutOff();
        if (bytes[at++] !== 0) return at;
    }
}

function readFrame(segment, marker) {
    const count = segment[5], components = [];
    if (!(segment.length >= 6 + 3 * count)) throw damaged("its header is impossible");
    for (let i = 0; i < count; i++) {
        const [id, sampling] = segment.subarray(6 + 3 * i);
        components.push({ id, across: sampling >> 4, down: sampling & 15, marks: null });
    }
    const height = segment[1] * 256 + segment[2], width = segment[3] * 256 + segment[4];
    const [across, down] = ["across", "down"].map((side) => Math.max(...components.map((component) => component[side])));
    const [columns, rows] = [Math.ceil(width / (8 * across)), Math.ceil(height / (8 * down))];
    for (const component of components) {
        // Blocks of a scan of this component alone, and in a row of one of all components.
        component.columns = Math.ceil(Math.ceil((width * component.across) / across) / 8);
        component.rows = Math.ceil(Math.ceil((height * component.down) / down) / 8);
        component.stride = columns * component.across;
        component.blocks = component.stride * rows * component.down;
    }
    const isSound = count >= 1 && count <= 4 && components.every((component) => [component.across, component.down].every((n) => n >= 1 && n <= 4));
    // Baseline, extended and progressive with Huffman codes, 8 bits a value.
    const isWalked = marker >= 0xc0 && marker <= 0xc2 && segment[0] === 8 && width > 0 && height > 0 && isSound;
    return { width, height, components, columns, rows, isProgressive: marker === 0xc2, isWalked };
}

/** Huffman tables by 16 × class + number: how many codes of each length, and their symbols. */
function readTables(segment, tables) {
    for (let at = 0; at < segment.length; ) {
        const key = segment[at], counts = segment.subarray(at + 1, at + 17), count = counts.reduce((sum, n) => sum + n, 0);
        if (counts.length < 16 || at + 17 + count > segment.length) throw damaged("a table of its codes is cut off");
        tables.set(key, { counts, symbols: segment.subarray(at + 17, at + 17 + count), codes: null });
        at += 17 + count;
    }
}

/**
 * By the next 16 bits: the symbol, and × 256 the bits of its code together with those that the
 * symbol's lower half announces; 0 where no code begins so.
 */
function codes(table) {
    if (table.codes) return table.codes;
    const found = new Uint16Array(65536);
    let at = 0, place = 0;
    for (let length = 1; length <= 16; length++) {
        for (let i = 0; i < table.counts[length - 1]; i++, place++) {
            const next = at + (1 << (16 - length)), symbol = table.symbols[place];
            if (next > 65536) throw damaged("a table of its codes is impossible");
            found.fill(((length + (symbol & 15)) << 8) | symbol, at, next);
            at = next;
        }
    }
    return (table.codes = found);
}

/**
 * A scan's header: {parts: [{component, dc, ac}], first, last, isRefining}; null if the browser
 * will refuse it, or knows tables of its own.
 */
function readScan(segment, frame, tables) {
    const count = segment[0], parts = [];
    if (!(count >= 1 && count <= 4) || segment.length < 4 + 2 * count) throw damaged("a scan’s header is impossible");
    const [first, last, steps] = segment.subarray(1 + 2 * count), { isProgressive } = frame;
    const isRefining = isProgressive && steps >> 4 !== 0;
    const needs = [!isProgressive || (first === 0 && !isRefining), !isProgressive || first > 0];
    if (isProgressive && (last > 63 || first > last || (first === 0 ? last !== 0 : count !== 1))) return null;
    for (let i = 0; i < count; i++) {
        const [id, numbers] = segment.subarray(1 + 2 * i), component = frame.components.find((component) => component.id === id);
        const [dc, ac] = [numbers >> 4, 16 + (numbers & 15)].map((key, kind) => (needs[kind] ? tables.get(key) : undefined));
        if (!component || (needs[0] && !dc) || (needs[1] && !ac)) return null;
        // Which of the 64 values of each block are not zero, in two words.
        if (isProgressive && first > 0) component.marks ??= new Uint32Array(2 * component.blocks);
        parts.push({ component, dc: dc && codes(dc), ac: ac && codes(ac) });
    }
    return { parts, first, last, isRefining };
}

/** Walks a scan's codes from `at` on; answers the place of the marker behind it. */
function walk(bytes, at, frame, scan, interval) {
    const alone = scan.parts.length === 1 ? scan.parts[0].component : null;
    const columns = alone ? alone.columns : frame.columns, rows = alone ? alone.rows : frame.rows;
    const total = columns * rows, bits = new Bits(), block = blockWalker(frame, scan, bits);
    for (let done = 0, restart = 0; done < total; restart++) {
        if (restart > 0) {
            const behind = nextMarker(bytes, at);
            if (bytes[behind - 1] !== 0xd0 + ((restart - 1) & 7)) throw damaged("a part of its picture is missing");
            at = behind;
        }
        at = bits.fill(bytes, at);
        block.restart();
        const until = interval > 0 ? Math.min(total, done + interval) : total;
        for (; done < until; done++) {
            const row = Math.floor(done / columns), column = done - row * columns;
            if (alone) {
                block.step(scan.parts[0], row * alone.stride + column);
            } else {
                for (const part of scan.parts) {
                    const { across, down, stride } = part.component;
                    for (let y = 0; y < down; y++) for (let x = 0; x < across; x++) block.step(part, (row * down + y) * stride + column * across + x);
                }
            }
            if (bits.at > bits.end) throw damaged("its picture ends too early");
        }
        if (bits.left() > mostLeft) throw damaged("bytes are left over behind its picture");
    }
    return at;
}

/** The bits between two markers, without the zeros that tell bytes from markers. */
class Bits {
    bytes = new Uint8Array(0);
    /** In bits. */
    at = 0;
    end = 0;

    /** Takes the bytes up to the next marker; answers the marker's place. */
    fill(source, from) {
        let end = from;
        for (;;) {
            end = source.indexOf(0xff, end);
            if (end < 0) throw cutOff();
            if (source[end + 1] === 0) end += 2;
            else if (source[end + 1] === 0xff) end++;
            else break;
        }
        if (this.bytes.length < end - from + padding) this.bytes = new Uint8Array(end - from + padding);
        const { bytes } = this;
        let to = 0;
        for (let i = from; i < end; i++) {
            const byte = source[i];
            if (byte === 0xff) {
                // Any number of these may stand before a marker, or before one that is data.
                while (source[i + 1] === 0xff) i++;
                if (source[i + 1] !== 0) break;
                i++;
            }
            bytes[to++] = byte;
        }
        bytes.fill(0, to, to + padding);
        [this.at, this.end] = [0, 8 * to];
        return end;
    }

    /** The next bits, at most 16, without passing them. */
    peek(count) {
        const { bytes, at } = this, i = at >>> 3;
        return (((bytes[i] << 16) | (bytes[i + 1] << 8) | bytes[i + 2]) >>> (24 - (at & 7) - count)) & ((1 << count) - 1);
    }

    take(count) {
        const value = this.peek(count);
        this.at += count;
        return value;
    }

    /** Whole bytes behind the last code; those that only fill up do not count. */
    left() {
        let count = 0;
        for (let i = (this.at + 7) >>> 3; i < this.end >>> 3; i++) if (this.bytes[i] !== 0 && this.bytes[i] !== 0xff) count++;
        return count;
    }
}

/** What passes a block of a scan of this kind: {step(part, place of the block), restart()}. */
function blockWalker({ isProgressive }, { first, last, isRefining }, bits) {
    /** Further blocks that hold nothing. */
    let empty = 0;
    const restart = () => (empty = 0);
    const symbol = (codes) => {
        const found = codes[bits.peek(16)];
        if (found === 0) throw damaged("it holds codes that do not exist");
        bits.at += found >>> 8;
        return found & 255;
    };
    const has = (marks, i, k) => (marks[2 * i + (k >>> 5)] >>> (k & 31)) & 1;
    const mark = (marks, i, k) => (marks[2 * i + (k >>> 5)] |= 1 << (k & 31));

    function sequential({ dc, ac }) {
        symbol(dc);
        for (let k = 1; k < 64; ) {
            const found = symbol(ac), run = found >>> 4;
            if ((found & 15) === 0) {
                if (run < 15) return;
                k += 16;
            } else {
                k += run + 1;
                if (k > 64) throw damaged("it holds codes that lead nowhere");
            }
        }
    }

    function firstPass({ ac, component: { marks } }, i) {
        if (empty > 0) return void empty--;
        for (let k = first; k <= last; k++) {
            const found = symbol(ac), run = found >>> 4;
            if ((found & 15) === 0) {
                if (run < 15) return void (empty = (1 << run) - 1 + bits.take(run));
                k += 15;
            } else {
                k += run;
                if (k > last) throw damaged("it holds codes that lead nowhere");
                mark(marks, i, k);
            }
        }
    }

    /** Values that are there already have a bit each, between the codes of new ones. */
    function refinement({ ac, component: { marks } }, i) {
        let k = first;
        if (empty === 0) {
            for (; k <= last; k++) {
                const found = symbol(ac), isNew = (found & 15) !== 0;
                let run = found >>> 4;
                if (!isNew && run < 15) {
                    empty = (1 << run) + bits.take(run);
                    break;
                }
                for (; k <= last; k++) {
                    if (has(marks, i, k)) bits.at++;
                    else if (--run < 0) break;
                }
                if (!isNew) continue;
                if (k > last) throw damaged("it holds codes that lead nowhere");
                mark(marks, i, k);
            }
        }
        if (empty === 0) return;
        for (; k <= last; k++) if (has(marks, i, k)) bits.at++;
        empty--;
    }

    const step = !isProgressive ? sequential : first > 0 ? (isRefining ? refinement : firstPass) : isRefining ? () => void bits.at++ : ({ dc }) => void symbol(dc);
    return { step, restart };
}

function cutOff() {
    return damaged("it is cut off");
}

function damaged(reason) {
    return new Problem(`This JPEG file is damaged: ${reason}.`, "Export or copy the picture again.");
}
