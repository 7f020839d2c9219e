// Takes files that the reader chooses, drops or pastes.

import { $ } from "./dom.js";

const isWeights = (file) => /\.(safetensors|pth|pt|bin)$/i.test(file.name);

/** `open` is given pictures and volumes, `weights` a file of weights. */
export function acceptFiles({ open, weights }) {
    const take = (files) => {
        const all = [...files], own = all.find(isWeights), others = all.filter((file) => !isWeights(file));
        if (own) weights(own);
        if (others.length > 0) open(others);
    };
    const choose = () => $("files").click();
    $("choose").onclick = choose;
    $("add").onclick = choose;
    $("files").onchange = ({ target }) => {
        take(target.files);
        target.value = ""; // so that the same file can be chosen again
    };

    acceptDrops(take);
    addEventListener("paste", (event) => {
        if (event.clipboardData?.files.length > 0) take(event.clipboardData.files);
    });
}

/** Calls `take` with the files of each drop, and shows the place for them while they are dragged. */
export function acceptDrops(take) {
    let depth = 0;
    const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
    addEventListener("dragenter", (event) => {
        if (!carriesFiles(event)) return;
        depth++;
        $("dropping").hidden = false;
    });
    addEventListener("dragleave", (event) => {
        if (!carriesFiles(event)) return;
        depth = Math.max(0, depth - 1);
        $("dropping").hidden = depth === 0;
    });
    addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
    addEventListener("drop", async (event) => {
        if (!carriesFiles(event)) return;
        event.preventDefault();
        depth = 0;
        $("dropping").hidden = true;
        take(await droppedFiles(event.dataTransfer));
    });
}

/** The files of a drop, those in dropped folders too; hidden ones are left out. */
async function droppedFiles(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.some((entry) => entry.isDirectory)) return transfer.files;
    const files = [];
    const visit = async (entry) => {
        if (entry.name.startsWith(".")) return;
        if (entry.isFile) return files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
        const reader = entry.createReader();
        for (;;) {
            const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
            if (some.length === 0) return;
            for (const inner of some) await visit(inner);
        }
    };
    for (const entry of entries) await visit(entry);
    return files;
}
