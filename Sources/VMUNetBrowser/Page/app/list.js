// The list of opened files, each with a small picture and its progress.

import { $, make } from "./dom.js";
import { percent, millilitres } from "./format.js";

/** A word or a figure about an item. */
function note(item) {
    switch (item.state) {
        case "waiting": return "Waiting";
        case "running": return "Segmenting…";
        case "failed": return "Not segmented";
    }
    if (item.kind === "volume") return millilitres(item.volume.millilitres.slice(1).reduce((sum, value) => sum + value, 0));
    const background = item.counts[0], all = item.width * item.height;
    return percent(1 - background / all);
}

/** Keeps the list of `items` on the page. */
export function showList(items) {
    const rows = new Map();

    function row(item) {
        const canvas = make("canvas", { width: 112, height: 112, "aria-hidden": "true" });
        const title = make("span", { className: "title", textContent: item.name, title: item.name });
        const text = make("span", { className: "note" });
        const progress = make("progress", { max: 1, "aria-label": `Progress of ${item.name}`, hidden: true });
        const open = make("button", { className: "open", type: "button", onclick: () => items.select(item) }, canvas, title, text, progress);
        const remove = make("button", { className: "remove", type: "button", textContent: "×", "aria-label": `Close ${item.name}` });
        const element = make("li", { className: "item" }, open, remove);
        remove.onclick = () => {
            const next = element.nextElementSibling ?? element.previousElementSibling;
            items.remove(item);
            (next?.querySelector(".open") ?? $("choose")).focus();
        };
        return { element, canvas, open, text, progress, painted: null };
    }

    function update(item) {
        if (!rows.has(item)) rows.set(item, row(item));
        const { element, canvas, open, text, progress } = rows.get(item), isRunning = item.state === "running";
        element.dataset.state = item.state;
        open.setAttribute("aria-current", String(item === items.current));
        text.textContent = note(item);
        text.hidden = isRunning;
        progress.hidden = !isRunning;
        if (item.share === null) progress.removeAttribute("value");
        else progress.value = item.share;
        if (item.small && rows.get(item).painted !== item.small) {
            rows.get(item).painted = item.small;
            paint(canvas, item.small);
        }
    }

    /** The middle of a small picture, as a square. */
    function paint(canvas, small) {
        const side = Math.min(small.width, small.height), [x, y] = [(small.width - side) / 2, (small.height - side) / 2];
        canvas.getContext("2d").drawImage(small, x, y, side, side, 0, 0, canvas.width, canvas.height);
    }

    function refresh() {
        for (const [item, { element }] of rows) {
            if (items.list.includes(item)) continue;
            element.remove();
            item.small?.close();
            rows.delete(item);
        }
        for (const item of items.list) {
            update(item);
            if (!rows.get(item).element.isConnected) $("list").append(rows.get(item).element);
        }
        $("pictures").hidden = items.list.length === 0;
    }

    /** Scrolls the list, and nothing else, to the current entry. */
    function showCurrent() {
        const list = $("pictures"), element = rows.get(items.current)?.element;
        if (!element) return;
        const outer = list.getBoundingClientRect(), inner = element.getBoundingClientRect();
        const needed = (from, to, least, most) => (from < least ? from - least : Math.max(0, to - most));
        list.scrollBy(needed(inner.left, inner.right, outer.left, outer.right), needed(inner.top, inner.bottom, outer.top, outer.bottom));
    }

    items.addEventListener("change", ({ detail: item }) => (item && rows.has(item) && items.list.includes(item) ? update(item) : refresh()));
    items.addEventListener("select", () => {
        refresh();
        showCurrent();
    });
}
