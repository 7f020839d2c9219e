// The printed page about a result.

import { $, make } from "../app/dom.js";
import { amount } from "./texts.js";

/** Prints an entry's result: `picture` of it as a PNG, and the line `about` it. */
export async function printReport(entry, picture, about) {
    const image = make("img", { alt: "" }), labels = entry.result?.labels ?? entry.found.classes, isVolume = entry.kind === "job";
    image.src = URL.createObjectURL(picture);
    await image.decode();
    const row = (kind, texts) => make("tr", {}, ...texts.map((text) => make(kind, {}, text)));
    $("sheet").replaceChildren(
        make("h1", {}, entry.name), make("p", {}, about), image,
        make("table", {}, row("th", ["Label", isVolume ? "Voxels" : "Pixels", isVolume ? "Volume" : "Share"]), ...labels.map((label) => row("td", [label.name, String(label.voxels ?? label.pixels), amount(label)]))),
        make("p", { className: "small" }, `Weights ${entry.model ?? entry.found.model}, SHA-256 ${entry.weights_sha256 ?? entry.found.weights_sha256}. ${new Date().toLocaleString()}.`),
        make("p", {}, make("strong", {}, "Not a medical device."), " For research and teaching; never for a diagnosis."));
    print();
    URL.revokeObjectURL(image.src);
}
