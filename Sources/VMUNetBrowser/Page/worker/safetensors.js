// The header of a safetensors file: eight bytes of length, JSON, then the numbers of all tensors.

import { Problem } from "./problem.js";

const largestHeader = 100_000_000; // as the format's own reader has it
const elementBytes = { F32: 4, F16: 2, BF16: 2 };

/**
 * The network's tensors of a file by their keys, {type, shape, start, end} with places in `bytes`,
 * and the metadata's texts. Throws a Problem for whatever is not a safetensors file of float32,
 * bfloat16 or float16.
 */
export function parse(bytes) {
    if (bytes.length < 8) throw foreign(bytes);
    const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    if (length > largestHeader || length > bytes.length - 8 || bytes[8] !== 0x7b) throw foreign(bytes);
    let header;
    try {
        header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.slice(8, 8 + length)));
    } catch {
        throw damaged("its header is not JSON");
    }
    const begin = 8 + length, tensors = new Map(), metadata = new Map();
    for (const [key, value] of Object.entries(header)) {
        if (key !== "__metadata__") tensors.set(key, tensor(key, value, begin, bytes.length));
        else if (isObject(value)) for (const [name, text] of Object.entries(value)) if (typeof text === "string") metadata.set(name, text);
    }
    // Two keys on the same bytes would make a small file a large network.
    let last = begin;
    for (const { start, end } of [...tensors.values()].sort((a, b) => a.start - b.start || a.end - b.end)) {
        if (start < last) throw damaged("its tensors overlap");
        last = end;
    }
    return { tensors: networkTensors(tensors), metadata };
}

/**
 * Without what a run's last checkpoint keeps beside the network: its optimizer's state and, where
 * there are others, averaged weights. The names are those that the package's WeightsChoice knows.
 */
function networkTensors(tensors) {
    const words = (key) => key.split(".")[0].split(/[^A-Za-z]+|(?<=[a-z])(?=[A-Z])/).map((word) => word.toLowerCase());
    const without = (names, all) => new Map([...all].filter(([key]) => !words(key).some((word) => names.includes(word))));
    const trained = without(["optimizer", "optimizers", "optim", "scheduler", "schedulers", "scaler", "loss", "criterion"], tensors);
    const own = without(["ema", "average", "averaged", "avg", "swa", "shadow", "teacher"], trained);
    return own.size > 0 ? own : trained;
}

function tensor(key, value, begin, fileLength) {
    const name = key.length > 80 ? `${key.slice(0, 80)}…` : key;
    if (!isObject(value) || !isSizes(value.shape) || !isSizes(value.data_offsets) || value.data_offsets.length !== 2) {
        throw damaged(`the entry of “${name}” is impossible`);
    }
    const size = elementBytes[value.dtype];
    if (!size) {
        throw new Problem(
            `“${name}” is stored as ${String(value.dtype).slice(0, 12)}; this page reads F32, BF16 and F16.`,
            "Convert the weights: ./vmunet convert IN OUT.safetensors");
    }
    const [start, end] = value.data_offsets, count = value.shape.reduce((product, extent) => product * extent, 1);
    if (end < start || begin + end > fileLength || count * size !== end - start) throw damaged(`“${name}” lies outside the file, or has another size`);
    return { type: value.dtype, shape: value.shape, start: begin + start, end: begin + end };
}

function isObject(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(list) {
    return Array.isArray(list) && list.length <= 8 && list.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function foreign(bytes) {
    const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b, isPickle = bytes[0] === 0x80 && bytes[1] < 6;
    if (isZip || isPickle) {
        return new Problem("These weights are in PyTorch’s format, which this page does not read.", "Convert them: ./vmunet convert IN.pth OUT.safetensors");
    }
    return new Problem("This is not a safetensors file.", "Choose weights of a VM-UNet that end in .safetensors.");
}

function damaged(reason) {
    return new Problem(`This safetensors file is damaged: ${reason}.`, "Copy or download it again.");
}
