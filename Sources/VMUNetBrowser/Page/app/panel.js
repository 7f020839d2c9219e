// Beside the picture: figures, legend, settings, weights.

import { $, make } from "./dom.js";
import { count, millilitres, percent, seconds } from "./format.js";
import { cssColor } from "./overlay.js";

/** Keeps the panel at `item`; `settings` are shared by all items, `weights` is the network's description. */
export function showPanel(item, settings, weights) {
    $("panel").hidden = !item;
    if (!item) return;
    const isVolume = item.kind === "volume", isDone = item.state === "done", hasClasses = weights?.classes > 1;
    $("file-name").textContent = item.name;
    $("file-size").textContent = sizeText(item);
    const hasFailed = item.state === "failed", note = hasFailed ? "" : placementNote(item.shown);
    $("note").textContent = note;
    $("note").hidden = note === "";
    for (const id of ["sliders", "save"]) $(id).hidden = hasFailed;
    $("modes").hidden = isVolume || hasFailed;
    $("threshold-row").hidden = hasClasses || isVolume;
    $("window-row").hidden = !isVolume;
    $("save-mask").textContent = isVolume ? "Save labels" : "Save mask";
    $("save-overlay").hidden = isVolume;
    for (const id of ["save-mask", "save-overlay"]) $(id).disabled = !isDone;

    $("figures").hidden = !isDone || isVolume || hasClasses;
    if (isDone && !isVolume && !hasClasses) {
        $("share").textContent = percent(item.counts[1] / (item.width * item.height));
        $("area").textContent = count(item.counts[1]);
    }
    showLegend(isDone && (isVolume || hasClasses) ? item : null, settings, weights);
}

function sizeText(item) {
    const size = item.kind === "volume" ? item.shown : item;
    if (!size?.width) return "";
    const extents = item.kind === "volume" ? `${size.width} × ${size.height} × ${size.depth} voxels` : `${size.width} × ${size.height} pixels`;
    return item.state === "done" ? `${extents}, ${seconds(item.seconds)}` : extents;
}

/** What `vmunet predict` notes, too, about a volume whose header gives no directions. */
function placementNote(volume) {
    if (!volume || volume.isPlaced) return "";
    const wanted = volume.wantedOrder ? `; the weights want ${volume.wantedOrder}` : "";
    return `The header does not say how the voxels lie: the volume is taken as stored${wanted}.`;
}

/** A line for each class that was found: colour, name, how much, and whether it is shown. */
function showLegend(item, settings, weights) {
    const list = $("legend");
    list.hidden = !item;
    if (!item) return list.replaceChildren();
    const total = item.width * item.height;
    const amounts = item.kind === "volume" ? item.volume.millilitres : item.counts;
    const isFound = amounts.map((amount) => amount > 0), text = (amount) => (item.kind === "volume" ? millilitres(amount) : percent(amount / total));
    const lines = [...amounts].map((amount, label) => ({ amount, label })).slice(1).filter(({ label }) => isFound[label]);
    list.replaceChildren(
        ...lines.map(({ amount, label }) => {
            const box = make("input", { type: "checkbox", checked: !settings.hidden.has(label), onchange: () => settings.toggle(label, !box.checked) });
            const swatch = make("span", { className: "swatch", "aria-hidden": "true" });
            swatch.style.background = cssColor(label);
            const name = make("span", { textContent: weights.classNames?.[label] ?? (weights.classes === 1 ? "Found" : `Class ${label}`) });
            return make("li", {}, make("label", {}, box, swatch, name, make("span", { className: "figure", textContent: text(amount) })));
        }),
    );
    if (lines.length === 0) list.replaceChildren(make("li", { className: "hint", textContent: "Nothing but background was found." }));
}

const listed = new Intl.ListFormat("en");
const millions = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** The weights in a few words. */
export function showWeights(weights, name, isShipped) {
    $("weights-name").textContent = name;
    const kinds = weights.input ?? "pictures or volumes";
    const size = `${weights.preset ? `${weights.preset}, ` : ""}${millions.format(weights.parameters / 1e6)} million parameters`;
    const kind = weights.classes === 1 ? "one class" : `${weights.classes} classes`;
    $("weights-text").textContent = `${size}; ${kind}; for ${kinds}, seen at ${weights.imageSize}×${weights.imageSize}`;
    $("shipped-weights").hidden = isShipped;
    // Before anything is opened, the page says what these weights are for.
    const names = (weights.classNames ?? []).slice(1);
    const found = names.length > 4 ? `${names.length} classes` : listed.format(names.map((name) => `“${name}”`));
    const things = weights.input ?? "files";
    $("choose").textContent = `Choose ${things}`;
    $("add").textContent = `Add ${things}`;
    $("empty-title").textContent = `Segment medical ${kinds}, on your own device`;
    $("empty-text").textContent =
        `Drop ${weights.modality ? `${weights.modality} ` : ""}${kinds} here${found ? `; the network looks for ${found}` : ""}. ` +
        `${found ? "It" : "The network"} runs in this browser: nothing that you open leaves this device.`;
    const hints = [weights.input !== "volumes" && "JPEG, PNG or whatever this browser shows. Pasting works too.", weights.input !== "pictures" && "NIfTI volumes: .nii or .nii.gz, one in each file."];
    $("empty-hint").textContent = hints.filter(Boolean).join(" ");
    // The example shows a skin lesion.
    $("example").hidden = weights.input === "volumes" || (names.length > 0 && !names.includes("lesion"));
}
