// Kept in this browser: files' names, which the server never learns, and pictures with their
// masks.

const names = "vmunet-names";
const all = () => JSON.parse(localStorage.getItem(names) ?? "{}");

/** The name of a job's file; for a job from another browser, part of its identifier. */
export const nameOf = (id) => all()[id] ?? `Job ${id.slice(0, 8)}`;

export function rememberName(id, name) {
    localStorage.setItem(names, JSON.stringify({ ...all(), [id]: name }));
}

export function forgetName(id) {
    const { [id]: _, ...others } = all();
    localStorage.setItem(names, JSON.stringify(others));
}

export function forgetNames(isKnown) {
    localStorage.setItem(names, JSON.stringify(Object.fromEntries(Object.entries(all()).filter(([id]) => isKnown(id)))));
}

const database = new Promise((resolve, reject) => {
    const request = indexedDB.open("vmunet-server", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("pictures", { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
});

async function use(mode, work) {
    const request = work((await database).transaction("pictures", mode).objectStore("pictures"));
    return new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
}

/** Pictures: {id, name, created, file, state, threshold, mask, found, problem}. */
export const pictures = {
    list: () => use("readonly", (store) => store.getAll()),
    keep: (picture) => use("readwrite", (store) => store.put(picture)),
    remove: (id) => use("readwrite", (store) => store.delete(id)),
};
