// The network: the package's own Swift and C++ in WebAssembly, called from the worker.

import { openModule } from "./module.js";
import { Problem } from "./problem.js";
import * as Safetensors from "./safetensors.js";
import { describeWeights, intensityWindow, readTensors } from "./tensors.js";

/** Milliseconds between two reports of progress. */
const reportInterval = 100;

export class Network {
    #module;
    #weights = null;
    /** Calls of the kernels in one forward pass: what a progress bar's whole is. */
    #calls = 0;
    #report = null;
    /** Channels of the plan in use. */
    #planned = null;

    /** Loads the WebAssembly module, with threads where the page may have them. */
    static async start() {
        const network = new Network();
        let reported = 0;
        network.#module = await openModule((calls) => {
            // A message for each of the kernels' calls would keep the page's own thread busy.
            const now = network.#report ? performance.now() : 0;
            if (now - reported < reportInterval) return;
            reported = now;
            network.#report(Math.min(1, calls / network.#calls));
        });
        return network;
    }

    /** Classes of the answer; 1 is foreground against background. */
    get classes() {
        return this.#weights.classes;
    }

    /** The voxel order that volumes were trained in, such as "RAS"; null where the weights say nothing. */
    get voxelOrder() {
        return this.#weights.voxelOrder;
    }

    /**
     * Builds the network of a safetensors file, whose keys give the architecture, and returns what
     * it is: {classes, classNames, modality, parameters, preset, imageSize, threshold, input ("pictures",
     * "volumes" or null), threads}.
     */
    load(bytes) {
        const { tensors, metadata } = Safetensors.parse(bytes), { exports } = this.#module;
        const { table, data } = readTensors(bytes, tensors);
        // Prepared weights are float32 in panels, beside the stored ones while they are made.
        const stored = data.reduce((sum, part) => sum + part.length, 0), prepared = 4 * describeWeights.count(tensors);
        this.#weights = null;
        exports.vmunet_close();
        this.#ensure(stored + 1.3 * prepared, "These weights need");
        this.#with([table, ...data], ([tableAt, ...places]) => {
            const view = this.#module.view();
            // The table's last word of each tensor is its place in memory.
            for (const [i, { address }] of [...tensors.values()].entries()) view.setUint32(tableAt + address, places[i], true);
            if (!exports.vmunet_open(tableAt, tensors.size)) throw this.#problem("Choose weights of a VM-UNet.");
        });
        const at = exports.vmunet_configuration() >>> 0;
        const weights = describeWeights(at, this.#module.view(), tensors, metadata);
        this.#prepare(weights);
        this.#weights = weights;
        return { ...weights, threads: this.#module.threads };
    }

    /** Plans the forward pass, and counts its steps on a tiny picture. */
    #prepare(weights) {
        const { exports } = this.#module;
        const channels = weights.input === "volumes" ? 1 : weights.channels;
        this.#planned = null;
        this.#plan(channels, 32);
        exports.vmunet_begin_progress();
        this.#report = null;
        this.#calls = exports.vmunet_try();
        if (this.#calls === 0) throw new Problem("These weights hold values that are not finite, or far too large.", "The training that wrote them went wrong: use an earlier checkpoint.");
        this.#planFor(channels, weights.imageSize);
    }

    /** A plan for as many planes as are given: weights that do not say what they are for get pictures and volumes. */
    #planFor(channels, size) {
        if (this.#planned === channels) return;
        this.#planned = null;
        this.#plan(channels, size);
        this.#planned = channels;
    }

    #plan(channels, size) {
        const bytes = this.#module.exports.vmunet_plan(channels, size);
        if (bytes < 0) throw this.#problem("Choose other weights.");
        this.#ensure(bytes, `A picture of ${size}×${size} pixels needs`);
        if (!this.#module.exports.vmunet_reserve()) throw outOfMemory(`A picture of ${size}×${size} pixels needs`, bytes);
    }

    /** The network's result for a picture, at its input size: {probabilities, size, classes}. */
    segment({ width, height, channels, pixels }, report) {
        const { exports } = this.#module, { imageSize: size, classes, input, pictureScale } = this.#weights;
        if (input === "volumes") throw new Problem("These weights are for volumes, not for pictures.", "Choose weights for pictures, or open a NIfTI volume.");
        this.#planFor(this.#weights.channels, size);
        this.#ensure(2 * pixels.length + 8 * size * size * classes, `A picture of ${width}×${height} pixels needs`);
        return this.#with([pixels], ([at]) => {
            this.#report = report;
            exports.vmunet_begin_progress();
            const found = exports.vmunet_segment(at, width, height, channels, pictureScale) >>> 0;
            this.#report = null;
            if (found === 0) throw new Problem("The network’s output for this picture is not finite.", "Its weights hold values that are too large: use an earlier checkpoint.");
            const probabilities = new Float32Array(this.#module.bytes().slice(found, found + 4 * size * size * classes).buffer);
            return { probabilities, size, classes };
        });
    }

    /** Labels of the picture's own size, and how many pixels each class has. */
    labels({ probabilities, size, classes, width, height }, threshold) {
        const { exports } = this.#module, count = width * height;
        this.#ensure(probabilities.byteLength + 7 * count, `A mask of ${width}×${height} pixels needs`);
        return this.#with([new Uint8Array(probabilities.buffer)], ([at]) => {
            const found = exports.vmunet_labels(at, size, classes, width, height, threshold) >>> 0;
            if (found === 0) throw outOfMemory(`A mask of ${width}×${height} pixels needs`, count);
            const labels = this.#module.bytes().slice(found, found + count), counts = new Array(Math.max(2, classes)).fill(0);
            for (let i = 0; i < count; i++) counts[labels[i]]++;
            exports.vmunet_drop_result();
            return { labels, counts };
        });
    }

    /** A picture with its labels filled and outlined, as the command-line tool draws it: {width, height, channels: 3, pixels}. */
    overlay({ width, height, channels, pixels }, labels, opacity) {
        const { exports } = this.#module;
        this.#ensure(10 * width * height, `An overlay of ${width}×${height} pixels needs`);
        return this.#with([pixels, labels], ([at, labelsAt]) => {
            const drawn = exports.vmunet_overlay(at, width, height, channels, labelsAt, opacity) >>> 0;
            if (drawn === 0) throw outOfMemory(`An overlay of ${width}×${height} pixels needs`, 3 * width * height);
            const rgb = this.#module.bytes().slice(drawn, drawn + 3 * width * height);
            exports.vmunet_drop_result();
            return { width, height, channels: 3, pixels: rgb };
        });
    }

    /** Makes a volume ready for `segmentSlice`; answers the intensities that are shown black and white. `window`: see `segmentVolume`. */
    openVolume(values, { width, height, depth }, window) {
        if (this.#weights.input === "pictures") throw new Problem("These weights are for pictures, not for volumes.", "Choose weights that were trained on volumes.");
        const { exports } = this.#module, [kind, low, high, scale] = intensityWindow(window, this.#weights);
        this.#planFor(1, this.#weights.imageSize);
        this.#ensure(3 * values.byteLength, `A volume of ${width}×${height}×${depth} voxels needs`);
        this.#with([new Uint8Array(values.buffer, values.byteOffset, values.byteLength)], ([at]) => {
            exports.vmunet_open_volume(at, width, height, depth, kind, low, high, scale);
        });
        const range = exports.vmunet_volume_range() >>> 0, view = this.#module.view();
        return [view.getFloat32(range, true), view.getFloat32(range + 4, true)];
    }

    /** Labels of slice `z` of the open volume, at its own size. */
    segmentSlice(z) {
        const { exports } = this.#module, count = exports.vmunet_slice_count();
        const found = exports.vmunet_segment_slice(z, this.#weights.threshold) >>> 0;
        if (found === 0) throw new Problem("The network’s output for this volume is not finite.", "Its weights hold values that are too large: use an earlier checkpoint.");
        const labels = this.#module.bytes().slice(found, found + count);
        exports.vmunet_drop_result();
        return labels;
    }

    closeVolume() {
        this.#module.exports.vmunet_close_volume();
    }

    // MARK: Memory

    /** Calls `body` with the places of copies in the module's memory. */
    #with(arrays, body) {
        const { exports } = this.#module, places = [];
        try {
            for (const array of arrays) {
                const at = exports.vmunet_allocate(Math.max(1, array.length)) >>> 0;
                if (at === 0) throw outOfMemory("This needs", array.length);
                places.push(at);
                this.#module.bytes().set(array, at);
            }
            return body(places);
        } finally {
            for (const at of places) exports.vmunet_release(at);
        }
    }

    /** Asks for memory before work is begun that would stop without it. */
    #ensure(count, what) {
        const bytes = Math.ceil(count) + (1 << 20), at = bytes < 2 ** 32 ? this.#module.exports.vmunet_allocate(bytes) >>> 0 : 0;
        if (at === 0) throw outOfMemory(what, bytes);
        this.#module.exports.vmunet_release(at);
    }

    #problem(remedy) {
        const { exports } = this.#module, at = exports.vmunet_message() >>> 0;
        const bytes = this.#module.bytes().slice(at, at + exports.vmunet_message_count());
        return new Problem(new TextDecoder().decode(bytes).replace(/([^.!?])$/, "$1."), remedy);
    }
}

function outOfMemory(what, bytes) {
    return new Problem(`${what} ${Math.ceil(bytes / 1e6).toLocaleString("en")} MB of memory, which this browser does not give.`, "Close other tabs, or use a computer with more memory.");
}
