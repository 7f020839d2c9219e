// The server's page: sends files, lists jobs with their state, shows results.

import { $, announce, make } from "../app/dom.js";
import { acceptDrops } from "../app/opening.js";
import { zip } from "../worker/zip.js";
import { Refusal, ask, blob, follow, json, sendJob, sentence, token } from "./api.js";
import { Planes, gap } from "./planes.js";
import { printReport } from "./report.js";
import { forgetName, forgetNames, nameOf, pictures, rememberName } from "./store.js";
import { amount, note, stem, words } from "./texts.js";

const planes = new Planes($("planes"));
/** Jobs, uploads and pictures by their names, the newest first: {id, kind, name, state, progress, created, …}. */
const entries = new Map();
/** Volumes sent since the page was loaded, by their jobs: to segment them again with another threshold. */
const sent = new Map();
let current = null;
let models = [];

const sorted = () => [...entries.values()].sort((a, b) => (a.created < b.created ? 1 : -1));

// MARK: The list

function change(id, values) {
    const before = entries.get(id);
    entries.set(id, { ...before, ...values });
    if (before && before.state !== values.state && (values.state === "done" || values.state === "failed")) {
        announce(`${entries.get(id).name}: ${words[values.state]}`);
    }
    refresh();
}

function remove(id) {
    entries.delete(id);
    if (current === id) current = null;
    refresh();
}

function refreshList() {
    const focused = document.activeElement?.dataset?.id;
    $("queue-empty").hidden = entries.size > 0;
    $("jobs").replaceChildren(...sorted().map((entry) => {
        const open = make("button", { className: "open", type: "button" },
            make("span", { className: "title" }, entry.name), make("span", { className: "state" }, words[entry.state]), make("span", { className: "note" }, note(entry)));
        open.dataset.id = entry.id;
        if (entry.id === current) open.setAttribute("aria-current", "true");
        if (entry.state === "running" || entry.state === "sending") open.append(make("progress", { max: 1, value: entry.progress, "aria-label": words[entry.state] }));
        open.onclick = () => select(entry.id);
        const item = make("li", { className: "item" }, open);
        item.dataset.state = entry.state;
        return item;
    }));
    if (focused) document.querySelector(`.open[data-id="${focused}"]`)?.focus();
}

// MARK: The result

function select(id) {
    current = id;
    const entry = entries.get(id);
    if (entry?.kind === "job" && entry.state === "done" && !entry.result) {
        json(`v1/jobs/${id}`).then((job) => change(id, job), refuse);
    }
    refresh();
}

function refresh() {
    refreshList();
    const entry = entries.get(current), isDone = entry?.state === "done" && Boolean(entry.result ?? entry.mask);
    $("empty").hidden = Boolean(entry) || !$("sign-in").hidden;
    $("waiting").hidden = !entry || isDone || entry.state === "failed";
    $("failed").hidden = entry?.state !== "failed";
    $("planes").hidden = !isDone || entry.kind !== "job";
    $("picture").hidden = !isDone || entry.kind !== "picture";
    $("panel").hidden = !entry || (!isDone && entry.state !== "failed" && entry.kind !== "job");
    planes.show(isDone && entry.kind === "job" ? entry : null);
    if (!entry) return;
    $("waiting-title").textContent = `${words[entry.state]}: ${entry.name}`;
    $("waiting-text").textContent = note(entry);
    $("waiting-progress").value = entry.progress ?? 0;
    if (entry.state === "failed") {
        $("failed-text").textContent = sentence(entry.problem.detail);
        $("failed-remedy").textContent = sentence(entry.problem.remedy ?? "");
    }
    showPanel(entry, isDone);
    if (isDone && entry.kind === "picture") drawPicture(entry);
}

