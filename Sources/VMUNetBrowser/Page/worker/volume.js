// Segments a volume slice by slice, and prepares its display.

import { Problem } from "./problem.js";
import { allocate } from "./streams.js";

/** Rows and columns below which a slice shows nothing. */
const smallestSide = 8;

/**
 * Labels of a volume, with millilitres of each class.
 *
 * @param window the mapping of intensities: null for the weights' own, else "percentiles", "minmax"
 * or [low, high]
 * @param report told {shown}: the volume in 256 greys, then {share} of the slices done
 */
export async function segmentVolume(network, volume, window, report, isCancelled) {
    const { width, height, depth, spacing, axes, isPlaced, values, place } = volume, area = width * height;
    const turned = turn(volume, network.voxelOrder), [columns, rows, slices] = turned.sizes;
    if (Math.min(columns, rows) < smallestSide) {
        throw new Problem(
            `The slices of this volume of ${width}×${height}×${depth} voxels are too small to show anything.`,
            `Slices need at least ${smallestSide} rows and columns; ./vmunet predict can take them along another axis.`);
    }
    const range = network.openVolume(turned.apply(values), { width: columns, height: rows, depth: slices }, window);
    const grey = toGrey(values, range);
    const small = await createImageBitmap(toImage(grey.subarray((depth >> 1) * area), width, height));
    report({ shown: { width, height, depth, spacing, axes, isPlaced, wantedOrder: network.voxelOrder, grey }, small }, [grey.buffer, small]);
    const begin = performance.now(), found = allocate(area * depth), counts = new Array(Math.max(2, network.classes)).fill(0);
    try {
        for (let z = 0; z < slices; z++) {
            found.set(network.segmentSlice(z), z * columns * rows);
            report({ share: (z + 1) / slices });
            // Lets a wish to stop come in.
            await new Promise((resolve) => setTimeout(resolve));
            if (isCancelled()) throw new Problem("Stopped.", "Nothing was kept of it.", "stopped");
        }
    } finally {
        network.closeVolume();
    }
    const labels = turned.undo(found);
    for (let i = 0; i < labels.length; i++) counts[labels[i]]++;
    const voxel = (spacing[0] * spacing[1] * spacing[2]) / 1000;
    return { labels, place, classes: network.classes, millilitres: counts.map((n) => n * voxel), seconds: (performance.now() - begin) / 1000 };
}

/**
 * Turns a volume to the voxel order that the network was trained on, such as RAS: the directions in
 * which columns, rows and slices grow. {sizes, apply(values), undo(labels)}. Copies nothing if the
 * order fits already, or is unknown.
 */
function turn({ width, height, depth, axes, isPlaced }, order) {
    const from = [width, height, depth], strides = [1, width, width * height];
    const steps = [...(isPlaced && order ? order : "")].map((letter) => {
        const isForward = "RAS".includes(letter), { axis, isForward: runsForward } = axes[(isForward ? "RAS" : "LPI").indexOf(letter)];
        return { axis, isFlipped: isForward !== runsForward };
    });
    if (new Set(steps.map(({ axis }) => axis)).size !== 3 || steps.every(({ axis, isFlipped }, i) => axis === i && !isFlipped)) {
        return { sizes: from, apply: (values) => values, undo: (labels) => labels };
    }
    const sizes = steps.map(({ axis }) => from[axis]), along = steps.map(({ axis, isFlipped }) => (isFlipped ? -strides[axis] : strides[axis]));
    const start = steps.reduce((sum, { axis, isFlipped }) => sum + (isFlipped ? (from[axis] - 1) * strides[axis] : 0), 0);
    const visit = (body) => {
        for (let z = 0, to = 0; z < sizes[2]; z++)
            for (let y = 0; y < sizes[1]; y++)
                for (let x = 0, at = start + z * along[2] + y * along[1]; x < sizes[0]; x++, at += along[0], to++) body(at, to);
    };
    return {
        sizes,
        apply(values) {
            const out = new Float32Array(values.length);
            visit((at, to) => (out[to] = values[at]));
            return out;
        },
        undo(labels) {
            const out = allocate(labels.length);
            visit((at, to) => (out[at] = labels[to]));
            return out;
        },
    };
}

/** 256 greys between two intensities. */
function toGrey(values, [low, high]) {
    const out = allocate(values.length), scale = high > low ? 255 / (high - low) : 0;
    for (let i = 0; i < values.length; i++) out[i] = Math.min(255, Math.max(0, (values[i] - low) * scale + 0.5));
    return out;
}

/** A slice for the list of what was opened. */
function toImage(grey, width, height) {
    const image = new ImageData(width, height), words = new Uint32Array(image.data.buffer);
    for (let i = 0; i < words.length; i++) words[i] = 0xff000000 | (grey[i] * 0x010101);
    return image;
}
