"""Drives the page in a headless Chromium, as a reader would, and prints what it shows as JSON.

    page.py CHROMIUM FOLDER OUT [--isolated] [--offline] [--weights FILE]... FILE...

Opens FOLDER over HTTP on this machine, chooses weights and opens the files one by one, saves each mask (or a volume's labels) into
OUT, and prints {"statuses": [text after each choice of weights], "items": [{name, state, text, saved?}],
"foreign": [addresses elsewhere that were asked for], "errors": [...]}.
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

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(5 * minutes)
    foreign, errors, items = [], [], []
    context.on("request", lambda request: foreign.append(request.url) if not request.url.startswith((address, "blob:")) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)

    def wait_until_ready():
        page.locator("#status:is([data-state=ready], [data-state=failed])").wait_for()
        if page.locator("#status").get_attribute("data-state") == "failed":
            sys.exit(f"the page did not start: {page.locator('#status-text').text_content()} {errors}")

    page.goto(address)
    wait_until_ready()
    if arguments.offline:
        page.locator("#offline").wait_for(state="attached")
        page.locator("#offline:not([hidden])").wait_for(state="attached")
        server.shutdown()
        server.server_close()
        context.set_offline(True)
        page.reload()
        wait_until_ready()
    statuses = []
    for weights in arguments.weights:
        page.locator("#status").evaluate("status => status.dataset.state = 'asked'")
        page.set_input_files("#weights-file", weights)
        page.locator("#status:is([data-state=ready], [data-state=failed])").wait_for()
        statuses.append(page.locator("#status-text").text_content())
    for place, file in enumerate(arguments.files):
        page.set_input_files("#files", file)
        row = page.locator(".item").nth(place)
        page.locator(f".item:nth-child({place + 1}):is([data-state=done], [data-state=failed])").wait_for()
        state = row.get_attribute("data-state")
        item = {"name": pathlib.Path(file).name, "state": state}
        if state == "done":
            item["text"] = page.locator("#file-size").text_content()
            with page.expect_download() as download:
                page.locator("#save-mask").click()
            item["saved"] = str(arguments.out / download.value.suggested_filename)
            download.value.save_as(item["saved"])
        else:
            item["text"] = f"{page.locator('#failed-text').text_content()} {page.locator('#failed-remedy').text_content()}"
        items.append(item)
    if arguments.screenshot:
        page.screenshot(path=arguments.screenshot)
    print(json.dumps({"statuses": statuses, "items": items, "foreign": foreign, "errors": errors}))
    browser.close()
