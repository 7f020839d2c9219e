// A ZIP archive of files that are compressed already.

import { crc32 } from "./png.js";

/** `files` are {name, blob}; names are unique. */
export async function zip(files) {
    const parts = [], directory = [];
    let offset = 0, directoryBytes = 0;
    for (const { name, blob } of files) {
        const bytes = new Uint8Array(await blob.arrayBuffer()), path = new TextEncoder().encode(name);
        // Shared by the file's own header and the directory: version 2.0, names in UTF-8,
        // stored, 1 January 1980.
        const common = [[2, 20], [2, 0x0800], [2, 0], [2, 0], [2, 0x21], [4, crc32(bytes)], [4, bytes.length], [4, bytes.length], [2, path.length], [2, 0]];
        const header = record(0x04034b50, common), entry = record(0x02014b50, [[2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]);
        parts.push(header, path, bytes);
        directory.push(entry, path);
        offset += header.length + path.length + bytes.length;
        directoryBytes += entry.length + path.length;
    }
    const end = record(0x06054b50, [[2, 0], [2, 0], [2, files.length], [2, files.length], [4, directoryBytes], [4, offset], [2, 0]]);
    return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** A signature and little-endian fields, [bytes, value] each. */
function record(signature, fields) {
    const bytes = new Uint8Array(4 + fields.reduce((sum, [size]) => sum + size, 0)), view = new DataView(bytes.buffer);
    view.setUint32(0, signature, true);
    let at = 4;
    for (const [size, value] of fields) {
        if (size === 2) view.setUint16(at, value, true);
        else view.setUint32(at, value, true);
        at += size;
    }
    return bytes;
}
