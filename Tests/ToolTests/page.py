"""Drives the page in a headless Chromium, as a reader would, and prints what it shows as JSON.

    page.py CHROMIUM FOLDER OUT [--isolated] [--offline] [--without-simd] [--memory PAGES] [--keyboard] [--weights FILE]...
            [--lost PATH] [--beside FOLDER] [--stop] [--close] [--layout] FILE...

Opens FOLDER over HTTP on this machine, chooses weights and opens the files one by one, saves each mask (or a volume's labels) into
OUT, and prints {"statuses": [text at the start and after each choice of weights], "items": [{name, state, text, saved?, planes?, note?}],
"keyboard": {...} or null, "layout": [...] or null, "foreign": [addresses elsewhere that were asked for], "errors": [...]}.
"""

import argparse
import functools
import http.server
import json
import pathlib
import sys
import threading

from playwright.sync_api import sync_playwright

parser = argparse.ArgumentParser()
parser.add_argument("chromium")
parser.add_argument("folder")
parser.add_argument("out", type=pathlib.Path)
parser.add_argument("--isolated", action="store_true", help="send the headers that let the page use threads")
parser.add_argument("--offline", action="store_true", help="load the page again without a connection before the files are opened")
parser.add_argument("--weights", action="append", default=[], help="weights to choose before the files are opened")
parser.add_argument("--without-simd", action="store_true", help="let the browser know no vector instructions")
parser.add_argument("--memory", type=int, help="pages of 64 KiB that WebAssembly may have")
parser.add_argument("--keyboard", action="store_true", help="use the page by keys alone, with its own example")
parser.add_argument("--lost", help="a file of the page that is not found until the page was asked to try again")
parser.add_argument("--beside", help="another page of the same server, opened when this one is kept; then this one is opened without a connection")
parser.add_argument("--stop", action="store_true", help="stop each file once, and start it again")
parser.add_argument("--close", action="store_true", help="close the last file while it is segmented and weights are loaded")
parser.add_argument("--layout", action="store_true", help="measure the page in windows of several sizes")
parser.add_argument("--screenshot", help="a picture of the page at the end")
parser.add_argument("files", nargs="*")
arguments = parser.parse_intermixed_args()


class Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".wasm": "application/wasm", ".js": "text/javascript"}

    lost = arguments.lost

    def log_message(self, *_):
        pass

    def translate_path(self, path):
        if arguments.beside and path.startswith("/beside/"):
            return str(pathlib.Path(arguments.beside) / path.removeprefix("/beside/").split("?")[0])
        if arguments.beside and path.startswith("/page/"):
            path = path.removeprefix("/page")
        return "" if Handler.lost and path.split("?")[0] == f"/{Handler.lost}" else super().translate_path(path)

    def end_headers(self):
        if arguments.isolated:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=arguments.folder))
threading.Thread(target=server.serve_forever, daemon=True).start()
origin = f"http://127.0.0.1:{server.server_port}/"
address = f"{origin}page/" if arguments.beside else origin
minutes = 60_000



def report(statuses, items=(), keyboard=None, intros=(), layout=None):
    found = {"statuses": statuses, "intros": list(intros), "items": list(items), "keyboard": keyboard, "layout": layout}
    print(json.dumps(found | {"foreign": foreign, "errors": errors}))


def status(page):
    """The line at the top, once the page is ready or has given up."""
    page.locator("#status:is([data-state=ready], [data-state=failed])").wait_for()
    return page.locator("#status-text").text_content()


def introduction(page):
    """Returns the page's introduction, "an example" if it offers one, and what is said of the weights."""
    example = "; an example" if page.locator("#example").is_visible() else ""
    texts = [page.locator(f"#{name}").text_content() for name in ["empty-title", "empty-text", "choose", "empty-hint", "weights-text"]]
    return f"{': '.join(texts)}{example}"


def segment(page, place, file):
    """Opens a file as the list's entry `place`, and saves what is found in it."""
    page.set_input_files("#files", file)
    row = page.locator(f".item:nth-child({place + 1})")
    if arguments.stop:
        page.locator("#cancel").click()
        page.locator("#failed-again").click()
    row.and_(page.locator("[data-state=done], [data-state=failed]")).wait_for()
    item = {"name": pathlib.Path(file).name, "state": row.get_attribute("data-state")}
    if item["state"] == "done":
        item["text"] = page.locator("#file-size").text_content()
        if page.locator("#volume").is_visible():
            letters = [edge.text_content() for edge in page.locator(".edge").all() if edge.is_visible()]
            item["planes"] = page.locator(".plane label").all_text_contents() + letters
            item["note"] = page.locator("#note").inner_text()
        with page.expect_download() as download:
            page.locator("#save-mask").click()
        item["saved"] = str(arguments.out / download.value.suggested_filename)
        download.value.save_as(item["saved"])
    else:
        item["text"] = f"{page.locator('#failed-text').text_content()} {page.locator('#failed-remedy').text_content()}"
    return item


