const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** 12,345 */
export const count = (value) => whole.format(value);

/** 18.3%, and never 0% of something. */
export function percent(share) {
    if (share > 0 && share < 0.0005) return "<0.1%";
    if (share < 1 && share > 0.9995) return ">99.9%";
    return `${(100 * share).toFixed(1)}%`;
}

/** 0.24 s, 3.1 s, 75 s */
export const seconds = (value) => `${value.toFixed(value < 1 ? 2 : value < 10 ? 1 : 0)} s`;

/** 0.45 ml, 12.3 ml, 1,532 ml */
export const millilitres = (value) => `${value < 1 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : whole.format(value)} ml`;

/** A file's name without its ending. */
export const stem = (name) => name.replace(/\.nii\.gz$/i, "").replace(/\.[^.]+$/, "") || name;
