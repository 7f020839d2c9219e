// NIfTI files (.nii, .nii.gz), one volume each. The header that was read is kept whole, so that
// labels get the image's geometry.

import { Problem } from "./problem.js";
import { allocate, deflated, inflated, inflatedHead } from "./streams.js";

/** Bytes that a file may hold unpacked: 512 × 512 × 1024 voxels of four bytes. */
const largestVolume = 2 ** 30;
const largestExtent = 32767;
const largestOffset = 2 ** 24;
/** By NIfTI's code: the array of a voxel's type, and how DataView calls it. */
const voxelTypes = {
    2: [Uint8Array, "getUint8"],
    256: [Int8Array, "getInt8"],
    4: [Int16Array, "getInt16"],
    512: [Uint16Array, "getUint16"],
    8: [Int32Array, "getInt32"],
    768: [Uint32Array, "getUint32"],
    16: [Float32Array, "getFloat32"],
    64: [Float64Array, "getFloat64"],
};

/** True for the name of a NIfTI volume. */
export function isNIfTI(name) {
    return /\.nii(\.gz)?$/i.test(name);
}

/**
 * Reads a volume: {width, height, depth, values (Float32Array, in the file's unit, columns running
 * fastest), spacing (mm, columns, rows, slices), axes and isPlaced (see `placement`), place (what
 * `encodeLabels` wants)}. Throws a Problem for whatever it cannot read.
 */
export async function read(file) {
    const isPacked = (await head(file, 2)).join() === "31,139";
    let start;
    try {
        start = isPacked ? await inflatedHead(file, "gzip", 544) : await head(file, 544);
    } catch {
        throw damaged("it cannot be unpacked");
    }
    const header = parseHeader(start);
    const count = header.width * header.height * header.depth, total = header.offset + count * header.voxelBytes;
    if (total > largestVolume || 4 * count > largestVolume) {
        throw new Problem(
            `This volume of ${header.width}×${header.height}×${header.depth} voxels is too large for the page.`,
            "Crop it, or use ./vmunet predict, which takes larger ones.");
    }
    // Deflate shrinks at most 1032-fold.
    if (isPacked ? total / 1032 > file.size : total > file.size) throw damaged("it is shorter than its header says");
    let bytes;
    try {
        bytes = isPacked ? await inflated([file], "gzip", total) : new Uint8Array(await file.slice(0, total).arrayBuffer());
    } catch (error) {
        if (error instanceof Problem) throw error;
        throw damaged("it cannot be unpacked");
    }
    if (bytes.length < total) throw damaged("it is shorter than its header says");
    const { width, height, depth, spacing, axes, isPlaced, little, isSecond } = header;
    return { width, height, depth, spacing, axes, isPlaced, values: values(bytes, header, count), place: { header: start, little, isSecond } };
}

async function head(file, count) {
    return new Uint8Array(await file.slice(0, count).arrayBuffer());
}

/** The fields that matter here, of version 1 or 2, in either byte order. */
function parseHeader(bytes) {
    if (bytes.length < 352) throw foreign();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const little = [348, 540].includes(view.getInt32(0, true)), size = view.getInt32(0, little);
    if (size !== 348 && size !== 540) throw foreign();
    const isSecond = size === 540;
    if (isSecond && bytes.length < 544) throw foreign();
    const magic = String.fromCharCode(...bytes.subarray(isSecond ? 4 : 344, isSecond ? 7 : 347));
    if (magic === "ni1" || magic === "ni2") {
        throw new Problem("This is the header of a pair of files (.hdr and .img).", "Save it as one .nii or .nii.gz file.");
    }
    if (magic !== (isSecond ? "n+2" : "n+1")) throw foreign();
    const integer = (first, second) => (isSecond ? Number(view.getBigInt64(second, little)) : view.getInt16(first, little));
    const real = (first, second) => (isSecond ? view.getFloat64(second, little) : view.getFloat32(first, little));

    const rank = integer(40, 16), lengths = Array.from({ length: 7 }, (_, i) => (i < rank ? integer(42 + 2 * i, 24 + 8 * i) : 1));
    if (rank < 1 || rank > 7 || lengths.some((n) => n < 1 || n > largestExtent)) throw damaged("its header declares an impossible shape");
    if (lengths.slice(3).some((n) => n !== 1)) throw new Problem("This file holds more than one volume.", "Save one volume per file.");
    const type = view.getInt16(isSecond ? 12 : 70, little), bits = view.getInt16(isSecond ? 14 : 72, little);
    if (!voxelTypes[type]) throw new Problem(`This file holds voxels of NIfTI type ${type}, which the page does not read.`, "Save it as int16 or float32.");
    const voxelBytes = voxelTypes[type][0].BYTES_PER_ELEMENT;
    if (bits !== 8 * voxelBytes) throw damaged("its header contradicts itself about the size of a voxel");
    const offset = isSecond ? integer(0, 168) : real(108, 0);
    if (!Number.isInteger(offset) || offset < (isSecond ? 544 : 352) || offset > largestOffset) throw damaged("its header puts the voxels in an impossible place");
    const declared = real(112, 176), isScaled = Number.isFinite(declared) && declared !== 0;
    const slope = isScaled ? declared : 1, intercept = isScaled ? real(116, 184) : 0;
    if (!Number.isFinite(intercept)) throw damaged("its header’s intercept is not a number");
    const found = affine(view, isSecond, little);
    return { width: lengths[0], height: lengths[1], depth: lengths[2], type, voxelBytes, offset, slope, intercept, little, isSecond, ...placement(found, view, isSecond, little) };
}

/**
 * Voxel to millimetres, three rows of three: the matrix where one can be used, else the quaternion,
 * else the spacing alone, which does not say how the voxels lie (`isPlaced`).
 */
