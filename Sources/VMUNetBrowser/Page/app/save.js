// Saves results as files.

import { announce } from "./dom.js";
import { stem } from "./format.js";

export class Saver {
    #engine;

    constructor(engine) {
        this.#engine = engine;
    }

    async mask(item, { threshold }) {
        offer(await this.#maskFile(item, threshold), `${stem(item.name)}_mask.png`);
    }

    async overlay(item, { threshold, opacity }) {
        const { file, found } = item;
        offer(await this.#engine.request("overlayFile", { file, found, threshold, opacity }), `${stem(item.name)}_overlay.png`);
    }

    async labels(item) {
        const { labels, place } = item.volume;
        offer(await this.#engine.request("labelsFile", { labels, place }), `${stem(item.name)}_labels.nii.gz`);
    }

    /** The masks of all these in one archive. */
    async masks(items, { threshold }) {
        const files = [];
        for (const [name, item] of distinctNames(items)) files.push({ name: `${name}_mask.png`, blob: await this.#maskFile(item, threshold) });
        offer(await this.#engine.request("zip", files), "masks.zip");
    }

    #maskFile({ found }, threshold) {
        return this.#engine.request("maskFile", { found, threshold });
    }
}

/** A name for each; where two would share one, the file's ending stays on it, and a number tells apart what is left. */
function distinctNames(items) {
    const count = (list, value) => list.filter((other) => other === value).length;
    const stems = items.map((item) => stem(item.name)), names = stems.map((name, i) => (count(stems, name) > 1 ? items[i].name : name));
    return names.map((name, i) => [count(names, name) > 1 ? `${name}_${count(names.slice(0, i), name) + 1}` : name, items[i]]);
}

function offer(blob, name) {
    const address = URL.createObjectURL(blob), link = document.createElement("a");
    Object.assign(link, { href: address, download: name });
    link.click();
    // The browser reads the address after this.
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    announce(`Saved ${name}`);
}
