// Keeps the page's files, so that it works without a connection. `page.json` lists them; its
// version is this script's address, so that a changed page brings a changed worker, which fetches
// everything anew and then takes over.

/** The stores of this page. Another page of the same server, in another folder, has its own. */
const stores = `vmunet ${self.registration.scope} `, name = stores + self.location.search.slice(1);
const root = new URL("./", self.location.href).href;

self.addEventListener("install", (event) => {
    event.waitUntil((async () => {
        const response = await fetch("page.json", { cache: "no-cache" }), page = await response.clone().json();
        const cache = await caches.open(name);
        await cache.addAll(["./", ...page.files].map((file) => new Request(file, { cache: "no-cache" })));
        await cache.put("page.json", response);
        await self.skipWaiting();
    })());
});

self.addEventListener("activate", (event) => {
    event.waitUntil((async () => {
        for (const other of await caches.keys()) if (other.startsWith(stores) && other !== name) await caches.delete(other);
        await self.clients.claim();
    })());
});

/** From the store where it is there, except for the list of files, whose newer version tells of a newer page. */
async function answer(request) {
    const address = new URL(request.url);
    // Without a store, for whatever reason, the page comes from its server as it did at first.
    const kept = await caches.match(address.pathname, { cacheName: name, ignoreSearch: true }).catch(() => undefined);
    if (address.pathname.endsWith("/page.json") || !kept) {
        try {
            const fresh = await fetch(request);
            if (fresh.ok || !kept) return fresh;
        } catch (error) {
            if (!kept) throw error;
        }
    }
    return kept;
}

/** With the headers that let the page use several threads (`crossOriginIsolated`), which few static hosts send. */
async function isolated(response) {
    const headers = new Headers(response.headers);
    headers.set("Cross-Origin-Opener-Policy", "same-origin");
    headers.set("Cross-Origin-Embedder-Policy", "require-corp");
    return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

self.addEventListener("fetch", (event) => {
    if (event.request.method !== "GET" || !event.request.url.startsWith(root)) return;
    event.respondWith(answer(event.request).then(isolated));
});
