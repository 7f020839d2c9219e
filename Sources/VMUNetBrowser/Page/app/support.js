/** A module that holds one vector instruction. */
const vectorModule = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11);

/** The features that this browser lacks, as a sentence; null if it has all. */
export function missingFeature() {
    const remedy = "Use a current Chrome, Edge, Firefox or Safari.";
    if (typeof WebAssembly !== "object") return `This browser has no WebAssembly, or it is switched off. ${remedy}`;
    if (!WebAssembly.validate(vectorModule)) return `This browser’s WebAssembly has no vector instructions (SIMD). ${remedy}`;
    if (typeof OffscreenCanvas === "undefined" || typeof createImageBitmap === "undefined" || typeof DecompressionStream === "undefined") return `This browser is too old for the page. ${remedy}`;
    return null;
}