def use_keyboard(page):
    """Goes through the page with Tab and presses; what changed by it."""

    def go_to(identifier):
        for _ in range(40):
            if page.evaluate("document.activeElement.id || document.activeElement.name") == identifier:
                return
            page.keyboard.press("Tab")
        sys.exit(f"Tab does not lead to {identifier}")

    def text(identifier):
        page.wait_for_timeout(400)
        return page.locator(f"#{identifier}").text_content()

    go_to("example")
    page.keyboard.press("Enter")
    page.locator(".item[data-state=done]").wait_for()
    found = {"area": text("area")}
    go_to("view")
    fitted = text("zoom-text")
    page.keyboard.press("+")
    found["zoom"] = [fitted, text("zoom-text")]
    page.keyboard.press("0")
    found["zoom"].append(text("zoom-text"))
    go_to("mode")
    page.keyboard.press("ArrowRight")
    found["mode"] = page.locator("#view").get_attribute("data-mode")
    go_to("threshold")
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    found["threshold"] = text("threshold-text")
    page.wait_for_function("area => document.querySelector('#area').textContent !== area", arg=found["area"])
    found["lower"] = text("area")
    go_to("save-mask")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    found["saved"] = download.value.suggested_filename
    return found


def try_again(page, file):
    """Opens a file in a page that could not load all of itself; its message there, and what comes when it asks again."""
    page.set_input_files("#files", file)
    item = {"name": pathlib.Path(file).name, "state": "failed", "text": page.locator("#failed-text").inner_text()}
    Handler.lost = None
    page.locator("#failed-again").click()
    page.locator(".item[data-state=done]").wait_for()
    if page.locator("#failed").is_visible() or page.locator("#status").get_attribute("data-state") != "ready":
        sys.exit("the message stays")
    # The browser itself reports a file that was not found.
    errors[:] = [error for error in errors if "404" not in error]
    return item


def close_while_loading(page, weights, file):
    """Closes a picture that is segmented while weights wait for it; the status when they are there."""
    page.set_input_files("#files", file)
    page.locator(".item[data-state=running]").last.wait_for()
    page.locator("#status").evaluate("status => status.dataset.state = 'asked'")
    page.set_input_files("#weights-file", weights)
    page.locator(".item .remove").last.click()
    return status(page)


def measure(page, files, weights):
    """What is in view in windows of several sizes, and how many lines some texts take."""
    found = []
    for width, height in [(360, 740), (740, 360), (768, 1024), (1000, 700), (2560, 1440)]:
        page.set_viewport_size({"width": width, "height": height})
        page.reload()
        page.locator("#status[data-state=ready]").wait_for()
        for file in files:
            page.set_input_files("#files", file)
        page.locator(f".item[data-state=done] >> nth={len(files) - 1}").wait_for()
        page.set_input_files("#weights-file", weights)
        page.locator("#status[data-state=failed]").wait_for()
        found.append(page.evaluate("""() => {
            const box = (place) => document.querySelector(place).getBoundingClientRect();
            const within = (inner, outer) => inner.left >= outer.left - 1 && inner.right <= outer.right + 1 && inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1;
            const screen = new DOMRect(0, 0, innerWidth, innerHeight), text = document.querySelector("#status-text");
            return {
                size: `${innerWidth}x${innerHeight}`,
                hasNotice: within(box(".foot strong"), screen),
                hasCurrent: within(box("[aria-current=true]"), box("#pictures")),
                isMessageWhole: text.scrollWidth <= text.parentElement.clientWidth && within(box("#status-text"), box(".top")),
                isWide: document.documentElement.scrollWidth > innerWidth,
                heights: [".top .name", "#add", "#save-mask", "#save-overlay"].map((place) => Math.round(box(place).height)),
            };
        }"""))
        page.locator(".item .open").first.click()
        if page.locator("#status").get_attribute("data-state") != "ready":
            sys.exit("an outdated message stays")
    return found


foreign, errors = [], []
with sync_playwright() as playwright:
    flags = ["--no-sandbox"] + ([f"--js-flags=--wasm-max-mem-pages={arguments.memory}"] if arguments.memory else [])
    browser = playwright.chromium.launch(executable_path=arguments.chromium, args=flags)
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    if arguments.without_simd:
        context.add_init_script("WebAssembly.validate = () => false")
    page = context.new_page()
    page.set_default_timeout(5 * minutes)
    context.on("request", lambda request: foreign.append(request.url) if not request.url.startswith((origin, "blob:")) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(address)
    statuses = [status(page)]
    if page.locator("#status").get_attribute("data-state") == "failed":
        report(statuses, [try_again(page, file) for file in arguments.files])
        sys.exit()
    if arguments.beside:
        page.locator("#offline:not([hidden])").wait_for(state="attached")
        other = context.new_page()
        other.goto(f"{origin}beside/")
        other.locator("#offline:not([hidden])").wait_for(state="attached")
        arguments.offline = True
    if arguments.offline:
        page.locator("#offline:not([hidden])").wait_for(state="attached")
        server.shutdown()
        server.server_close()
        context.set_offline(True)
        page.reload()
        statuses = [status(page)]
    intros = [introduction(page)]
    for weights in arguments.weights:
        page.locator("#status").evaluate("status => status.dataset.state = 'asked'")
        page.set_input_files("#weights-file", weights)
        statuses.append(status(page))
        intros.append(introduction(page))
    layout = measure(page, arguments.files, arguments.weights[-1]) if arguments.layout else None
    files = [] if arguments.layout else arguments.files[:-1] if arguments.close else arguments.files
    items = [segment(page, place, file) for place, file in enumerate(files)]
    if arguments.close:
        statuses.append(close_while_loading(page, arguments.weights[-1], arguments.files[-1]))
    keyboard = use_keyboard(page) if arguments.keyboard else None
    if arguments.screenshot:
        page.screenshot(path=arguments.screenshot)
    report(statuses, items, keyboard, intros, layout)
    browser.close()
