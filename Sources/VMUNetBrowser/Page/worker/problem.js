/** An error for the reader: the problem, and the way out. Anything else that is thrown is a fault of the page. */
export class Problem extends Error {
    constructor(text, remedy = "") {
        super(text);
        this.remedy = remedy;
    }
}
