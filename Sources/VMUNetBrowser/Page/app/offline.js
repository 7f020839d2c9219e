// Keeps the page for use without a connection, if the browser allows it: on https and on the
// reader's own machine.

/** Registers the service worker of this version of the page; answers whether all of it is kept. */
export async function keepForOffline(version) {
    if (!("serviceWorker" in navigator) || !isSecureContext) return false;
    try {
        await navigator.serviceWorker.register(new URL(`../sw.js?${version}`, import.meta.url));
        const registration = await navigator.serviceWorker.ready;
        return registration.active !== null;
    } catch {
        return false; // private windows refuse; the page works all the same
    }
}
