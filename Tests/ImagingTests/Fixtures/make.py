#!/usr/bin/env python3
"""Writes the fixtures of ImagingTests: pictures of every kind with the pixels that Pillow reads from them, resized planes by PyTorch,
random numbers by NumPy. `make.py FOLDER [SEED]`; the committed ones are `make.py . 1`. Needs pillow, numpy, torch."""
import json, os, struct, sys, zlib
import numpy as np
from PIL import Image

folder, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
rng = np.random.default_rng(seed)
os.makedirs(folder, exist_ok=True)
cases = []
index, blob = {}, bytearray()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack(rows, bits):
    """Rows of samples (h, n) to PNG scanlines, unfiltered."""
    out = b""
    for row in rows:
        if bits == 16:
            line = row.astype(">u2").tobytes()
        elif bits == 8:
            line = row.astype(np.uint8).tobytes()
        else:
            text = "".join(format(int(v), f"0{bits}b") for v in row)
            text += "0" * (-len(text) % 8)
            line = bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8))
        out += b"\0" + line
    return out


def png(samples, bits, color, palette=None, extra=(), interlaced=False):
    """A PNG from (h, w, c) samples, with chunks `extra` before the data."""
    h, w, c = samples.shape
    if interlaced:
        raw = b""
        for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
            part = samples[y0::dy, x0::dx]
            if part.size:
                raw += pack(part.reshape(part.shape[0], -1), bits)
    else:
        raw = pack(samples.reshape(h, -1), bits)
    body = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, bits, color, 0, 0, int(interlaced)))
    for kind, data in extra:
        if kind != b"tRNS":
            body += chunk(kind, data)
    if palette is not None:
        body += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    for kind, data in extra:
        if kind == b"tRNS":
            body += chunk(kind, data)
    return body + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def dump(name, array):
    """Appends an array's bytes to expected.bin; expected.json says where each lies."""
    index[name] = [len(blob), array.nbytes]
    blob.extend(np.ascontiguousarray(array).tobytes())


def add(name, data=None, image=None, tolerance=0, labels=None, **options):
    """Registers a picture; expected values are Pillow's, except where `labels` states stored values that Pillow does not give."""
    path = os.path.join(folder, name)
    if data is not None:
        with open(path, "wb") as f:
            f.write(data)
    else:
        image.save(path, **options)
    with Image.open(path) as opened:
        opened.load()
        kind = "JPEG" if opened.format == "JPEG" else "PNG"
        wide = opened.mode.startswith("I")
        if wide:  # Pillow clips 16-bit grey in some versions; the high byte is libpng's documented strip_16
            grey = np.asarray(opened).astype(np.uint16) >> 8
            rgb = np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
            grey = rgb[..., 0]
        else:
            rgb = np.asarray(opened.convert("RGB"))
            grey = np.asarray(opened.convert("RGB").convert("L"))
        case = {"name": name, "width": opened.width, "height": opened.height, "format": kind, "mode": opened.mode, "tolerance": tolerance}
    dump(name + ".rgb", rgb)
    dump(name + ".grey", grey)
    if labels is not None:
        case["labels"] = True
        dump(name + ".labels", labels.astype(np.uint8))
    cases.append(case)


def size():
    return int(rng.integers(1, 40)), int(rng.integers(1, 40))


def smooth(h, w, c):
    y, x = np.mgrid[0:h, 0:w] / max(h, w)
    planes = [127 + 120 * np.sin(7 * x + 5 * y * (k + 1) + rng.uniform(0, 6)) for k in range(c)]
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


