"""The server's page in a headless Chromium, as a reader uses it."""

import pathlib

import nibabel
import numpy
from PIL import Image
from playwright.sync_api import sync_playwright


def look(chromium, address, picture, volume, out, screenshots, mask, labels):
    """Sends a picture and a volume, looks at what is shown, loads the page again, saves, and deletes."""
    errors, foreign = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800}, accept_downloads=True)
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.on("request", lambda request: request.url.startswith(("http:", "https:")) and not request.url.startswith(address) and foreign.append(request.url))

        def shot(name):
            if screenshots:
                screenshots.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=screenshots / f"{name}.png")

        def shots(name):
            """At the widths of phones and large screens, dark and light."""
            for width, height, scheme in ((1600, 1000, "light"), (1280, 800, "dark"), (360, 740, "light"), (360, 740, "dark")):
                page.set_viewport_size({"width": width, "height": height})
                page.emulate_media(color_scheme=scheme)
                shot(f"{name}-{width}-{scheme}")
            page.set_viewport_size({"width": 1280, "height": 800})
            page.emulate_media(color_scheme="light")

        page.goto(address + "/")
        page.get_by_role("link", name="On this server").click()
        page.get_by_role("heading", name="Segment on this server").wait_for()
        shots("empty")

        page.set_input_files("#files", str(picture))
        row = page.locator(".item", has_text=pathlib.Path(picture).name)
        row.and_(page.locator("[data-state=done]")).wait_for()
        with page.expect_download() as download:
            page.get_by_role("button", name="Save mask").click()
        saved = numpy.array(Image.open(download.value.path()))
        assert (saved == mask).all()
        shots("picture")

        page.set_input_files("#files", str(volume))
        row = page.locator(".item", has_text=pathlib.Path(volume).name)
        row.and_(page.locator("[data-state=running]")).wait_for()
        shot("running")
        row.and_(page.locator("[data-state=done]")).wait_for()

        # A reload loses nothing: names, states and pictures are there again.
        page.reload()
        row.and_(page.locator("[data-state=done]")).wait_for()
        assert page.locator(".item").count() >= 2
        row.locator(".open").click()
        page.locator(".plane canvas[aria-label*=shows]").first.wait_for()
        assert page.locator(".plane").count() == 3
        # The screen tints the pixels that the file labels.
        index = int(page.get_by_role("slider", name="Axial plane").input_value())
        tinted, width, height = page.evaluate("""() => {
            const canvas = document.querySelector('.plane canvas'), { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let count = 0;
            for (let i = 0; i < data.length; i += 4) count += data[i] !== data[i + 1] || data[i + 1] !== data[i + 2];
            return [count, canvas.width, canvas.height];
        }""")
        plane = labels[:, :, index]
        share = (plane > 0).mean()
        assert abs(tinted / (width * height) - share) < 1e-9, (tinted, width, height, share)
        shots("volume")
        with page.expect_download() as download:
            page.get_by_role("button", name="Save NIfTI").click()
        copy = out / "saved.nii.gz"
        copy.write_bytes(pathlib.Path(download.value.path()).read_bytes())
        assert (numpy.asarray(nibabel.load(copy).dataobj) == labels).all()

        # By keys alone: a plane's slider moves, a label is hidden.
        page.get_by_role("slider", name="Axial plane").focus()
        page.keyboard.press("ArrowRight")
        page.locator(f".plane canvas[aria-label^='Axial plane {index + 2} ']").wait_for()
        page.get_by_role("checkbox").first.focus()
        page.keyboard.press("Space")
        page.locator(".plane canvas[aria-label*='no label']").first.wait_for()

        # A report that can be printed.
        page.evaluate("window.print = () => {}")
        page.get_by_role("button", name="Print a report").click()
        page.locator("#sheet h1").wait_for(state="attached")
        page.emulate_media(media="print")
        shot("report")
        assert "Not a medical device" in page.locator("#sheet").inner_text()
        page.emulate_media(media="screen")

        # A volume that cannot be read says why.
        broken = out / "broken.nii.gz"
        broken.write_bytes(b"\x1f\x8b" + bytes(100))
        page.set_input_files("#files", str(broken))
        page.locator(".item[data-state=failed]", has_text="broken.nii.gz").wait_for()
        page.locator("#failed").wait_for()
        shots("failed")
        page.get_by_role("button", name="Delete from the server").click()
        page.locator(".item", has_text="broken.nii.gz").wait_for(state="detached")
        row.locator(".open").click()
        page.get_by_role("button", name="Delete from the server").click()
        row.wait_for(state="detached")
        browser.close()
    assert not foreign, foreign
    assert not errors, errors
