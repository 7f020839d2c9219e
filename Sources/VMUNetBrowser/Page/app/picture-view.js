// A picture with its outline, in one pane or in two side by side that move together. Wheel,
// fingers, keys and buttons zoom and move.

import { beforeNextFrame } from "./dom.js";
import { drawOverlay } from "./overlay.js";
import { followPointers } from "./pointers.js";

const zoomStep = 1.25;
/** Pixels of the screen for a pixel of the picture, at most. */
const largestScale = 32;
const moveStep = 64;
/** CSS pixels left free around a fitted picture. */
const margin = 16;

export class PictureView {
    /** A picture's bitmap and its size in pixels, which may be more than the bitmap's. */
    #picture = null;
    /** The result: see `drawOverlay`. Null until there is one. */
    #found = null;
    #style = { threshold: 0.5, opacity: 0.25, mode: "outline", isHidden: false, hidden: new Set() };
    /** Pixels of the screen (not of CSS) a pixel of the picture, and the place of the picture's corner. Null: fitted. */
    #view = null;
    #panes;

    /** `panes` are elements of two canvases each: the picture, and its overlay; `onZoom` is told the scale. */
    constructor(container, panes, onZoom) {
        this.#panes = panes.map((element) => ({ element, canvases: [...element.querySelectorAll("canvas")] }));
        this.container = container;
        this.onZoom = onZoom;
        this.redraw = beforeNextFrame(() => this.#draw());
        new ResizeObserver(() => this.redraw()).observe(container);
        for (const pane of this.#panes) {
            followPointers(pane.element, {
                move: (dx, dy) => this.#moveBy(dx * devicePixelRatio, dy * devicePixelRatio),
                zoom: (factor, x, y) => this.zoomBy(factor, x * devicePixelRatio, y * devicePixelRatio),
                reset: () => this.fit(),
            });
        }
        container.addEventListener("keydown", (event) => this.#key(event));
        container.addEventListener("keyup", (event) => event.key === "h" && this.setStyle({ isHidden: false }));
        container.addEventListener("blur", () => this.setStyle({ isHidden: false }));
    }

    /** Shows another picture, fitted; null for none. */
    setPicture(picture) {
        if (this.#picture && this.#picture.bitmap !== picture?.bitmap) this.#picture.bitmap.close();
        this.#picture = picture;
        this.#found = null;
        this.fit();
    }

    setFound(found) {
        this.#found = found;
        this.redraw();
    }

    setStyle(change) {
        Object.assign(this.#style, change);
        this.container.dataset.mode = this.#style.mode;
        this.#panes[1].element.hidden = this.#style.mode !== "compare";
        this.redraw();
    }

    fit() {
        this.#view = null;
        this.redraw();
    }

    /** Zooms about a place of a pane, in pixels of the screen; about its centre where none is given. */
    zoomBy(factor, x, y) {
        if (!this.#picture) return;
        const { width, height } = this.#paneSize(), view = this.#current(), fitted = this.#fitted().scale;
        const [px, py] = [x ?? width / 2, y ?? height / 2];
        const scale = Math.min(Math.max(view.scale * factor, Math.min(fitted, 1) / 2), Math.max(largestScale, fitted));
        const ratio = scale / view.scale;
        this.#view = this.#clamped({ scale, x: px - (px - view.x) * ratio, y: py - (py - view.y) * ratio });
        this.redraw();
    }

    #moveBy(dx, dy) {
        if (!this.#picture) return;
        const view = this.#current();
        this.#view = this.#clamped({ scale: view.scale, x: view.x + dx, y: view.y + dy });
        this.redraw();
    }

    #key(event) {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const actions = {
            "+": () => this.zoomBy(zoomStep), "=": () => this.zoomBy(zoomStep), "-": () => this.zoomBy(1 / zoomStep), "0": () => this.fit(),
            ArrowLeft: () => this.#moveBy(moveStep, 0), ArrowRight: () => this.#moveBy(-moveStep, 0),
            ArrowUp: () => this.#moveBy(0, moveStep), ArrowDown: () => this.#moveBy(0, -moveStep),
            h: () => this.setStyle({ isHidden: true }),
        };
        if (!actions[event.key]) return;
        event.preventDefault();
        actions[event.key]();
    }

    #paneSize() {
        const { clientWidth, clientHeight } = this.#panes[0].element;
        return { width: Math.max(1, Math.round(clientWidth * devicePixelRatio)), height: Math.max(1, Math.round(clientHeight * devicePixelRatio)) };
    }

    #fitted() {
        const { width, height } = this.#paneSize(), picture = this.#picture;
        const free = 2 * Math.min(margin * devicePixelRatio, width / 8, height / 8);
        const scale = Math.min((width - free) / picture.width, (height - free) / picture.height, 8 * devicePixelRatio);
        return { scale, x: (width - picture.width * scale) / 2, y: (height - picture.height * scale) / 2 };
    }

    #current() {
        return this.#view ?? this.#fitted();
    }

    /** Keeps at least the middle of the pane on the picture. */
    #clamped({ scale, x, y }) {
        const { width, height } = this.#paneSize(), picture = this.#picture;
        const within = (value, size, extent) => Math.min(Math.max(value, size / 2 - extent * scale), size / 2);
        return { scale, x: within(x, width, picture.width), y: within(y, height, picture.height) };
    }

    #draw() {
        const { width, height } = this.#paneSize(), picture = this.#picture, { mode, isHidden } = this.#style;
        const view = picture ? this.#current() : null;
        this.#panes.forEach((pane, index) => {
            if (pane.element.hidden) return;
            for (const canvas of pane.canvases) if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
            this.#drawPicture(pane.canvases[0], view);
            // Side by side, the left one is the picture as it is.
            const hasOverlay = this.#found && !isHidden && (mode !== "compare" || index === 1);
            this.#drawFound(pane.canvases[1], hasOverlay ? view : null);
        });
        if (view) this.onZoom(view.scale / devicePixelRatio);
    }

    #drawPicture(canvas, view) {
        const context = canvas.getContext("2d");
        context.clearRect(0, 0, canvas.width, canvas.height);
        if (!view) return;
        context.imageSmoothingEnabled = view.scale < 4;
        context.imageSmoothingQuality = "high";
        context.drawImage(this.#picture.bitmap, view.x, view.y, this.#picture.width * view.scale, this.#picture.height * view.scale);
    }

    #drawFound(canvas, view) {
        const context = canvas.getContext("2d"), { threshold, opacity, mode, hidden } = this.#style;
        if (!view) return context.clearRect(0, 0, canvas.width, canvas.height);
        const style = { threshold, opacity, hidden, isMask: mode === "mask", lineWidth: Math.max(2, Math.round(2 * devicePixelRatio)) };
        context.putImageData(drawOverlay(this.#found, view, canvas.width, canvas.height, style), 0, 0);
    }
}