# PNG: every kind of pixel, plain and interlaced.
for interlaced in (False, True):
    tail = "_interlaced" if interlaced else ""
    for bits in (1, 2, 4, 8, 16):
        h, w = size()
        samples = rng.integers(0, 1 << bits, (h, w, 1))
        scaled = samples[..., 0] * (255 // ((1 << bits) - 1)) if bits <= 8 else None
        add(f"grey{bits}{tail}.png", png(samples, bits, 0, interlaced=interlaced), labels=scaled)
    for bits in (1, 2, 4, 8):
        h, w = size()
        samples = rng.integers(0, 1 << bits, (h, w, 1))
        palette = rng.integers(0, 256, (1 << bits, 3))
        trns = rng.integers(0, 256, (1 << bits) // 2 + 1).astype(np.uint8).tobytes()
        add(f"palette{bits}{tail}.png", png(samples, bits, 3, palette, interlaced=interlaced), labels=samples)
        add(f"palette{bits}_transparent{tail}.png", png(samples, bits, 3, palette, [(b"tRNS", trns)], interlaced), labels=samples)
    for bits in (8, 16):
        # Pillow takes the high byte of 16-bit colours.
        for color, c, name in ((2, 3, "rgb"), (4, 2, "grey_alpha"), (6, 4, "rgba")):
            h, w = size()
            add(f"{name}{bits}{tail}.png", png(rng.integers(0, 1 << bits, (h, w, c)), bits, color, interlaced=interlaced))

samples = rng.integers(0, 256, (9, 11, 3))
gamma = [(b"gAMA", struct.pack(">I", 100000)), (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))]
add("gamma_rgb.png", png(samples, 8, 2, extra=gamma))
add("gamma_grey16.png", png(rng.integers(0, 65536, (9, 11, 1)), 16, 0, extra=gamma[:1]))
add("profile_rgb.png", png(samples, 8, 2, extra=[(b"iCCP", b"x\0\0" + zlib.compress(b"no profile")), (b"tEXt", b"Comment\0hello")]))
add("transparent_colour_rgb.png", png(samples, 8, 2, extra=[(b"tRNS", struct.pack(">3H", *samples[0, 0]))]))
add("transparent_grey.png", png(samples[..., :1], 8, 0, extra=[(b"tRNS", struct.pack(">H", int(samples[0, 0, 0])))]), labels=samples[..., 0])
add("labels16.png", png(samples[..., :1], 16, 0), labels=samples[..., 0])
add("labels_rgb.png", png(np.repeat(samples[..., :1], 3, 2), 8, 2), labels=samples[..., 0])
add("one.png", png(samples[:1, :1], 8, 2))
add("one_bit.png", png(np.ones((1, 1, 1), int), 1, 0), labels=np.full((1, 1), 255))
add("filtered_rgb.png", image=Image.fromarray(smooth(33, 47, 3)))
add("filtered_mode1.png", image=Image.fromarray((smooth(33, 47, 1)[..., 0] > 127)))
add("png_named.jpg", png(samples, 8, 2))

# JPEG. libjpeg-turbo's arithmetic is exact over versions, so RGB is compared bit for bit.
for name, options in {
    "baseline": {}, "progressive": {"progressive": True}, "optimised": {"optimize": True}, "quality30": {"quality": 30},
    "s444": {"subsampling": 0}, "s422": {"subsampling": 1}, "s420": {"subsampling": 2}, "restart": {"restart_marker_blocks": 1},
    "progressive444": {"progressive": True, "subsampling": 0, "quality": 97},
}.items():
    h, w = size()
    add(f"{name}.jpg", image=Image.fromarray(smooth(h, w, 3)), **options)
add("grey.jpg", image=Image.fromarray(smooth(21, 35, 1)[..., 0]))
add("grey_progressive.jpg", image=Image.fromarray(smooth(21, 35, 1)[..., 0]), progressive=True)
add("one.jpg", image=Image.fromarray(smooth(1, 1, 3)))
add("one_grey.jpg", image=Image.fromarray(smooth(1, 1, 1)[..., 0]))
add("cmyk.jpg", image=Image.fromarray(smooth(19, 26, 4), "CMYK"), quality=92)
add("cmyk_progressive.jpg", image=Image.fromarray(smooth(19, 26, 4), "CMYK"), progressive=True)
with open(os.path.join(folder, "cmyk.jpg"), "rb") as f:
    data = bytearray(f.read())
adobe = data.index(b"Adobe")
data[adobe + 11] = 2  # the same coefficients, now read as YCCK
add("ycck.jpg", bytes(data))
exif = Image.Exif()
exif[0x0112] = 6  # turned by 90°, not to be applied
add("rotated_exif.jpg", image=Image.fromarray(smooth(12, 30, 3)), exif=exif.tobytes())
rgb_data = Image.fromarray(smooth(24, 24, 3))
add("rgb_space.jpg", image=rgb_data, keep_rgb=True)
with open(os.path.join(folder, "baseline.jpg"), "rb") as f:
    data = f.read()
segment = b"\xff\xe2" + struct.pack(">H", 65535) + b"\xff\xd9" * 32766 + b"\0"  # metadata of 64 KiB full of end markers
if seed != 1:  # large: only in live comparison
    add("metadata.jpg", data[:2] + segment * 5 + data[2:])
add("jpeg_named.png", data)

json.dump(cases, open(os.path.join(folder, "pictures.json"), "w"), indent=0)

# Resizing.
import torch
import torch.nn.functional as F

resized = []
sizes = [(1, 1, 1, 1), (1, 1, 5, 7), (5, 7, 1, 1), (8, 8, 8, 8), (7, 9, 16, 16), (16, 16, 7, 9), (13, 200, 32, 32), (2, 3, 31, 17), (97, 61, 24, 40), (3, 1, 1, 9)]
for number, (h, w, H, W) in enumerate(sizes):
    x = torch.tensor(rng.normal(0, 100, (1, 2, h, w)), dtype=torch.float32)
    u8 = torch.tensor(rng.integers(0, 256, (h, w, 3)), dtype=torch.uint8)
    dump(f"resize{number}.input", x.numpy())
    dump(f"resize{number}.bilinear", F.interpolate(x, (H, W), mode="bilinear", align_corners=False, antialias=False).numpy())
    dump(f"resize{number}.nearest", F.interpolate(x, (H, W), mode="nearest").numpy())
    dump(f"resize{number}.u8", u8.numpy())
    dump(f"resize{number}.u8bilinear", F.interpolate(u8.permute(2, 0, 1)[None].float() * 0.5 - 3, (H, W), mode="bilinear", align_corners=False).numpy())
    resized.append({"index": number, "channels": 2, "from": [h, w], "to": [H, W]})
json.dump(resized, open(os.path.join(folder, "resize.json"), "w"), indent=0)

# NumPy's Philox adds one to its counter before a block; ours starts at the block that the counter names.
philox = []
for s, t, u in [(0, 0, 0), (42, 7, 3), (2**64 - 1, 2**63, 12345678901234567890), (int(rng.integers(2**63)), 1, 2)]:
    start = (u << 64) - 1
    words = [(start >> (64 * i)) & (2**64 - 1) for i in range(4)] if start >= 0 else [2**64 - 1] * 4
    generator = np.random.Philox(counter=np.array(words, dtype=np.uint64), key=np.array([s, t], dtype=np.uint64))
    philox.append({"seed": str(s), "stream": str(t), "substream": str(u), "values": [str(int(v)) for v in generator.random_raw(10)]})
json.dump(philox, open(os.path.join(folder, "philox.json"), "w"), indent=0)

json.dump(index, open(os.path.join(folder, "expected.json"), "w"), indent=0)
with open(os.path.join(folder, "expected.bin"), "wb") as f:
    f.write(blob)
