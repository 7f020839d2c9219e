// A volume in three planes, as radiologists look at it: the patient's right on the left, the front
// and the head at the top. If nothing says how its voxels lie, the planes show it as it is stored,
// and name no side.

import { beforeNextFrame, make } from "./dom.js";
import { drawOverlay } from "./overlay.js";
import { followPointing } from "./pointers.js";

const [right, anterior, superior] = [0, 1, 2];
/**
 * Directions of the patient: across, down (as the screen counts), and through each plane. Letters
 * stand at the edges. `stored` is the name of the plane of a volume without directions.
 */
const planes = [
    { name: "Axial", stored: "Slices", across: right, down: anterior, through: superior, edges: ["R", "L", "A", "P"] },
    { name: "Coronal", stored: "Rows", across: right, down: superior, through: anterior, edges: ["R", "L", "S", "I"] },
    { name: "Sagittal", stored: "Columns", across: anterior, down: superior, through: right, edges: ["A", "P", "S", "I"] },
];

export class VolumeView {
    #volume = null;
    #labels = null;
    #style = { opacity: 0.4, hidden: new Set() };
    /** The place looked at: voxels along right, anterior, superior. */
    #place = [0, 0, 0];
    /**
     * Size, distance in memory, spacing and sense of the voxel axis along each of those; and whether
     * the screen runs against it: to the left, back and down, or as stored, with the last slice at
     * the top.
     */
    #axes = [];
    #planes;

