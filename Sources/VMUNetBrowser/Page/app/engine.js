// The worker as the page sees it: requests that answer with promises. A worker that broke is
// replaced, with the same weights.

/** The worker's error: the problem and the way out. */
export class EngineProblem extends Error {
    constructor({ text, remedy, isFatal }) {
        super(text);
        this.remedy = remedy;
        this.isFatal = isFatal;
    }
}

export class Engine {
    #worker = null;
    #pending = new Map();
    #count = 0;
    /** Asks for the weights in use once more: for a worker that replaces another. */
    #reload = null;

    /** Loads weights, {address} in the page's folder or a File; answers their description. */
    async load(source, report = () => {}) {
        try {
            const description = await this.#load(source, report);
            this.#reload = () => this.#load(source, () => {});
            return description;
        } catch (error) {
            // The module holds one network: that of the weights before comes back.
            await this.#reload?.().catch(() => {});
            throw error;
        }
    }

    #load(source, report) {
        return source instanceof File ? this.#send("weights", source, report) : this.#send("start", source, report);
    }

    /** Sends a request; `report` is given what the worker tells meanwhile. */
    async request(name, value, report = () => {}) {
        if (!this.#worker && this.#reload) await this.#reload();
        return this.#send(name, value, report);
    }

    /** Stops the volume that is being worked on. */
    cancel() {
        this.#worker?.postMessage({ name: "cancel" });
    }

    /** Ends the worker in the middle of its work; the next request starts another. */
    stop() {
        this.#close({ text: "Stopped.", remedy: "Open the file again to start over.", isFatal: true });
    }

    #send(name, value, report) {
        this.#worker ??= this.#open();
        return new Promise((resolve, reject) => {
            const id = ++this.#count;
            this.#pending.set(id, { resolve, reject, report });
            this.#worker.postMessage({ id, name, value });
        });
    }

    #open() {
        const worker = new Worker(new URL("../worker/worker.js", import.meta.url), { type: "module" });
        worker.onmessage = ({ data: { id, progress, value, problem } }) => {
            const request = this.#pending.get(id);
            if (!request) return;
            if (progress !== undefined) return request.report(progress);
            this.#pending.delete(id);
            if (problem) {
                if (problem.isFatal) this.#close(problem);
                request.reject(new EngineProblem(problem));
            } else {
                request.resolve(value);
            }
        };
        worker.onerror = () => {
            this.#close({ text: "The page’s worker could not go on.", remedy: "Load the page again.", isFatal: true });
        };
        return worker;
    }

    /** Ends the worker and fails what it was asked for. */
    #close(problem) {
        this.#worker?.terminate();
        this.#worker = null;
        const failed = [...this.#pending.values()];
        this.#pending.clear();
        for (const request of failed) request.reject(new EngineProblem(problem));
    }
}
