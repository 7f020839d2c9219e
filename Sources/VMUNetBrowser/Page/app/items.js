// The pictures and volumes that were opened, and the queue that segments them one after another.

import { EngineProblem } from "./engine.js";

const volumeName = /\.nii(\.gz)?$/i;

/** Tells listeners by "change" ({detail: an item, or null for the list as a whole}) and "select". */
export class Items extends EventTarget {
    list = [];
    /** The item that is shown. */
    current = null;
    /** The bitmap of the current picture goes to this function, with the item; its owner closes it. */
    showBitmap = () => {};
    /** How networks for volumes are given intensities: see the worker's `segmentVolume`. */
    window = null;
    /** The probability from which on a pixel counts. */
    threshold = 0.5;
    #engine;
    #count = 0;
    #isReady = false;
    #isRunning = false;
    /** The item whose bitmap was handed over last. */
    #shown = null;

    constructor(engine) {
        super();
        this.#engine = engine;
    }

    /** Opens files; the first of them is shown where nothing was, or where `selects`. */
    add(files, selects = false) {
        const added = [...files].map((file) => ({
            id: ++this.#count, file, name: file.name || "Pasted picture", kind: volumeName.test(file.name) ? "volume" : "picture", state: "waiting", share: null,
        }));
        this.list.push(...added);
        this.#tell("change", null);
        if (added.length > 0 && (selects || !this.current)) this.select(added[0]);
        this.#run();
    }

    remove(item) {
        const place = this.list.indexOf(item);
        this.list.splice(place, 1);
        if (item.state === "running") this.stop(item);
        item.state = "removed";
        if (this.current === item) {
            this.current = null;
            this.select(this.list[Math.min(place, this.list.length - 1)] ?? null);
        }
        this.#tell("change", null);
    }

    /** Stops what is being segmented: a volume between two slices, a picture by ending the worker. */
    stop(item) {
        if (item.kind === "volume") this.#engine.cancel();
        else this.#engine.stop();
    }

    async select(item) {
        if (this.current && this.current !== item) this.current.labels = null;
        if (this.current !== item) this.#shown = null;
        this.current = item;
        this.#tell("select", item);
        // While a picture is segmented, its bitmap comes from there.
        if (item?.kind === "picture" && item.state === "done") await this.#show(item);
    }

    /** Weights are there, or others than before: everything is segmented with them. */
    ready() {
        this.#isReady = true;
        for (const item of this.list) if (item.state !== "running") this.#reset(item);
        // The one that is running began with the weights before.
        for (const item of this.list) if (item.state === "running") item.isStale = true;
        this.#tell("change", null);
        this.#run();
    }

    /** Segments an item once more. */
    again(item) {
        this.#reset(item);
        this.#tell("change", item);
        this.#run();
    }

    /** Counts each class's pixels in every picture at a threshold; the last call wins. */
    async count(threshold) {
        this.threshold = threshold;
        const ordered = this.current ? [this.current, ...this.list.filter((item) => item !== this.current)] : this.list;
        for (const item of ordered) {
            if (item.kind !== "picture" || item.state !== "done" || item.found.classes > 1 || item.counted === threshold) continue;
            const counts = await this.#engine.request("count", { found: item.found, threshold }).catch(() => null);
            if (this.threshold !== threshold) return;
            if (counts && item.state === "done") Object.assign(item, { counts, counted: threshold });
            this.#tell("change", item);
        }
    }

    #reset(item) {
        Object.assign(item, { state: "waiting", share: null, found: null, labels: null, counts: null, problem: null, isStale: false });
    }

    async #run() {
        if (this.#isRunning || !this.#isReady) return;
        this.#isRunning = true;
        for (;;) {
            const item = this.current?.state === "waiting" ? this.current : this.list.find((item) => item.state === "waiting");
            if (!item) break;
            item.state = "running";
            this.#tell("change", item);
            try {
                await (item.kind === "volume" ? this.#segmentVolume(item) : this.#segmentPicture(item));
                if (item.state === "running") item.state = "done";
            } catch (error) {
                if (item.state === "running") Object.assign(item, { state: "failed", problem: error });
                if (!(error instanceof EngineProblem)) console.error(error);
            }
            if (item.isStale && item.state !== "removed") this.#reset(item);
            this.#tell("change", item);
            // The slider may have moved meanwhile.
            if (item.state === "done" && item.counted !== this.threshold) this.count(this.threshold);
        }
        this.#isRunning = false;
    }

    async #segmentPicture(item) {
        const found = await this.#engine.request("segment", { file: item.file, threshold: this.threshold }, (progress) => {
            if (progress.bitmap) {
                const { width, height, bitmap, small } = progress;
                Object.assign(item, { width, height, small });
                this.#hand(item, bitmap);
            } else {
                item.share = progress.share;
            }
            this.#tell("change", item);
        });
        Object.assign(item, { found, counts: found.counts, counted: found.threshold, seconds: found.seconds });
        if (item !== this.current) return;
        // It may have been chosen after its bitmap had come.
        if (this.#shown !== item) await this.#show(item);
        else if (found.classes > 1) await this.#fetchLabels(item);
    }

    /** The picture of an item that was segmented before. */
    async #show(item) {
        try {
            const { bitmap } = await this.#engine.request("show", item.file);
            this.#hand(item, bitmap);
            if (item.found?.classes > 1 && item === this.current) await this.#fetchLabels(item);
        } catch (error) {
            Object.assign(item, { state: "failed", problem: error });
        }
        this.#tell("change", item);
    }

    #hand(item, bitmap) {
        if (item !== this.current) return bitmap.close();
        this.#shown = item;
        this.showBitmap(item, bitmap);
    }

    async #fetchLabels(item) {
        item.labels = (await this.#engine.request("labels", { found: item.found, threshold: this.threshold })).labels;
    }

    async #segmentVolume(item) {
        const volume = await this.#engine.request("volume", { file: item.file, window: this.window }, (progress) => {
            if (progress.shown) Object.assign(item, progress);
            else item.share = progress.share;
            this.#tell("change", item);
        });
        Object.assign(item, { volume, seconds: volume.seconds });
    }

    #tell(type, item) {
        this.dispatchEvent(new CustomEvent(type, { detail: item }));
    }
}
