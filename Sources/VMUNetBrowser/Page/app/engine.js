// The worker as the page sees it: requests that answer with promises. A worker that broke is
// replaced, with the same weights.

/** The worker's error: the problem and the way out. */
export class EngineProblem extends Error {
    constructor({ text, remedy, kind = null, isFatal }) {
        super(text);
        this.remedy = remedy;
        this.kind = kind;
        this.isFatal = isFatal;
    }
}

/** The requests that load weights. */
const loads = ["start", "weights"];

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

    /**
     * Ends the worker in the middle of a picture. Whatever else it was asked for, weights that are
     * being loaded above all, another worker does.
     */
    stop() {
        const others = this.#close({ text: "Stopped.", remedy: "Nothing was kept of it.", kind: "stopped", isFatal: true }, ({ name }) => name === "segment");
        if (others.length === 0) return;
        if (!loads.includes(others[0].name)) this.#reload?.().catch(() => {});
        for (const request of others) this.#post(request);
    }

    #send(name, value, report) {
        return new Promise((resolve, reject) => this.#post({ name, value, resolve, reject, report }));
    }

    #post(request) {
        const { name, value } = request, id = ++this.#count;
        this.#worker ??= this.#open();
        this.#pending.set(id, request);
        this.#worker.postMessage({ id, name, value });
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
            this.#close({ text: "The page’s worker could not go on.", remedy: "Load the page again.", kind: "code", isFatal: true });
        };
        return worker;
    }

    /** Ends the worker and fails what it was asked for; answers what `fails` spares. */
    #close(problem, fails = () => true) {
        this.#worker?.terminate();
        this.#worker = null;
        const asked = [...this.#pending.values()];
        this.#pending.clear();
        for (const request of asked.filter(fails)) request.reject(new EngineProblem(problem));
        return asked.filter((request) => !fails(request));
    }
}
