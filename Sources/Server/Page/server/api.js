// The page's access to the server.

/** A refusal: the problem and the way out. */
export class Refusal extends Error {
    constructor(status, message, remedy = "") {
        super(message);
        this.status = status;
        this.remedy = remedy;
    }
}

const key = "vmunet-token";

/** The token of this tab; empty if none is needed. */
export const token = {
    get: () => sessionStorage.getItem(key) ?? "",
    set: (value) => sessionStorage.setItem(key, value),
};

/** Sends a request. Throws a Refusal unless it succeeds. */
export async function ask(path, { method = "GET", body, accept = "application/json", signal } = {}) {
    const headers = { Accept: accept };
    if (token.get()) headers.Authorization = `Bearer ${token.get()}`;
    let response;
    try {
        response = await fetch(path, { method, body, headers, signal });
    } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new Refusal(0, "The server cannot be reached.", "Check that it runs, and try again.");
    }
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    throw new Refusal(response.status, sentence(problem.detail ?? `The server answers ${response.status}.`), sentence(problem.remedy ?? ""));
}

/** A clause as a sentence. */
export const sentence = (text) => (text ? text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".") : "");

export const json = async (path, options) => (await ask(path, options)).json();
export const blob = async (path, accept) => (await ask(path, { accept })).blob();

/** Sends a file as a job; `progress` gets 0…1. Uses XMLHttpRequest, because `fetch` does not report upload progress. */
export function sendJob(file, query, progress) {
    return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        request.open("POST", `v1/jobs?${query}`);
        if (token.get()) request.setRequestHeader("Authorization", `Bearer ${token.get()}`);
        request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
        request.onerror = () => reject(new Refusal(0, "The server cannot be reached.", "Check that it runs, and try again."));
        request.onload = () => {
            let answer = {};
            try {
                answer = JSON.parse(request.responseText);
            } catch { /* said by the status */ }
            if (request.status === 202) resolve(answer);
            else reject(new Refusal(request.status, sentence(answer.detail ?? `The server answers ${request.status}.`), sentence(answer.remedy ?? "")));
        };
        request.send(file);
    });
}

/** Calls `changed` with the job at each change, until it ends. Reads the stream itself: EventSource cannot send a token. */
export async function follow(id, changed) {
    const response = await ask(`v1/jobs/${id}/events`, { accept: "text/event-stream" });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        rest += value;
        for (let end; (end = rest.indexOf("\n\n")) >= 0; rest = rest.slice(end + 2)) {
            const data = rest.slice(0, end).split("\n").find((line) => line.startsWith("data: "));
            if (data) changed(JSON.parse(data.slice(6)));
        }
    }
}
