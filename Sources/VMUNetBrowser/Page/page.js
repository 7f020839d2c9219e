// The page: opens files, shows their results, and saves them. A worker
// does the work.

import { $, announce } from "./app/dom.js";
import { Engine, EngineProblem } from "./app/engine.js";
import { count, percent } from "./app/format.js";
import { Items } from "./app/items.js";
import { showList } from "./app/list.js";
import { keepForOffline } from "./app/offline.js";
import { acceptFiles } from "./app/opening.js";
import { showPanel, showWeights } from "./app/panel.js";
import { PictureView } from "./app/picture-view.js";
import { Saver } from "./app/save.js";
import { missingFeature } from "./app/support.js";
import { VolumeView } from "./app/volume-view.js";

const engine = new Engine(), items = new Items(engine), saver = new Saver(engine);
const view = new PictureView($("view"), [...document.querySelectorAll(".pane")], (scale) => ($("zoom-text").textContent = percentOf(scale)));
const volumeView = new VolumeView($("volume"));
/** The network's description, once weights are there. */
let weights = null;
/** Why there are none: {message, remedy, kind}. */
let problem = null;
let shipped = null;

const settings = {
    threshold: 0.5,
    opacity: 0.25,
    hidden: new Set(),
    toggle(label, isHidden) {
        if (isHidden) this.hidden.add(label);
        else this.hidden.delete(label);
        view.setStyle({ hidden: this.hidden });
        volumeView.setStyle({ hidden: this.hidden });
    },
};

const percentOf = (scale) => `${scale < 0.1 ? (100 * scale).toFixed(1) : Math.round(100 * scale)}%`;

// MARK: What is shown

function refresh() {
    const item = items.current, isVolume = item?.kind === "volume";
    const failure = item?.state === "failed" ? item.problem : item && problem, hasFailed = Boolean(failure);
    const isBusy = !hasFailed && (item?.state === "running" || item?.state === "waiting");
    const focused = document.activeElement;
    document.body.dataset.view = item ? item.kind : "empty";
    $("empty").hidden = Boolean(item);
    $("add").hidden = !item;
    $("picture").hidden = !item || isVolume || hasFailed;
    $("volume").hidden = !isVolume || hasFailed || !item.shown;
    $("running").hidden = !isBusy;
    $("failed").hidden = !hasFailed;
    if (isBusy) showProgress(item);
    if (hasFailed) {
        $("failed-text").textContent = failure.message;
        $("failed-remedy").textContent = failure.remedy ?? "";
        $("failed-weights").hidden = problem ? problem.kind === "code" : !/weights/i.test(`${failure.message} ${failure.remedy}`);
        $("failed-again").hidden = !problem && failure.kind !== "stopped";
    }
    $("empty-problem").hidden = !problem;
    $("empty-weights").hidden = problem?.kind === "code";
    $("empty-problem-text").textContent = problem ? `${problem.message} ${problem.remedy}` : "";
    if (isVolume) {
        volumeView.setVolume(hasFailed ? null : item.shown ?? null);
        volumeView.setLabels(item.volume?.labels ?? null);
    } else {
        view.setFound(item?.found && (item.found.classes === 1 || item.labels) ? { ...item.found, labels: item.labels ?? undefined } : null);
    }
    showPanel(item, settings, weights);
    describeView(item);
    // The reader's place on the page is not lost with the button that was pressed.
    if (focused !== document.body && !focused.checkVisibility()) $("stage").focus();
}

function showProgress(item) {
    const isStarting = !weights, bar = $("progress"), share = isStarting ? loadingShare : item.share;
    $("running-text").textContent = isStarting ? "Loading the network…" : item.state === "waiting" ? "Waiting…" : item.kind === "volume" ? "Segmenting slices…" : "Segmenting…";
    if (share === null || share === undefined) bar.removeAttribute("value");
    else bar.value = share;
    $("cancel").hidden = item.state !== "running";
}

/** Words for those who do not see the picture. */
function describeView(item) {
    const canvas = document.querySelector(".pane canvas");
    if (item?.state !== "done" || item.kind === "volume") return canvas.setAttribute("aria-label", item ? `Picture ${item.name}` : "Picture");
    const share = percent(1 - item.counts[0] / (item.width * item.height));
    canvas.setAttribute("aria-label", `Picture ${item.name}; the outline holds ${share} of it`);
}

const savable = () => items.list.filter((item) => item.kind === "picture" && item.state === "done");
const showSaveAll = () => ($("save-all").hidden = savable().length < 2);

let announced = null;
items.addEventListener("select", ({ detail: item }) => {
    showStatus();
    view.setPicture(null);
    if (!item) announced = null;
    refresh();
});
items.addEventListener("change", ({ detail: item }) => {
    showSaveAll();
    if (!item) showStatus();
    if (item && item !== items.current) return;
    refresh();
    if (!item || announced === item.state + item.id) return;
    announced = item.state + item.id;
    if (item.state === "done") announce(item.kind === "volume" ? `${item.name} is segmented` : `${item.name} is segmented: ${percent(1 - item.counts[0] / (item.width * item.height))}, ${count(item.width * item.height - item.counts[0])} pixels`);
});
items.showBitmap = ({ width, height }, bitmap) => {
    view.setPicture({ width, height, bitmap });
    refresh();
};
showList(items);

// MARK: Settings

/** Sets a slider, the text beside it, and the part of its line that is filled. */
function setSlider(id, value, text) {
    const slider = $(id), { min, max } = slider;
    slider.value = value;
    slider.style.setProperty("--share", (value - min) / (max - min));
    $(`${id}-text`).textContent = text;
}

