// Weights' bytes: from the page's own folder, or from a file that the reader chose.

import { Problem } from "./problem.js";
import { allocate } from "./streams.js";

const largestFile = 2 ** 30;
const remedy = "Check the connection and try again, or choose weights of your own.";

/** A file beside the page, while `report` is told the share that has arrived. */
export async function download(address, report) {
    let response;
    try {
        response = await fetch(address);
    } catch {
        response = { ok: false, status: 0 };
    }
    if (!response.ok) {
        throw new Problem(
            `The page’s weights could not be loaded${response.status ? ` (status ${response.status})` : ""}.`,
            remedy);
    }
    if (/^text\/html\b/i.test(response.headers.get("Content-Type") ?? "")) {
        throw new Problem("A web page came in the place of the page’s weights.", "Check that the folder of this page is whole on its server, or choose weights of your own.");
    }
    const total = Number(response.headers.get("Content-Length")), isPlain = !response.headers.get("Content-Encoding");
    if (!response.body) return new Uint8Array(await response.arrayBuffer());
    const parts = [], reader = response.body.getReader();
    let count = 0;
    for (;;) {
        const { done, value } = await reader.read().catch(() => ({ done: true }));
        if (done) break;
        parts.push(value);
        count += value.length;
        if (count > largestFile) throw tooLarge();
        if (total > 0 && isPlain) report(Math.min(1, count / total));
    }
    if (isPlain && count < total) throw new Problem("The page’s weights did not arrive whole.", remedy);
    const bytes = allocate(count);
    let at = 0;
    for (const part of parts) {
        bytes.set(part, at);
        at += part.length;
    }
    return bytes;
}

export async function readFile(file) {
    if (file.size > largestFile) throw tooLarge();
    return new Uint8Array(await file.arrayBuffer());
}

function tooLarge() {
    return new Problem("These weights are larger than 1 GB.", "Convert them to bfloat16, or use ./vmunet predict.");
}
