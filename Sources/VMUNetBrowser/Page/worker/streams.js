// Compression by the browser's own streams, with a limit: a file of a few kilobytes can unpack to
// gigabytes.

import { Problem } from "./problem.js";

/** A stream of the parts, one after another. */
function streamOf(parts) {
    return new Blob(parts).stream();
}

/**
 * The unpacked bytes of `parts`, at most `limit` of them; the rest is not unpacked. `format` is
 * DecompressionStream's. Rethrows the stream's error if the data is damaged or ends too early.
 */
export async function inflated(parts, format, limit) {
    const reader = streamOf(parts).pipeThrough(new DecompressionStream(format)).getReader();
    const out = allocate(limit);
    let count = 0;
    for (;;) {
        const { done, value } = await reader.read();
        if (done) return out.subarray(0, count);
        const part = value.subarray(0, limit - count);
        out.set(part, count);
        count += part.length;
        if (count === limit) {
            reader.cancel().catch(() => {});
            return out;
        }
    }
}

/** The first `count` unpacked bytes at most, without unpacking the rest. */
export async function inflatedHead(blob, format, count) {
    const reader = blob.stream().pipeThrough(new DecompressionStream(format)).getReader();
    const out = new Uint8Array(count);
    let filled = 0;
    while (filled < count) {
        const { done, value } = await reader.read();
        if (done) break;
        out.set(value.subarray(0, count - filled), filled);
        filled += Math.min(value.length, count - filled);
    }
    reader.cancel().catch(() => {});
    return out.subarray(0, filled);
}

/** The bytes packed; `format` is CompressionStream's. */
export async function deflated(bytes, format) {
    const stream = streamOf([bytes]).pipeThrough(new CompressionStream(format));
    return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Zeroed bytes. Throws a Problem where the browser gives no such memory. */
export function allocate(count) {
    try {
        return new Uint8Array(count);
    } catch {
        throw new Problem(
            `This browser gives no ${Math.ceil(count / 1e6).toLocaleString("en")} MB of memory in one piece.`,
            "Close other tabs, or use a computer with more memory.");
    }
}
