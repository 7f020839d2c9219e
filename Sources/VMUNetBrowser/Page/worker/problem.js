/** An error for the reader: the problem, and the way out. Anything else that is thrown is a fault of the page. */
export class Problem extends Error {
    /** `kind` is "stopped" for what the reader stopped, "code" where weights of one's own would not help. */
    constructor(text, remedy = "", kind = null) {
        super(text);
        this.remedy = remedy;
        this.kind = kind;
    }
}
