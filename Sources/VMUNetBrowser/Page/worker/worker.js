// The thread that reads files and runs the network, so that the page never freezes. One request at
// a time, in order.
//
// In: {id, name, value}. Out: {id, progress} any number of times, then {id, value} or {id, problem:
// {text, remedy, isFatal}}.

import { decode, thumbnail } from "./decode.js";
import { Network } from "./network.js";
import { encodeLabels, read as readVolume } from "./nifti.js";
import * as PNG from "./png.js";
import { Problem } from "./problem.js";
import { segmentVolume } from "./volume.js";
import { download, readFile } from "./weights.js";
import { zip } from "./zip.js";

const thumbnailSide = 112;
let network = null;
let isCancelled = false;

/** The requests of the page. Each gets a function to report progress to, and answers {value, transfer}. */
const requests = {
    async start({ address }, report) {
        network ??= await Network.start();
        const bytes = await download(address, (share) => report({ share }));
        return { value: network.load(bytes) };
    },

    async weights(file, report) {
        network ??= await Network.start();
        return { value: network.load(await readFile(file)) };
    },

    async segment({ file, threshold }, report) {
        const picture = await decode(file);
        const { width, height, bitmap } = picture;
        const small = await thumbnail(bitmap, thumbnailSide);
        report({ width, height, bitmap, small }, [bitmap, small]);
        const begin = performance.now();
        const found = network.segment(picture, (share) => report({ share }));
        const seconds = (performance.now() - begin) / 1000;
        const answer = { ...found, width, height, seconds, threshold };
        answer.counts = network.labels(answer, threshold).counts;
        return { value: answer, transfer: [found.probabilities.buffer] };
    },

    async show(file) {
        const { width, height, bitmap } = await decode(file);
        return { value: { width, height, bitmap }, transfer: [bitmap] };
    },

    /** Labels of the picture's own size, and how many pixels each class has. */
    async labels({ found, threshold }) {
        const { labels, counts } = network.labels(found, threshold);
        return { value: { labels, counts }, transfer: [labels.buffer] };
    },

    async count({ found, threshold }) {
        return { value: network.labels(found, threshold).counts };
    },

    async maskFile({ found, threshold }) {
        const { labels } = network.labels(found, threshold);
        if (found.classes === 1) for (let i = 0; i < labels.length; i++) labels[i] *= 255;
        return { value: await PNG.encode({ width: found.width, height: found.height, channels: 1, pixels: labels }) };
    },

    async overlayFile({ file, found, threshold, opacity }) {
        const { width, height, channels, pixels, bitmap } = await decode(file);
        bitmap.close();
        const { labels } = network.labels(found, threshold);
        return { value: await PNG.encode(network.overlay({ width, height, channels, pixels }, labels, opacity)) };
    },

    async volume({ file, window }, report) {
        isCancelled = false;
        const volume = await readVolume(file);
        const value = await segmentVolume(network, volume, window, report, () => isCancelled);
        return { value, transfer: [value.labels.buffer] };
    },

    async zip(files) {
        return { value: await zip(files) };
    },

    async labelsFile({ labels, place }) {
        return { value: await encodeLabels(labels, place) };
    },
};

function describe(error) {
    if (error instanceof Problem) return { text: error.message, remedy: error.remedy, kind: error.kind, isFatal: false };
    if (error instanceof RangeError) {
        return { text: "This browser ran out of memory.", remedy: "Close other tabs, or use a computer with more memory.", isFatal: true };
    }
    // A trap of the WebAssembly code leaves its memory in an unknown state: the page starts another
    // worker.
    return { text: "Something went wrong inside the page.", remedy: `Try again; if it stays, report it with this: ${String(error).slice(0, 200)}`, isFatal: true };
}

let last = Promise.resolve();
self.onmessage = ({ data: { id, name, value } }) => {
    if (name === "cancel") {
        isCancelled = true;
        return;
    }
    last = last.then(async () => {
        try {
            const report = (progress, transfer = []) => self.postMessage({ id, progress }, transfer);
            const answer = await requests[name](value, report);
            self.postMessage({ id, value: answer.value }, answer.transfer ?? []);
        } catch (error) {
            self.postMessage({ id, problem: describe(error) });
        }
    });
};