function setThreshold(value) {
    settings.threshold = value;
    items.threshold = value;
    setSlider("threshold", value, value.toFixed(2));
    view.setStyle({ threshold: value });
    clearTimeout(setThreshold.timer);
    setThreshold.timer = setTimeout(() => items.count(value), 120);
}

function setOpacity(value) {
    settings.opacity = value;
    setSlider("opacity", value, `${Math.round(100 * value)}%`);
    view.setStyle({ opacity: value });
    volumeView.setStyle({ opacity: value });
}

$("threshold").oninput = ({ target }) => setThreshold(Number(target.value));
$("opacity").oninput = ({ target }) => setOpacity(Number(target.value));
for (const input of document.querySelectorAll("input[name=mode]")) input.onchange = () => view.setStyle({ mode: input.value });
$("window").onchange = ({ target }) => {
    items.window = target.value === "" ? null : target.value.includes(",") ? target.value.split(",").map(Number) : target.value;
    items.ready();
};
$("zoom-in").onclick = () => view.zoomBy(1.25);
$("zoom-out").onclick = () => view.zoomBy(1 / 1.25);
$("zoom-fit").onclick = () => view.fit();
$("cancel").onclick = () => items.stop(items.current);

// MARK: Saving

async function saving(button, work) {
    button.disabled = true;
    showStatus();
    try {
        await work();
    } catch (error) {
        setStatus("failed", error.message);
    }
    button.disabled = false;
}

$("save-mask").onclick = ({ target }) => saving(target, () => (items.current.kind === "volume" ? saver.labels(items.current) : saver.mask(items.current, settings)));
$("save-overlay").onclick = ({ target }) => saving(target, () => saver.overlay(items.current, settings));
$("save-all").onclick = ({ target }) => saving(target, () => saver.masks(savable(), settings));

// MARK: Weights

function setStatus(state, text) {
    $("status").dataset.state = state;
    $("status-text").textContent = text;
}

/** How the network is; a message of something that went wrong goes with the reader's next step. */
function showStatus() {
    if (loading > 0) return;
    if (weights) setStatus("ready", weights.threads > 1 ? `Ready, ${weights.threads} threads` : "Ready");
    else if (problem) setStatus("failed", problem.message);
}

let loadingShare = null;
/** Weights that are being loaded. */
let loading = 0;

/** Loads weights. If there are none, what went wrong is shown in the picture's place, too. */
async function attempt(load) {
    problem = null;
    loading++;
    setStatus("starting", "Loading the network…");
    refresh();
    try {
        await load();
    } catch (error) {
        if (!(error instanceof EngineProblem)) console.error(error);
        const { message, remedy = "", kind } = error;
        if (!weights) problem = { message, remedy, kind };
        setStatus("failed", [message, remedy].join(" "));
        if (!problem) announce(`${message} ${remedy}`);
        refresh();
        return false;
    } finally {
        loading--;
    }
    problem = null;
    showStatus();
    items.ready();
    return true;
}

const loadWeights = (source, name) => attempt(() => fetchWeights(source, name));

async function fetchWeights(source, name) {
    weights = await engine.load(source, ({ share }) => {
        loadingShare = share;
        setStatus("starting", `Loading the network, ${Math.round(100 * share)}%`);
        if (items.current && !weights) showProgress(items.current);
    });
    settings.hidden.clear();
    setThreshold(weights.threshold);
    showWeights(weights, name, !(source instanceof File));
}

const chooseWeights = () => $("weights-file").click();
$("choose-weights").onclick = chooseWeights;
$("failed-weights").onclick = chooseWeights;
$("shipped-weights").onclick = () => (shipped ? loadWeights({ address: shipped.address }, shipped.name) : start());
$("weights-file").onchange = ({ target }) => {
    if (target.files[0]) loadWeights(target.files[0], target.files[0].name);
    target.value = "";
};

// MARK: Beginning

acceptFiles({
    open: (files) => items.add(files, true),
    weights: (file) => loadWeights(file, file.name),
});
$("example").onclick = async () => {
    const response = await fetch(new URL("example.jpg", import.meta.url)).catch(() => null);
    if (!response?.ok) return setStatus("failed", "The example could not be loaded. Check the connection and try again.");
    items.add([new File([await response.blob()], "example.jpg", { type: "image/jpeg" })], true);
};

async function begin() {
    $("not-started").hidden = true;
    setOpacity(settings.opacity);
    setThreshold(settings.threshold);
    const missing = missingFeature();
    if (missing) {
        setStatus("failed", missing);
        $("empty-text").textContent = missing;
        for (const id of ["choose", "example", "add"]) $(id).disabled = true;
        return;
    }
    await start();
}

/** The page's own weights. Without them, it takes those of the reader. */
async function start() {
    let page = null;
    const isStarted = await attempt(async () => {
        page = await fetchPage();
        if (page.server) [$("on-server").href, $("on-server").hidden] = [page.server, false];
        shipped = { address: new URL(page.weights, import.meta.url).href, name: page.weights.split("/").pop() };
        await fetchWeights({ address: shipped.address }, shipped.name);
    });
    if (isStarted && (await keepForOffline(page.version))) $("offline").hidden = false;
}

/** The list of the page's files. */
async function fetchPage() {
    const response = await fetch(new URL("page.json", import.meta.url), { cache: "no-cache" }).catch(() => null);
    const page = response?.ok ? await response.json().catch(() => null) : null;
    if (typeof page?.weights === "string") return page;
    const text = `The page’s list of its files, page.json, could not be loaded${response && !response.ok ? ` (status ${response.status})` : ""}.`;
    throw new EngineProblem({ text, remedy: "Check the connection and try again, or choose weights of your own." });
}

$("empty-again").onclick = start;
$("failed-again").onclick = () => (problem ? start() : items.again(items.current));
$("empty-weights").onclick = chooseWeights;
begin();