function showPanel(entry, isDone) {
    $("name").textContent = entry.name;
    const { shape, spacing } = entry.result ?? {};
    $("about").textContent = [
        shape && `${shape.depth} × ${shape.height} × ${shape.width} voxels${spacing ? ` of ${spacing.depth.toFixed(2)} × ${spacing.height.toFixed(2)} × ${spacing.width.toFixed(2)} mm` : ""}`,
        entry.found && `${entry.found.width} × ${entry.found.height} pixels`, entry.model && `weights ${entry.model}`,
        entry.expires && `kept until ${new Date(entry.expires).toLocaleString()}`, ...(entry.result?.notes ?? []),
    ].filter(Boolean).join(", ");
    const labels = isDone ? entry.result?.labels ?? entry.found?.classes ?? [] : [];
    $("legend").replaceChildren(...labels.map((label) => {
        const swatch = make("span", { className: "swatch" });
        swatch.style.backgroundColor = `rgb(${(label.color ?? [70, 200, 230]).join(" ")})`;
        const texts = [swatch, make("span", {}, label.name), make("span", { className: "amount" }, amount(label))];
        if (entry.kind === "picture") return make("li", { className: "row" }, ...texts);
        const shown = make("input", { type: "checkbox", checked: !planes.style.hidden.has(label.label) });
        shown.onchange = () => {
            if (shown.checked) planes.style.hidden.delete(label.label);
            else planes.style.hidden.add(label.label);
            planes.setStyle({});
        };
        return make("li", {}, make("label", { className: "row" }, shown, ...texts));
    }));
    const threshold = thresholdOf(entry);
    $("threshold-row").hidden = !isDone || threshold === undefined;
    if (threshold !== undefined && shownThreshold !== entry.id) $("threshold").value = threshold;
    shownThreshold = entry.id;
    showThreshold(entry);
    $("modes").hidden = $("sliders").hidden = !isDone;
    $("downloads").replaceChildren(...(isDone ? downloads(entry) : []));
    $("report").hidden = !isDone;
    // The server keeps no pictures.
    $("delete").textContent = entry.kind === "picture" ? "Remove from this browser" : "Delete from the server";
}

/** The entry whose threshold the slider shows; for it the slider stays where the reader moved it. */
let shownThreshold = null;

const thresholdOf = (entry) => entry.found?.threshold ?? entry.threshold ?? (entry.kind === "job" ? models.find(({ name }) => name === entry.model)?.threshold : undefined);

function showThreshold(entry) {
    const isMoved = entry.kind === "job" && Math.abs($("threshold").value - thresholdOf(entry)) > 0.001;
    $("threshold-text").textContent = Number($("threshold").value).toFixed(2);
    $("again").hidden = !isMoved || !sent.has(entry.id);
    $("again-hint").hidden = !isMoved || sent.has(entry.id);
    fill($("threshold"));
}

// MARK: Saving and deleting

