// The page's words about jobs and labels.

import { sentence } from "./api.js";

/** The states of an entry. */
export const words = { sending: "Sending", queued: "Waiting", running: "Running", done: "Done", failed: "Failed" };

/** A file's name without its ending. */
export const stem = (name) => name.replace(/\.(nii\.gz|[^.]+)$/i, "");

/** The line below an entry's name. */
export function note(entry) {
    if (entry.state === "failed") return sentence(entry.problem.detail);
    if (entry.state === "sending") return `${Math.round(100 * entry.progress)}% sent`;
    if (entry.state === "running") return entry.slices ? `${entry.slices_done} of ${entry.slices} slices` : "Reading the file";
    if (entry.state === "queued") return "Its turn comes";
    const found = (entry.result?.labels ?? entry.found?.classes ?? []).filter((label) => (label.voxels ?? label.pixels) > 0);
    return found.length ? found.slice(0, 3).map((label) => `${label.name} ${amount(label)}`).join(", ") : "Nothing found";
}

/** A label's volume, share or voxels. */
export function amount(label) {
    if (label.volume_ml !== undefined) return `${label.volume_ml.toFixed(1)} ml`;
    if (label.share_percent !== undefined) return `${label.share_percent.toFixed(1)} %`;
    return `${label.voxels} voxels`;
}
