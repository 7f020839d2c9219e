// A volume's three planes, with labels drawn on them.

import { make } from "../app/dom.js";
import { blob } from "./api.js";

const kinds = ["axial", "coronal", "sagittal"];

/** The bytes of a grey PNG. */
async function grey(image) {
    const bitmap = await createImageBitmap(image, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height), context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const { data, width, height } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    const bytes = new Uint8Array(width * height);
    for (let i = 0; i < bytes.length; i++) bytes[i] = data[4 * i];
    return { bytes, width, height };
}

/** Pixels between the image and the labels, side by side. */
export const gap = 8;

function grayscale({ bytes, width, height }) {
    const pixels = new ImageData(width, height);
    for (let i = 0; i < bytes.length; i++) pixels.data.set([bytes[i], bytes[i], bytes[i], 255], 4 * i);
    return pixels;
}

export class Planes {
    /** `place` is the element to fill. */
    constructor(place) {
        this.place = place;
        this.style = { opacity: 0.45, hidden: new Set(), mode: "overlay" };
        this.planes = [];
    }

    /** Shows a finished job, or nothing for null. */
    show(job) {
        if (this.job?.id === job?.id) return;
        this.job = job;
        this.planes = [];
        this.place.replaceChildren();
        if (!job) return;
        const { shape, spacing, center, is_oriented: isOriented } = job.result, space = spacing ?? { depth: 1, height: 1, width: 1 };
        const counts = [shape.depth, shape.height, shape.width];
        const ratios = [space.height / space.width, space.depth / space.width, space.depth / space.height];
        kinds.forEach((kind, axis) => {
            const title = isOriented ? kind[0].toUpperCase() + kind.slice(1) : ["Slices", "Rows", "Columns"][axis];
            const canvas = make("canvas", { role: "img" }), number = make("output");
            const slider = make("input", { type: "range", min: 0, max: counts[axis] - 1, step: 1, value: center[axis], "aria-label": `${title} plane` });
            const plane = { kind, canvas, number, slider, title, ratio: ratios[axis], count: counts[axis], asked: 0, drawn: null };
            slider.oninput = () => this.load(plane);
            canvas.onwheel = (event) => {
                event.preventDefault();
                slider.value = Number(slider.value) + Math.sign(event.deltaY);
                this.load(plane);
            };
            this.place.append(make("div", { className: `plane ${kind}` }, make("h3", {}, title), make("div", { className: "frame" }, canvas), make("label", {}, slider, number)));
            this.planes.push(plane);
            this.load(plane);
        });
    }

    setStyle(style) {
        Object.assign(this.style, style);
        for (const plane of this.planes) this.draw(plane);
    }

    /** Fetches a plane. While one is under way, only the latest request waits. */
    async load(plane) {
        plane.number.textContent = `${Number(plane.slider.value) + 1} / ${plane.count}`;
        plane.slider.setAttribute("aria-valuetext", `${Number(plane.slider.value) + 1} of ${plane.count}`);
        plane.wanted = Number(plane.slider.value);
        plane.slider.style.setProperty("--share", plane.count > 1 ? plane.wanted / (plane.count - 1) : 1);
        if (plane.isLoading) return;
        plane.isLoading = true;
        const { id } = this.job;
        try {
            while (plane.at !== plane.wanted && this.job?.id === id) {
                const index = plane.wanted, path = (layer) => `v1/jobs/${id}/view/${layer}/${plane.kind}/${index}`;
                const [image, labels] = await Promise.all([blob(path("image"), "image/png").then(grey), blob(path("labels"), "image/png").then(grey)]);
                plane.at = index;
                plane.drawn = { image, labels };
                this.draw(plane);
            }
        } catch (error) {
            plane.canvas.setAttribute("aria-label", error.message);
        } finally {
            plane.isLoading = false;
        }
    }

    draw(plane) {
        if (!plane.drawn || !this.job) return;
        const { image, labels } = plane.drawn, { opacity, hidden, mode } = this.style;
        const colors = new Map(this.job.result.labels.filter(({ label }) => !hidden.has(label)).map(({ label, color }) => [label, color]));
        const pixels = new ImageData(image.width, image.height), seen = new Set();
        for (let i = 0; i < image.bytes.length; i++) {
            const value = image.bytes[i], color = colors.get(labels.bytes[i]);
            if (color) seen.add(labels.bytes[i]);
            for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = color ? value * (1 - opacity) + color[c] * opacity : value;
            pixels.data[4 * i + 3] = 255;
        }
        // Scale by the spacing, so that proportions are right.
        const scale = Math.max(1, Math.min(4, Math.floor(700 / Math.max(image.width, image.height))));
        const width = image.width * scale, height = Math.max(1, Math.round(image.height * scale * plane.ratio));
        const panes = mode === "compare" ? [grayscale(image), pixels] : [pixels];
        plane.canvas.width = panes.length * width + (panes.length - 1) * gap;
        plane.canvas.height = height;
        const context = plane.canvas.getContext("2d");
        context.imageSmoothingEnabled = false;
        panes.forEach((pane, place) => {
            const small = new OffscreenCanvas(image.width, image.height);
            small.getContext("2d").putImageData(pane, 0, 0);
            context.drawImage(small, place * (width + gap), 0, width, height);
        });
        const names = this.job.result.labels.filter(({ label }) => seen.has(label)).map(({ name }) => name);
        plane.canvas.setAttribute("aria-label", `${plane.title} plane ${plane.at + 1} of ${plane.count}; ${names.length ? `shows ${names.join(", ")}` : "no label"}${panes.length > 1 ? "; the image alone beside it" : ""}`);
    }
}
