// The WebAssembly module: which of its builds this browser can run, its memory, and the workers
// that are its threads.

import { Problem } from "./problem.js";

/** A module with relaxed multiply-add. */
const relaxedModule = Uint8Array.of(
    0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0, 10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2, 253, 133, 2, 11);
const mostThreads = 8;
const stackBytes = 1 << 18;
const pageBytes = 65536;
/** 64 MB, which is what the shipped weights take. */
const initialPages = 1024;

/**
 * Starts the module: {exports, threads, bytes() and view() of its memory as it is now}. `progress`
 * is called while kernels run, with the number of calls done.
 */
export async function openModule(progress) {
    const name = WebAssembly.validate(relaxedModule) ? "vmunet-relaxed.wasm" : "vmunet.wasm";
    const isShared = self.crossOriginIsolated === true;
    const code = await fetchCode(new URL(`../${name}`, import.meta.url));
    if (!isShared) makeUnshared(code);
    const module = await WebAssembly.compile(code).catch(() => {
        throw new Problem("The network’s code is damaged.", "Load the page again; if it stays, the page’s files are not whole on their server.", "code");
    });
    const memory = makeMemory(isShared);
    const instance = await WebAssembly.instantiate(module, { env: { memory }, page: { progress } });
    const { exports } = instance;
    exports.__wasm_call_ctors();
    const threads = isShared ? startHelpers(module, memory, exports) : 1;
    exports.vmunet_set_threads(threads);
    return {
        exports,
        threads,
        bytes: () => new Uint8Array(memory.buffer),
        view: () => new DataView(memory.buffer),
    };
}

async function fetchCode(address) {
    try {
        const response = await fetch(address);
        if (response.ok) return new Uint8Array(await response.arrayBuffer());
    } catch {
        // said below
    }
    throw new Problem("The network’s code could not be loaded.", "Check the connection and try again.", "code");
}

/** As much as browsers give; telephones refuse to set 4 GB aside for a shared memory. */
function makeMemory(shared) {
    for (let maximum = 65536; maximum >= initialPages; maximum /= 2) {
        try {
            return new WebAssembly.Memory({ initial: initialPages, maximum, shared });
        } catch {
            // less, then
        }
    }
    throw new Problem(`This browser gives no ${(initialPages * pageBytes) / 2 ** 20} MB of memory.`, "Close other tabs, or use a computer with more memory.");
}

/**
 * Makes a module that wants shared memory one that wants memory of its own, if the browser
 * shares none: the flag of its memory's import. Its atomic instructions are valid in both.
 */
function makeUnshared(code) {
    let at = 8;
    const number = () => {
        let value = 0;
        for (let shift = 0; ; shift += 7) {
            const byte = code[at++];
            value |= (byte & 127) << shift;
            if (!(byte >= 128)) return value >>> 0; // or the file ends here
        }
    };
    while (at < code.length) {
        const section = code[at++], size = number(), end = at + size;
        if (section !== 2) {
            at = end;
            continue;
        }
        for (let count = number(); count > 0; count--) {
            for (const _ of ["module", "name"]) {
                const length = number();
                at += length;
            }
            const kind = code[at++];
            if (kind === 0) number();
            else if (kind === 2) return void (code[at] &= ~2);
            else break;
        }
        break;
    }
    // No module, then: that is said where it is compiled.
}

/** Workers that help: each has a stack and thread-local variables in the shared memory. Answers how many threads there are. */
function startHelpers(module, memory, exports) {
    const count = Math.min(mostThreads, navigator.hardwareConcurrency || 1) - 1;
    for (let i = 0; i < count; i++) {
        const place = exports.vmunet_helper_memory(stackBytes + exports.__tls_size.value);
        if (place === 0) return i + 1;
        const worker = new Worker(new URL("helper.js", import.meta.url), { type: "module" });
        worker.postMessage({ module, memory, stackTop: place + stackBytes, variables: place + stackBytes });
    }
    return count + 1;
}
