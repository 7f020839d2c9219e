// Masks as the screen shows them: worked out for the pixels of the screen alone, so that threshold,
// opacity and zoom follow the hand.

/** A fixed colour for every label but 0, as the command-line tool has them (Okabe and Ito, 2008). */
const palette = [
    [86, 180, 233], [230, 159, 0], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167], [150, 150, 150],
];

/** Red, green and blue of a label from 1 on; further rounds are the same hues, darker each time. */
export function colorOf(label) {
    const round = Math.floor((label - 1) / palette.length), shade = round === 0 ? 1 : Math.max(0.25, 1 - 0.3 * round);
    return palette[(label - 1) % palette.length].map((value) => Math.floor(value * shade));
}

export const cssColor = (label) => `rgb(${colorOf(label).join(" ")})`;

/**
 * Maps a rectangle of the screen to a picture: the picture's column and row for each column and
 * row of the screen, −1 beside the picture. `view` is {scale, x, y}: screen pixels per pixel of the
 * picture, and the place of the picture's corner.
 */
function places(count, origin, scale, size) {
    return Int32Array.from({ length: count }, (_, i) => {
        const place = Math.floor((i + 0.5 - origin) / scale);
        return place >= 0 && place < size ? place : -1;
    });
}

/** PyTorch's bilinear taps (align_corners=False) of some output places; −1 stays without. */
function taps(list, from, to) {
    const scale = Math.fround(from / to), low = new Int32Array(list.length), weight = new Float32Array(list.length);
    for (let i = 0; i < list.length; i++) {
        if (list[i] < 0) continue;
        const place = from === to ? list[i] : Math.max(0, Math.fround(scale * (list[i] + 0.5) - 0.5));
        low[i] = Math.min(Math.floor(place), from - 1);
        weight[i] = Math.min(Math.max(place - low[i], 0), 1);
    }
    return { low, weight };
}

/** Labels of a rectangle of the screen; 255 beside the picture. `found` is a binary network's answer. */
function binaryLabels(found, columns, rows, threshold) {
    const { probabilities, size } = found, width = columns.length;
    const across = taps(columns, size, found.width), down = taps(rows, size, found.height);
    const labels = new Uint8Array(width * rows.length).fill(255), mixed = new Float32Array(size + 1);
    for (let y = 0; y < rows.length; y++) {
        if (rows[y] < 0) continue;
        const upper = down.low[y] * size, lower = Math.min(down.low[y] + 1, size - 1) * size, weight = down.weight[y];
        for (let i = 0; i < size; i++) mixed[i] = (1 - weight) * probabilities[upper + i] + weight * probabilities[lower + i];
        mixed[size] = mixed[size - 1];
        const to = y * width;
        for (let x = 0; x < width; x++) {
            if (columns[x] < 0) continue;
            const i = across.low[x], w = across.weight[x];
            labels[to + x] = (1 - w) * mixed[i] + w * mixed[i + 1] >= threshold ? 1 : 0;
        }
    }
    return labels;
}

function sampledLabels(found, columns, rows) {
    const width = columns.length, labels = new Uint8Array(width * rows.length).fill(255);
    for (let y = 0; y < rows.length; y++) {
        if (rows[y] < 0) continue;
        const from = rows[y] * found.width, to = y * width;
        for (let x = 0; x < width; x++) if (columns[x] >= 0) labels[to + x] = found.labels[from + columns[x]];
    }
    return labels;
}

/**
 * Marks the pixels that have another label within `reach` rows and columns; pixels outside the
 * picture never differ. Along each row, places near a change are marked; down and up each column,
 * every pixel looks for the last mark or change.
 */
function outline(labels, width, height, reach) {
    const out = new Uint8Array(width * height), near = new Uint8Array(width * height), last = new Int32Array(width);
    for (let y = 0, row = 0; y < height; y++, row += width) {
        for (let x = 1; x < width; x++) {
            const a = labels[row + x - 1], b = labels[row + x];
            if (a !== b && a !== 255 && b !== 255) near.fill(1, row + Math.max(0, x - reach), row + Math.min(width, x + reach));
        }
    }
    for (const step of [1, -1]) {
        last.fill(step > 0 ? -2 * reach : height + 2 * reach);
        for (let i = 0, y = step > 0 ? 0 : height - 1; i < height; i++, y += step) {
            const row = y * width, before = i > 0 ? row - step * width : row;
            for (let x = 0; x < width; x++) {
                const label = labels[row + x], other = labels[before + x];
                if (near[row + x] === 1) last[x] = y;
                else if (label !== other && label !== 255 && other !== 255) last[x] = y - step;
                if ((y - last[x]) * step <= reach) out[row + x] = 1;
            }
        }
    }
    return out;
}

/**
 * The overlay of a rectangle of the screen as ImageData.
 *
 * @param found {width, height} of the picture, and {probabilities, size} of a binary network or {labels} of any
 * @param view {scale, x, y} as of `places`; scaleY if pixels are not square
 * @param style {threshold, opacity, lineWidth (pixels of the screen), isMask, hidden (a set of labels)}
 */
export function drawOverlay(found, view, width, height, style) {
    // Lines begin outside the rectangle too.
    const margin = style.isMask ? 0 : style.lineWidth, full = width + 2 * margin;
    const columns = places(full, view.x + margin, view.scale, found.width);
    const rows = places(height + 2 * margin, view.y + margin, view.scaleY ?? view.scale, found.height);
    const labels = found.labels ? sampledLabels(found, columns, rows) : binaryLabels(found, columns, rows, style.threshold);
    const isOutline = style.isMask ? null : outline(labels, full, rows.length, margin);
    const image = new ImageData(width, height), words = new Uint32Array(image.data.buffer);
    const fill = new Uint32Array(256), line = new Uint32Array(256);
    const alpha = style.isMask ? 255 : Math.round(255 * style.opacity);
    for (let label = 0; label < 255; label++) {
        if (style.hidden?.has(label)) continue;
        const [red, green, blue] = label > 0 ? (style.isMask && !found.labels ? [255, 255, 255] : colorOf(label)) : [0, 0, 0];
        const color = (blue << 16) | (green << 8) | red;
        if (label > 0 || style.isMask) fill[label] = ((alpha << 24) | color) >>> 0;
        if (label > 0) line[label] = ((255 << 24) | color) >>> 0;
    }
    for (let y = 0; y < height; y++) {
        let from = (y + margin) * full + margin;
        for (let to = y * width; to < (y + 1) * width; to++, from++) {
            words[to] = isOutline?.[from] ? line[labels[from]] : fill[labels[from]];
        }
    }
    return image;
}

/** The share of each label in a picture, looked at in at most `most` places: quick, and near the exact one. */
export function estimatedShare(found, threshold, most = 65536) {
    const step = Math.max(1, Math.sqrt((found.width * found.height) / most));
    const columns = places(Math.floor(found.width / step), 0, 1 / step, found.width), rows = places(Math.floor(found.height / step), 0, 1 / step, found.height);
    const labels = binaryLabels(found, columns, rows, threshold);
    return labels.reduce((sum, label) => sum + label, 0) / labels.length;
}
