/**
 * Follows mouse, pen and fingers on an element: dragging moves, the wheel and two fingers zoom
 * about where they are, a double click resets. Places and distances are in CSS pixels of the
 * element.
 */
export function followPointers(element, { move, zoom, reset }) {
    const pointers = new Map();

    const place = (event) => placeIn(element, event);
    const centre = () => {
        const all = [...pointers.values()];
        return [0, 1].map((axis) => all.reduce((sum, point) => sum + point[axis], 0) / all.length);
    };
    const spread = () => {
        const [a, b] = [...pointers.values()];
        return b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0;
    };

    element.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        element.setPointerCapture(event.pointerId);
        pointers.set(event.pointerId, place(event));
        element.dataset.dragging = "";
    });
    element.addEventListener("pointermove", (event) => {
        if (!pointers.has(event.pointerId)) return;
        const [before, distance] = [centre(), spread()];
        pointers.set(event.pointerId, place(event));
        const [after, now] = [centre(), spread()];
        move(after[0] - before[0], after[1] - before[1]);
        if (distance > 0 && now > 0) zoom(now / distance, ...after);
    });
    const end = (event) => {
        if (!pointers.delete(event.pointerId)) return;
        if (pointers.size === 0) delete element.dataset.dragging;
    };
    element.addEventListener("pointerup", end);
    element.addEventListener("pointercancel", end);
    element.addEventListener("wheel", (event) => {
        event.preventDefault();
        zoom(Math.exp(-Math.min(Math.max(pixels(event), -200), 200) / (event.ctrlKey ? 100 : 400)), ...place(event));
    }, { passive: false });
    element.addEventListener("dblclick", () => reset());
}

/** Follows a pointer that points at a place, {point}, and the wheel as steps up and down. */
export function followPointing(element, { point, step }) {
    element.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        element.setPointerCapture(event.pointerId);
        point(...placeIn(element, event));
    });
    element.addEventListener("pointermove", (event) => {
        if (element.hasPointerCapture(event.pointerId)) point(...placeIn(element, event));
    });
    let rest = 0;
    element.addEventListener("wheel", (event) => {
        event.preventDefault();
        rest -= pixels(event) / 40;
        const steps = Math.trunc(rest);
        rest -= steps;
        if (steps !== 0) step(steps);
    }, { passive: false });
}

function placeIn(element, event) {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
}

/** How far the wheel was turned, in CSS pixels. */
function pixels(event) {
    return event.deltaY * (event.deltaMode === 1 ? 16 : 1);
}
