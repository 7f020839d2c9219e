// Prepares a safetensors file's tensors for the module, and their description for the page.

import { Problem } from "./problem.js";
import { allocate } from "./streams.js";

const presets = { "96,192,384,768": "base", "48,96,192,384": "small", "24,48,96,192": "tiny" };
const codes = { F32: 0, BF16: 1 };

/**
 * A table of the tensors, sorted by key, and their bytes in the same order, float16 made float32.
 * For each tensor the table has, in words of 32 bits: bytes of the key, the key (filled up to whole
 * words), type (0 float32, 1 bfloat16), axes, extents, place of the values in memory. Sets each
 * tensor's `address`: the place in the table for its own address.
 */
export function readTensors(bytes, tensors) {
    const sorted = [...tensors].sort(([a], [b]) => compare(a, b)), parts = [], data = [];
    tensors.clear();
    let at = 0;
    for (const [key, tensor] of sorted) {
        tensors.set(key, tensor);
        const values = bytes.subarray(tensor.start, tensor.end), isHalf = tensor.type === "F16";
        if (!isFinite(values, tensor.type)) throw new Problem(`“${key.slice(0, 80)}” holds values that are not finite.`, "The training that wrote it went wrong: use an earlier checkpoint.");
        data.push(isHalf ? fromHalf(values) : values);
        const name = new TextEncoder().encode(key), padded = Math.ceil(name.length / 4) * 4;
        const entry = new Uint8Array(4 + padded + 4 * (3 + tensor.shape.length)), view = new DataView(entry.buffer);
        view.setUint32(0, name.length, true);
        entry.set(name, 4);
        [isHalf ? 0 : codes[tensor.type], tensor.shape.length, ...tensor.shape].forEach((word, i) => view.setUint32(4 + padded + 4 * i, word, true));
        tensor.address = at + entry.length - 4;
        parts.push(entry);
        at += entry.length;
    }
    const table = new Uint8Array(at);
    for (let i = 0, to = 0; i < parts.length; to += parts[i++].length) table.set(parts[i], to);
    return { table, data };
}

/** By UTF-8 bytes, as the module looks keys up; for keys in ASCII that is by characters. */
function compare(a, b) {
    return a < b ? -1 : a > b ? 1 : 0;
}

/** True if no value is NaN or infinite: no exponent is all ones. */
function isFinite(values, type) {
    const size = type === "F32" ? 4 : 2, mask = type === "F16" ? 0x7c : 0x7f, low = type === "F16" ? 0 : 0x80;
    for (let i = size - 1; i < values.length; i += size) {
        if ((values[i] & mask) === mask && (values[i - 1] & low) === low) return false;
    }
    return true;
}

let halves = null;

/** float32 of float16. */
function fromHalf(values) {
    halves ??= Float32Array.from({ length: 65536 }, (_, half) => {
        const sign = half & 0x8000 ? -1 : 1, exponent = (half >> 10) & 31, fraction = half & 1023;
        return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
    });
    const out = allocate(2 * values.length), floats = new Float32Array(out.buffer);
    for (let i = 0; i < floats.length; i++) floats[i] = halves[values[2 * i] | (values[2 * i + 1] << 8)];
    return out;
}

const product = (shape) => shape.reduce((all, extent) => all * extent, 1);

/**
 * Describes the network by its configuration (which the module keeps at `at`) and its file's
 * metadata: see `Network.load`. Missing metadata get the defaults of ./vmunet; values that make no
 * sense are refused in files of vmunet's own form.
 */