function save(data, name) {
    const link = make("a", { href: URL.createObjectURL(data), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function downloads(entry) {
    if (entry.kind === "picture") {
        const button = make("button", { className: "button primary", type: "button" }, "Save mask");
        button.onclick = () => save(entry.mask, `${stem(entry.name)}_mask.png`);
        return [button];
    }
    const kinds = [["Save NIfTI", "application/x-nifti", ".nii.gz"], ["Save ZIP", "application/zip", ".zip"], ["Save table", "text/csv", ".csv"]];
    if (entry.result.has_segmentation) kinds.splice(1, 0, ["Save DICOM SEG", "application/dicom", ".dcm"]);
    return kinds.map(([text, type, ending], place) => {
        const button = make("button", { className: place ? "button" : "button primary", type: "button" }, text);
        button.onclick = async () => {
            button.disabled = true;
            try {
                save(await blob(`v1/jobs/${entry.id}/result`, type), `${stem(entry.name)}_labels${ending}`);
            } catch (error) {
                refuse(error);
            }
            button.disabled = false;
        };
        return button;
    });
}

$("report").onclick = async () => {
    const entry = entries.get(current), canvas = $("picture-canvas");
    const image = entry.kind === "job" ? await blob(`v1/jobs/${entry.id}/result`, "image/png") : await new Promise((resolve) => canvas.toBlob(resolve));
    await printReport(entry, image, $("about").textContent);
};

$("delete").onclick = async () => {
    const entry = entries.get(current);
    if (entry.kind === "job" && !confirm(`Delete ${entry.name} from the server, with all its results? This cannot be undone.`)) return;
    try {
        if (entry.kind === "job") await ask(`v1/jobs/${entry.id}`, { method: "DELETE" });
        if (entry.kind === "picture") await pictures.remove(entry.id);
    } catch (error) {
        if (error.status !== 404) return refuse(error);
    }
    announce(`${entry.name} is deleted`);
    forgetName(entry.id);
    sent.delete(entry.id);
    remove(entry.id);
};

// MARK: Pictures

async function drawPicture(entry) {
    const [image, mask] = await Promise.all([createImageBitmap(entry.file), createImageBitmap(entry.mask, { colorSpaceConversion: "none" })]);
    if (current !== entry.id) return;
    const canvas = $("picture-canvas"), context = canvas.getContext("2d");
    [canvas.width, canvas.height] = [mask.width, mask.height];
    context.drawImage(mask, 0, 0);
    const found = context.getImageData(0, 0, mask.width, mask.height);
    context.drawImage(image, 0, 0, mask.width, mask.height);
    const pixels = context.getImageData(0, 0, mask.width, mask.height), { opacity, mode } = planes.style;
    for (let i = 0; i < pixels.data.length; i += 4) {
        if (found.data[i] === 0) continue;
        for (let c = 0; c < 3; c++) pixels.data[i + c] = pixels.data[i + c] * (1 - opacity) + [70, 200, 230][c] * opacity;
    }
    const isBeside = mode === "compare";
    if (isBeside) {
        canvas.width = 2 * mask.width + gap;
        context.drawImage(image, 0, 0, mask.width, mask.height);
    }
    context.putImageData(pixels, isBeside ? mask.width + gap : 0, 0);
    canvas.setAttribute("aria-label", `${entry.name}: ${note(entry)}${isBeside ? "; the picture alone beside it" : ""}`);
}

async function segment(entry, threshold) {
    const query = new URLSearchParams();
    if (entry.model) query.set("model", entry.model);
    if (threshold !== undefined) query.set("threshold", threshold);
    try {
        const [found, mask] = await Promise.all(["application/json", "image/png"].map((accept) => ask(`v1/predict?${query}`, { method: "POST", body: entry.file, accept })));
        change(entry.id, { state: "done", found: await found.json(), mask: await mask.blob() });
    } catch (error) {
        if (error.status === 401) return signIn(unknownToken(error));
        change(entry.id, { state: "failed", problem: { detail: error.message, remedy: error.remedy } });
    }
    await pictures.keep(entries.get(entry.id));
}

/** Fills a slider's track up to its value. */
const fill = (slider) => slider.style.setProperty("--share", (slider.value - slider.min) / (slider.max - slider.min));

$("threshold").oninput = ({ target }) => {
    showThreshold(entries.get(current));
    clearTimeout(segment.timer);
    segment.timer = setTimeout(() => entries.get(current)?.kind === "picture" && segment(entries.get(current), target.value), 200);
};
$("opacity").oninput = ({ target }) => {
    fill(target);
    $("opacity-text").textContent = `${Math.round(100 * target.value)}%`;
    planes.setStyle({ opacity: Number(target.value) });
    if (entries.get(current)?.kind === "picture") refresh();
};

$("again").onclick = () => {
    const { id, model } = entries.get(current), { file, name } = sent.get(id), threshold = Number($("threshold").value);
    send(file, name, { model, threshold });
};
for (const radio of document.querySelectorAll("[name=mode]")) {
    radio.onchange = () => {
        planes.setStyle({ mode: radio.value });
        refresh();
    };
}

// MARK: Sending

const isPicture = ({ name, type }) => /^image\//.test(type) || /\.(png|jpe?g|bmp|tiff?)$/i.test(name);
const isVolume = ({ name }) => /\.(nii|nii\.gz|nrrd|mha|zip|npz|h5)$/i.test(name);

/** Sends pictures and volumes one by one, and all other files together as a DICOM series. */
async function take(files) {
    const all = [...files];
    for (const file of all.filter(isPicture)) {
        const entry = { id: crypto.randomUUID(), kind: "picture", name: file.name, created: new Date().toISOString(), file, state: "running", progress: 0, model: chosen("pictures") };
        change(entry.id, entry);
        await pictures.keep(entry);
        current = entry.id;
        await segment(entry);
    }
    for (const file of all.filter((file) => !isPicture(file) && isVolume(file))) await send(file, file.name);
    const series = all.filter((file) => !isPicture(file) && !isVolume(file));
    if (series.length > 0) {
        const folder = series[0].webkitRelativePath?.split("/")[0] || series[0].name;
        await send(await zip(series.map((file, number) => ({ name: `${number}.dcm`, blob: file }))), folder);
    }
}

const chosen = (input) => {
    const model = models.find(({ name }) => name === $("model").value);
    return model && (model.input === undefined || model.input === input) ? model.name : models.find((model) => model.input === undefined || model.input === input)?.name;
};

/** Sends a volume; `threshold` is the model's own unless given. */
async function send(file, name, { model = chosen("volumes"), threshold } = {}) {
    const id = crypto.randomUUID(), query = new URLSearchParams();
    const title = threshold === undefined ? name : `${name}, threshold ${threshold.toFixed(2)}`;
    change(id, { id, kind: "upload", name: title, created: new Date().toISOString(), state: "sending", progress: 0 });
    select(id);
    if (model) query.set("model", model);
    if (threshold !== undefined) query.set("threshold", threshold);
    try {
        const job = await sendJob(file, query, (progress) => change(id, { progress }));
        rememberName(job.id, title);
        sent.set(job.id, { file, name });
        const wasShown = current === id;
        remove(id);
        change(job.id, { ...job, kind: "job", name: title });
        if (wasShown) select(job.id);
        watch(job.id);
    } catch (error) {
        if (error.status === 401) return signIn(unknownToken(error));
        change(id, { state: "failed", problem: { detail: error.message, remedy: error.remedy } });
    }
}

/** Says on the page whether the server answers. */
function setReachable(isReachable) {
    if ($("unreachable").hidden === isReachable) return;
    $("unreachable").hidden = isReachable;
    announce(isReachable ? "The server answers again." : $("unreachable").textContent);
}

/** Follows a job to its end, however often the connection breaks. */
async function watch(id) {
    while (entries.has(id) && ["queued", "running"].includes(entries.get(id).state)) {
        try {
            await follow(id, (job) => {
                setReachable(true);
                if (entries.has(id)) change(id, job);
            });
        } catch (error) {
            if (error.status === 404) return remove(id);
            if (!(error instanceof Refusal) || error.status === 0) setReachable(false);
            if (error.status === 401) return signIn(unknownToken(error));
        }
        await new Promise((resolve) => setTimeout(resolve, 1000));
    }
}

// MARK: Beginning

/** Asks for a token; `reason` says why the last one did not do. */
function signIn(reason = "") {
    $("sign-in").hidden = false;
    $("sign-in-reason").textContent = reason;
    refresh();
    $("token").focus();
}

/** The reason for asking again; none if there was no token yet. */
const unknownToken = ({ message, remedy }) => (token.get() ? `${message} ${remedy}` : "");

function refuse(error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.status === 401) signIn(unknownToken(error));
    else announce(`${error.message} ${error.remedy}`);
}

$("sign-in").onsubmit = (event) => {
    event.preventDefault();
    token.set($("token").value.trim());
    $("token").value = "";
    $("sign-in").hidden = true;
    begin();
};

$("choose").onclick = $("add").onclick = () => $("files").click();
$("choose-folder").onclick = () => $("folder").click();
for (const id of ["files", "folder"]) {
    $(id).onchange = ({ target }) => {
        take([...target.files]);
        target.value = "";
    };
}
acceptDrops((files) => take([...files]));

function describeModel() {
    const model = models.find(({ name }) => name === $("model").value);
    if (model) $("model-text").textContent = `For ${model.input ?? "pictures and volumes"}: ${model.classes.map(({ name }) => name).join(", ")}`;
}
$("model").onchange = describeModel;

async function begin() {
    $("opacity").oninput({ target: $("opacity") });
    try {
        models = (await json("v1/models")).models;
        $("model").replaceChildren(...models.map(({ name }) => make("option", { value: name }, name)));
        describeModel();
        const { jobs } = await json("v1/jobs");
        forgetNames((id) => jobs.some((job) => job.id === id));
        for (const job of jobs) {
            entries.set(job.id, { ...job, kind: "job", name: nameOf(job.id) });
            watch(job.id);
        }
        for (const job of jobs.filter(({ state }) => state === "done")) json(`v1/jobs/${job.id}`).then((whole) => change(job.id, whole), refuse);
    } catch (error) {
        refuse(error);
    }
    for (const picture of await pictures.list()) {
        entries.set(picture.id, picture);
        if (picture.state === "running") segment(picture);
    }
    refresh();
}

begin();
