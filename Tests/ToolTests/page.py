"""Drives the page in a headless Chromium, as a reader would, and prints what it shows as JSON.

    page.py CHROMIUM FOLDER OUT [--isolated] [--offline] [--without-simd] [--memory PAGES] [--keyboard] [--weights FILE]... FILE...

Opens FOLDER over HTTP on this machine, chooses weights and opens the files one by one, saves each mask (or a volume's labels) into
OUT, and prints {"statuses": [text at the start and after each choice of weights], "items": [{name, state, text, saved?}],
"keyboard": {...} or null, "foreign": [addresses elsewhere that were asked for], "errors": [...]}.
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
parser.add_argument("--screenshot", help="a picture of the page at the end")
parser.add_argument("files", nargs="*")
arguments = parser.parse_intermixed_args()


class Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".wasm": "application/wasm", ".js": "text/javascript"}

    def log_message(self, *_):
        pass

    def end_headers(self):
        if arguments.isolated:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=arguments.folder))
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/"
minutes = 60_000



def report(statuses, items=(), keyboard=None, intros=()):
    print(json.dumps({"statuses": statuses, "intros": list(intros), "items": list(items), "keyboard": keyboard, "foreign": foreign, "errors": errors}))


def status(page):
    """The line at the top, once the page is ready or has given up."""
    page.locator("#status:is([data-state=ready], [data-state=failed])").wait_for()
    return page.locator("#status-text").text_content()


def introduction(page):
    """Returns the page's introduction, and "an example" if it offers one."""
    example = "; an example" if page.locator("#example").is_visible() else ""
    return f"{page.locator('#empty-title').text_content()}: {page.locator('#empty-text').text_content()}{example}"


def segment(page, place, file):
    """Opens a file as the list's entry `place`, and saves what is found in it."""
    page.set_input_files("#files", file)
    row = page.locator(f".item:nth-child({place + 1})")
    row.and_(page.locator("[data-state=done], [data-state=failed]")).wait_for()
    item = {"name": pathlib.Path(file).name, "state": row.get_attribute("data-state")}
    if item["state"] == "done":
        item["text"] = page.locator("#file-size").text_content()
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


foreign, errors = [], []
with sync_playwright() as playwright:
    flags = ["--no-sandbox"] + ([f"--js-flags=--wasm-max-mem-pages={arguments.memory}"] if arguments.memory else [])
    browser = playwright.chromium.launch(executable_path=arguments.chromium, args=flags)
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    if arguments.without_simd:
        context.add_init_script("WebAssembly.validate = () => false")
    page = context.new_page()
    page.set_default_timeout(5 * minutes)
    context.on("request", lambda request: foreign.append(request.url) if not request.url.startswith((address, "blob:")) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(address)
    statuses = [status(page)]
    if page.locator("#status").get_attribute("data-state") == "failed":
        report(statuses)
        sys.exit()
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
    items = [segment(page, place, file) for place, file in enumerate(arguments.files)]
    keyboard = use_keyboard(page) if arguments.keyboard else None
    if arguments.screenshot:
        page.screenshot(path=arguments.screenshot)
    report(statuses, items, keyboard, intros)
    browser.close()