export function describeWeights(at, view, tensors, metadata) {
    const word = (i) => view.getInt32(at + 4 * i, true), classes = word(0), channels = word(1), dims = [2, 3, 4, 5].map(word);
    if (classes > 256) throw unfit(`These weights are of a network of ${classes} classes; a mask’s labels are 0 to 255.`);
    const isOurs = metadata.has("format_version"), form = Number(metadata.get("format_version") ?? 1);
    if (!(form >= 1 && form <= newestForm)) throw unfit(`These weights are written in form ${metadata.get("format_version").slice(0, 20)}, this page reads up to ${newestForm}.`);
    const needs = beyondThisPage.filter(([key]) => (key === "neighbors" ? Number(metadata.get(key) ?? 0) > 0 : metadata.has(key))).map(([, words]) => words);
    if (needs.length > 0) throw unfit(`These weights need ${new Intl.ListFormat("en").format(needs)}. This page cannot do that; ./vmunet predict can.`);
    const value = (key, read) => {
        const text = metadata.get(key), found = text === undefined ? null : read(text);
        if (text !== undefined && found === null && isOurs) throw unfit(`These weights say “${text.slice(0, 40)}” for ${key}, which makes no sense.`);
        return found;
    };
    const number = (text) => (text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : null);
    const names = classNames(metadata.get("class_names")), known = isOurs ? {} : knownSets(names)[metadata.get("dataset")] ?? {};
    const input = known.input ?? value("input", (text) => (["pictures", "volumes"].includes(text) ? text : null));
    const size = value("image_size", (text) => (Number.isInteger(number(text)) ? number(text) : null)) ?? 256;
    if (size < 32 || size > 4096 || size % 32 !== 0) throw unfit(`These weights say a picture size of ${size}, not a multiple of 32 from 32 to 4096.`);
    if (input !== "volumes" && channels !== 3) throw unfit(`These weights want pictures of ${channels} channels; this page gives colours.`);
    if (input === "volumes" && channels !== 1 && channels !== 3) throw unfit(`These weights want volumes of ${channels} channels; this page gives one.`);
    const largest = known.largest ?? value("value_range", (text) => ({ "0,1": 1, "0,255": 255 })[text] ?? null);
    return {
        classes, channels, input,
        threshold: value("threshold", (text) => (number(text) > 0 && number(text) < 1 ? number(text) : null)) ?? 0.5,
        classNames: names?.length === Math.max(2, classes) ? names : null,
        modality: metadata.get("modality")?.slice(0, 80) || null,
        parameters: describeWeights.count(tensors),
        preset: presets[dims.join()] ?? null,
        imageSize: size,
        window: known.window ?? value("window", (text) => (readWindow(text) ? text : null)) ?? "percentiles",
        voxelOrder: value("voxel_order", (text) => (isVoxelOrder(text) ? text.toUpperCase() : null)),
        pictureScale: largest ?? 255,
        volumeScale: largest ?? 1,
    };
}

/** Metadata of weights that only the tool can use, and the need that they tell of. */
const beyondThisPage = [
    ["neighbors", "neighbouring slices"], ["slice_fit", "slices resampled to a spacing"], ["normalization", "intensities without a window"],
    ["patch_size", "tiles"], ["temperature", "a temperature"], ["clean_up", "a clean-up"],
];

/** The newest form of the metadata that this page knows. */
const newestForm = 1;

/** Before the form was written, the kind of the training set said what the input was. */
function knownSets(names) {
    const pictures = { input: "pictures", largest: 255 }, isSynapse = names?.join() === synapseClasses;
    return { isic17: pictures, isic18: pictures, folder: pictures, synapse: { input: "volumes", largest: 1, window: isSynapse ? "-125,275" : undefined } };
}

/** Synapse's classes, whose network knows Hounsfield units from -125 to 275. */
const synapseClasses = "background,aorta,gallbladder,left kidney,right kidney,liver,pancreas,spleen,stomach";

/** One letter of each of the pairs RL, AP, SI. */
function isVoxelOrder(text) {
    return text.length === 3 && [/[RL]/i, /[AP]/i, /[SI]/i].every((pair) => pair.test(text));
}

function unfit(text) {
    return new Problem(text, "Choose other weights.");
}

/** A window's text as the module is told of it: kind (0 none, 1 from low to high, 2 least to greatest, 3 percentiles), low, high; null for no window. */
function readWindow(text) {
    if (["none", "minmax", "percentiles"].includes(text)) return [{ none: 0, minmax: 2, percentiles: 3 }[text], 0, 0];
    const parts = text.split(","), [low, high] = parts.map(Number);
    return parts.length === 2 && parts.every((part) => part.trim() !== "") && Number.isFinite(low) && Number.isFinite(high) && low < high ? [1, low, high] : null;
}

/** The module's form of a window, and the value of its upper end. `choice` is the reader's; null takes the weights' own. */
export function intensityWindow(choice, { window, volumeScale }) {
    return [...readWindow(Array.isArray(choice) ? choice.join() : choice ?? window), volumeScale];
}

/** Numbers in all tensors. */
describeWeights.count = (tensors) => [...tensors.values()].reduce((sum, { shape }) => sum + product(shape), 0);

/** Names with commas between, or a JSON list of them. */
function classNames(text) {
    if (!text) return null;
    if (text.startsWith("[")) {
        try {
            const list = JSON.parse(text);
            if (Array.isArray(list) && list.every((name) => typeof name === "string")) return list;
        } catch {
            // names with commas, then
        }
    }
    return text.split(",").filter((name) => name !== "");
}