function affine(view, isSecond, little) {
    const real = (first, second) => (isSecond ? view.getFloat64(second, little) : view.getFloat32(first, little));
    const code = (first, second) => (isSecond ? view.getInt32(second, little) : view.getInt16(first, little));
    const step = [0, 1, 2].map((axis) => Math.abs(real(80 + 4 * axis, 112 + 8 * axis)));
    const matrix = [0, 1, 2].map((row) => [0, 1, 2].map((axis) => real(280 + 4 * (4 * row + axis), 400 + 8 * (4 * row + axis))));
    if (code(254, 348) > 0 && spansSpace(matrix)) return { matrix, isPlaced: true };
    const [b, c, d] = [0, 1, 2].map((i) => real(256 + 4 * i, 352 + 8 * i)), square = b * b + c * c + d * d, a = Math.sqrt(Math.max(0, 1 - square));
    // Parts of a unit quaternion, single precision's error allowed for.
    if (code(252, 344) <= 0 || !(square <= 1 + 1e-5)) return { matrix: [0, 1, 2].map((row) => [0, 1, 2].map((axis) => (row === axis ? step[axis] : 0))), isPlaced: false };
    const scale = [step[0], step[1], real(76, 104) < 0 ? -step[2] : step[2]];
    const turned = [
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ];
    return { matrix: turned.map((row) => row.map((value, axis) => value * scale[axis])), isPlaced: true };
}

/** True if a matrix places voxels: some writers leave zeros. */
function spansSpace([[a, b, c], [d, e, f], [g, h, i]]) {
    const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
    return Number.isFinite(determinant) && determinant !== 0;
}

/**
 * Millimetres between voxels along columns, rows and slices, 1 if the header gives none; and for
 * each direction of the patient (right, anterior, superior) the voxel axis that follows it best,
 * and whether it runs that way or the other; `isPlaced` is whether the header says so.
 */
function placement({ matrix, isPlaced }, view, isSecond, little) {
    const units = isSecond ? view.getInt32(500, little) & 7 : view.getUint8(123) & 7;
    const unit = units === 1 ? 1000 : units === 3 ? 0.001 : 1; // metres, micrometres
    const column = (axis) => matrix.map((row) => row[axis]);
    const spacing = [0, 1, 2].map((axis) => {
        const length = Math.hypot(...column(axis)) * unit;
        return Number.isFinite(length) && length > 0 ? length : 1;
    });
    const clarity = (axis) => Math.max(...column(axis).map(Math.abs)) / (Math.hypot(...column(axis)) || Infinity);
    if (!matrix.flat().every(Number.isFinite)) throw damaged("its header's placement of the voxels holds a value that is not a number");
    const free = new Set([0, 1, 2]), axes = [];
    for (const axis of [0, 1, 2].sort((a, b) => clarity(b) - clarity(a))) {
        const world = [...free].reduce((best, row) => (Math.abs(matrix[row][axis]) > Math.abs(matrix[best][axis]) ? row : best));
        free.delete(world);
        isPlaced &&= matrix[world][axis] !== 0;
        axes[world] = { axis, isForward: !(matrix[world][axis] < 0) };
    }
    return { spacing, axes, isPlaced };
}

function values(bytes, { type, offset, slope, intercept, little, voxelBytes }, count) {
    const [VoxelArray, method] = voxelTypes[type];
    const out = new Float32Array(allocate(4 * count).buffer);
    if (little && offset % voxelBytes === 0) {
        const voxels = new VoxelArray(bytes.buffer, bytes.byteOffset + offset, count);
        for (let i = 0; i < count; i++) out[i] = slope * voxels[i] + intercept;
    } else {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        for (let i = 0, at = offset; i < count; i++, at += voxelBytes) out[i] = slope * view[method](at, little) + intercept;
    }
    for (let i = 0; i < count; i++) {
        if (!Number.isFinite(out[i])) {
            throw new Problem("This volume holds values that are not finite numbers.", "Replace them by the value of the background and save it again.");
        }
    }
    return out;
}

/** Labels of the volume that `header` begins, as .nii.gz: its place in space stays, its voxels become bytes. */
export async function encodeLabels(labels, { header, little, isSecond }) {
    const size = isSecond ? 544 : 352, bytes = new Uint8Array(size + labels.length), view = new DataView(bytes.buffer);
    bytes.set(header.subarray(0, size));
    view.setInt16(isSecond ? 12 : 70, 2, little); // bytes
    view.setInt16(isSecond ? 14 : 72, 8, little);
    const put = (first, second, value) => (isSecond ? view.setFloat64(second, value, little) : view.setFloat32(first, value, little));
    if (isSecond) view.setBigInt64(168, BigInt(size), little);
    else view.setFloat32(108, size, little);
    put(112, 176, 1); // slope
    put(116, 184, 0); // intercept
    put(124, 192, 0); // display window: none
    put(128, 200, 0);
    // The image's names and description may name a patient; its intent is not that of labels.
    const texts = isSecond ? [[80, 104], [240, 344], [504, 524]] : [[4, 38], [56, 70], [148, 252], [328, 344]];
    for (const [from, to] of texts) bytes.fill(0, from, to);
    bytes.fill(0, isSecond ? 540 : 348, size); // no extensions
    bytes.set(labels, size);
    return new Blob([await deflated(bytes, "gzip")], { type: "application/gzip" });
}

function foreign() {
    return new Problem("This is not a NIfTI file.", "Choose a volume that ends in .nii or .nii.gz.");
}

function damaged(reason) {
    return new Problem(`This NIfTI file is damaged: ${reason}.`, "Save or copy the volume again.");
}