    constructor(container) {
        this.redraw = beforeNextFrame(() => this.#draw());
        this.#planes = planes.map((plane) => this.#build(container, plane));
        new ResizeObserver(() => this.redraw()).observe(container);
    }

    /** Shows a volume, {width, height, depth, spacing, axes, isPlaced, grey}; null for none. */
    setVolume(volume) {
        if (volume === this.#volume) return;
        this.#volume = volume;
        this.#labels = null;
        if (!volume) return;
        const sizes = [volume.width, volume.height, volume.depth], strides = [1, volume.width, volume.width * volume.height];
        this.#axes = volume.axes.map(({ axis, isForward }, direction) => ({ size: sizes[axis], stride: strides[axis], spacing: volume.spacing[axis], isForward, isReversed: volume.isPlaced || direction === superior }));
        this.#place = this.#axes.map(({ size }) => size >> 1);
        for (const { plane, slider, label, canvas, edges } of this.#planes) {
            slider.max = this.#axes[plane.through].size - 1;
            label.textContent = volume.isPlaced ? plane.name : plane.stored;
            canvas.setAttribute("aria-label", `${label.textContent} plane`);
            for (const edge of edges) edge.hidden = !volume.isPlaced;
        }
        this.redraw();
    }

    /** One label per voxel, in the volume's own order; null for none. */
    setLabels(labels) {
        if (labels === this.#labels) return;
        this.#labels = labels;
        this.redraw();
    }

    setStyle(change) {
        Object.assign(this.#style, change);
        this.redraw();
    }

    /** Goes to the slice of each plane that holds most of what was found. */
    goToLargest() {
        if (!this.#labels) return;
        this.#place = this.#axes.map((axis, direction) => {
            const sums = new Float64Array(axis.size), others = this.#axes.filter((_, other) => other !== direction);
            for (let i = 0; i < axis.size; i++) {
                for (let a = 0; a < others[0].size; a++) {
                    let at = i * axis.stride + a * others[0].stride;
                    for (let b = 0; b < others[1].size; b++, at += others[1].stride) if (this.#labels[at] > 0) sums[i]++;
                }
            }
            const best = sums.reduce((most, sum, i) => (sum > sums[most] ? i : most), 0);
            return sums[best] > 0 ? (axis.isForward ? best : axis.size - 1 - best) : axis.size >> 1;
        });
        this.redraw();
    }

    #build(container, plane) {
        const canvas = make("canvas", { role: "img", "aria-label": `${plane.name} plane` });
        const text = make("output", {});
        const slider = make("input", { type: "range", min: 0, max: 0, step: 1, id: `slice-${plane.name.toLowerCase()}` });
        const label = make("label", { htmlFor: slider.id, textContent: plane.name });
        const edges = plane.edges.map((letter, i) => make("span", { className: `edge ${["left", "right", "above", "below"][i]}`, textContent: letter, "aria-hidden": "true" }));
        const frame = make("div", { className: "frame" }, canvas, ...edges);
        container.append(make("figure", { className: `plane ${plane.name.toLowerCase()}` }, frame, make("figcaption", {}, label, slider, text)));
        slider.oninput = () => {
            this.#place[plane.through] = Number(slider.value);
            this.redraw();
        };
        const built = { plane, frame, canvas, slider, label, edges, text, layout: null };
        followPointing(frame, {
            point: (x, y) => this.#point(built, x, y),
            step: (steps) => {
                this.#place[plane.through] = Math.min(Math.max(this.#place[plane.through] + steps, 0), this.#axes[plane.through].size - 1);
                this.redraw();
            },
        });
        return built;
    }

    /** Moves the cross to a place of a plane, in CSS pixels. */
    #point({ plane, layout }, x, y) {
        if (!layout) return;
        const set = (direction, share) => {
            const axis = this.#axes[direction];
            this.#place[direction] = onScreen(axis, Math.min(Math.max(Math.floor(share * axis.size), 0), axis.size - 1));
        };
        set(plane.across, (x * devicePixelRatio - layout.x) / layout.width);
        set(plane.down, (y * devicePixelRatio - layout.y) / layout.height);
        this.redraw();
    }

    #draw() {
        if (!this.#volume) return;
        for (const built of this.#planes) this.#drawPlane(built);
    }

    #drawPlane(built) {
        const { plane, frame, canvas, slider, text } = built;
        const across = this.#axes[plane.across], down = this.#axes[plane.down], through = this.#axes[plane.through];
        const index = this.#place[plane.through];
        slider.value = index;
        slider.style.setProperty("--share", index / Math.max(1, through.size - 1));
        text.textContent = `${index + 1} / ${through.size}`;
        slider.setAttribute("aria-valuetext", `slice ${index + 1} of ${through.size}`);

        const width = Math.max(1, Math.round(frame.clientWidth * devicePixelRatio)), height = Math.max(1, Math.round(frame.clientHeight * devicePixelRatio));
        if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
        const millimetre = Math.min(width / (across.size * across.spacing), height / (down.size * down.spacing));
        const scale = millimetre * across.spacing, scaleY = millimetre * down.spacing;
        const x = (width - scale * across.size) / 2, y = (height - scaleY * down.size) / 2;
        built.layout = { x, y, width: scale * across.size, height: scaleY * down.size };

        const context = canvas.getContext("2d"), slice = this.#slice(across, down, through, index);
        context.clearRect(0, 0, width, height);
        context.imageSmoothingQuality = "high";
        context.drawImage(slice.grey, x, y, built.layout.width, built.layout.height);
        if (slice.labels) {
            const found = { width: across.size, height: down.size, labels: slice.labels };
            const style = { ...this.#style, lineWidth: Math.max(1, Math.round(1.5 * devicePixelRatio)), isMask: false };
            const layer = new OffscreenCanvas(width, height);
            layer.getContext("2d").putImageData(drawOverlay(found, { scale, scaleY, x, y }, width, height, style), 0, 0);
            context.drawImage(layer, 0, 0);
        }
        this.#drawCross(context, built, scale, scaleY);
    }

    #drawCross(context, { plane, layout }, scale, scaleY) {
        const along = (direction, size) => (onScreen(this.#axes[direction], this.#place[direction]) + 0.5) * size;
        const x = Math.round(layout.x + along(plane.across, scale)) + 0.5, y = Math.round(layout.y + along(plane.down, scaleY)) + 0.5;
        const gap = 10 * devicePixelRatio, { width, height } = context.canvas;
        context.strokeStyle = "rgb(255 255 255 / 45%)";
        context.lineWidth = 1;
        context.beginPath();
        // Not through the letters, which stand in the middle of the frame's edges.
        const [left, top] = [[y, height], [x, width]].map(([place, size]) => (this.#volume.isPlaced && Math.abs(place - size / 2) < 14 * devicePixelRatio ? 26 * devicePixelRatio : 0));
        const begin = [Math.max(layout.x, left), Math.max(layout.y, top)], end = [Math.min(layout.x + layout.width, width - left), Math.min(layout.y + layout.height, height - top)];
        for (const [from, to] of [[begin[0], x - gap], [x + gap, end[0]]]) if (to > from) context.moveTo(from, y), context.lineTo(to, y);
        for (const [from, to] of [[begin[1], y - gap], [y + gap, end[1]]]) if (to > from) context.moveTo(x, from), context.lineTo(x, to);
        context.stroke();
    }

    /** A slice as the screen has it: a canvas of greys, and its labels. */
    #slice(across, down, through, index) {
        const { grey } = this.#volume, labels = this.#labels, { size: width } = across, { size: height } = down;
        const start = (axis, place) => (axis.isForward ? place : axis.size - 1 - place) * axis.stride;
        const step = (axis) => (axis.isForward === axis.isReversed ? -axis.stride : axis.stride);
        const origin = start(through, index) + start(across, onScreen(across, 0)) + start(down, onScreen(down, 0));
        const canvas = new OffscreenCanvas(width, height), image = new ImageData(width, height), words = new Uint32Array(image.data.buffer);
        const found = labels ? new Uint8Array(width * height) : null;
        for (let y = 0, to = 0; y < height; y++) {
            for (let x = 0, at = origin + y * step(down); x < width; x++, to++, at += step(across)) {
                words[to] = 0xff000000 | (grey[at] * 0x010101);
                if (found) found[to] = labels[at];
            }
        }
        canvas.getContext("2d").putImageData(image, 0, 0);
        return { grey: canvas, labels: found };
    }
}

/** The place along the screen of a place along an axis, and the other way round. */
function onScreen({ size, isReversed }, place) {
    return isReversed ? size - 1 - place : place;
}
