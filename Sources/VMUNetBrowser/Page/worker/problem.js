/** What a reader is told: what is wrong, and the way out. Whatever else is thrown is a fault of the page's own. */
export class Problem extends Error {
    constructor(text, remedy = "") {
        super(text);
        this.remedy = remedy;
    }
}
