"""The server's page in a headless Chromium, as a reader uses it."""

import io
import pathlib

import nibabel
import numpy
import pydicom
from PIL import Image
from playwright.sync_api import sync_playwright


def look(chromium, address, picture, volume, series, out, screenshots, mask, labels):
    """Sends a picture, a volume and a DICOM series, looks at what is shown, loads the page again, saves, and deletes."""
    errors, foreign = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800}, accept_downloads=True)
        page.set_default_timeout(120_000)
        page.on("dialog", lambda dialog: dialog.accept())
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.on("request", lambda request: request.url.startswith(("http:", "https:")) and not request.url.startswith(address) and foreign.append(request.url))

        def shot(name):
            page.wait_for_timeout(200)  # colours change gradually
            if screenshots:
                screenshots.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=screenshots / f"{name}.png", full_page=True)

        def until(expression):
            """Waits until a JavaScript expression is true. Playwright's own wait needs `eval` in the page, which its policy forbids."""
            for _ in range(600):
                if page.evaluate(expression):
                    return
                page.wait_for_timeout(200)
            raise AssertionError(expression)

        def shots(name):
            """At the widths of phones and large screens, dark and light."""
            if not screenshots:
                return
            for width, height, scheme in ((1600, 1000, "light"), (1600, 1000, "dark"), (360, 740, "light"), (360, 740, "dark")):
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

        # Side by side, the picture alone is on the left.
        def halves(canvas):
            return page.evaluate('''(selector) => {
                const canvas = document.querySelector(selector), { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
                const counts = [0, 0];
                for (let i = 0; i < data.length; i += 4) counts[(i / 4) % width < width / 2 ? 0 : 1] += data[i + 2] > data[i] + 20;
                return [canvas.width, ...counts];
            }''', canvas)

        page.get_by_role("radio", name="Side by side").check(force=True)
        until(f"document.querySelector('#picture-canvas').width > {2 * mask.shape[1]}")
        width, left, right = halves("#picture-canvas")
        assert right > left + (mask > 0).sum() / 4, (width, left, right)
        shot("picture-compare")
        page.get_by_role("radio", name="Overlay").check(force=True)

        # Another threshold segments again: a lower one takes in more.
        page.get_by_role("slider", name="Threshold").focus()
        for _ in range(30):
            page.keyboard.press("ArrowLeft")
        until("document.querySelector('#threshold-text').value === '0.20'")
        share = page.locator("#legend .amount")
        until(f"parseFloat(document.querySelector('#legend .amount').textContent) > {100 * (mask > 0).mean() + 0.05}")
        assert share.count() == 1

        page.set_input_files("#files", str(volume))
        row = page.locator(".item", has_text=pathlib.Path(volume).name)
        row.and_(page.locator("[data-state=running]")).wait_for()
        shots("running")
        row.and_(page.locator("[data-state=done]")).wait_for()

        # A volume's threshold: the file is sent again.
        row.locator(".open").click()
        page.get_by_role("slider", name="Threshold").focus()
        page.keyboard.press("PageUp")
        page.get_by_role("button", name="Segment again").click()
        again = page.locator(".item", has_text=f"{pathlib.Path(volume).name}, threshold")
        again.and_(page.locator("[data-state=done]")).wait_for()
        page.locator("#name", has_text="threshold").wait_for()
        page.get_by_role("button", name="Delete from the server").click()
        again.wait_for(state="detached")
        row = page.locator(".item", has_text=pathlib.Path(volume).name)

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

        page.get_by_role("radio", name="Side by side").check(force=True)
        page.locator(".plane canvas[aria-label*='alone beside it']").nth(2).wait_for()
        shots("volume-compare")
        page.get_by_role("radio", name="Overlay").check(force=True)

        # After a reload the page no longer has the file, and says so.
        page.get_by_role("slider", name="Threshold").focus()
        page.keyboard.press("PageUp")
        page.locator("#again-hint").wait_for()

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
        if screenshots:
            page.pdf(path=screenshots / "report.pdf", format="A4")
            shot("report")
        assert "Not a medical device" in page.locator("#sheet").inner_text()
        page.emulate_media(media="screen")

        # A ZIP of a DICOM series gives a segmentation for the archive.
        packed = out / "series.zip"
        packed.write_bytes(series)
        page.set_input_files("#files", str(packed))
        from_archive = page.locator(".item", has_text="series.zip")
        from_archive.and_(page.locator("[data-state=done]")).wait_for()
        from_archive.locator(".open").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Save DICOM SEG").click()
        assert pydicom.dcmread(io.BytesIO(pathlib.Path(download.value.path()).read_bytes())).Modality == "SEG"
        page.get_by_role("button", name="Delete from the server").click()
        from_archive.wait_for(state="detached")

        # Names and roles for those who hear the page: every control has a name, and there is one main heading at a time.
        nameless = page.evaluate("[...document.querySelectorAll('button, input:not([hidden]), select, progress, a')].filter((e) => e.checkVisibility() && !(e.textContent.trim() || e.ariaLabel || e.labels?.length || e.getAttribute('aria-labelledby'))).length")
        assert nameless == 0, nameless

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
