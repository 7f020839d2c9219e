/** The element with an id. */
export const $ = (id) => document.getElementById(id);

/** A new element; `properties` are set on it, those with a dash as attributes. */
export function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
        if (name.includes("-") || name === "role") element.setAttribute(name, value);
        else element[name] = value;
    }
    element.append(...children);
    return element;
}

/** Says a short text to those who hear the page instead of seeing it. */
export function announce(text) {
    $("announcements").textContent = text;
}

/** Runs `draw` before the next frame, once, however often it was asked for. */
export function beforeNextFrame(draw) {
    let isAsked = false;
    return () => {
        if (isAsked) return;
        isAsked = true;
        requestAnimationFrame(() => {
            isAsked = false;
            draw();
        });
    };
}
