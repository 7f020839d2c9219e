"""Writes BMP, TIFF, 16-bit PNG and turned pictures into this folder, with what Pillow and tifffile read of them in expected.*.
usage: make.py; needs numpy, pillow, tifffile and imagecodecs"""
import io, json, os, struct, zlib
import numpy as np, tifffile
from PIL import Image, ImageOps, PngImagePlugin

here = os.path.dirname(os.path.abspath(__file__))
at = lambda name: os.path.join(here, name)
index, blob, cases = {}, bytearray(), []
H, W = 23, 29
y, x = np.mgrid[0:H, 0:W]
rgb = np.stack([x * 5 % 256, y * 6 % 256, (x * y) % 256], -1).astype(np.uint8)
rgb[:6, :8] = (30, 200, 60)  # a corner, so that a turn shows
grey = ((x * 7 + y * 5) % 256).astype(np.uint8)
wide = (grey.astype(np.uint16) * 257 + x.astype(np.uint16))
wide_rgb = rgb.astype(np.uint16) * 251 + y[..., None].astype(np.uint16)


def put(name, array):
    index[name] = [len(blob), array.size]
    blob.extend(np.ascontiguousarray(array, np.uint8).tobytes())


def expect(name, seen, labels=None, mask=None, bits=8, format="tiff", orientation=1):
    """What the picture shows, (H, W) or (H, W, 3), 8 bits; labels and mask where they are worth a test."""
    cases.append(dict(name=name, width=seen.shape[1], height=seen.shape[0], channels=3 if seen.ndim == 3 else 1, bits=bits, format=format,
                      orientation=orientation, labels=labels is not None, mask=mask is not None))
    put(name, seen)
    if labels is not None: put(name + ".labels", labels)
    if mask is not None: put(name + ".mask", mask)


def pillow(name):
    with Image.open(at(name)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("L" if image.mode in ("L", "1", "I;16") else "RGB"))


# BMP by Pillow: 1, 8 (grey and palette), 24, 32 bits.
Image.fromarray(rgb).save(at("rgb24.bmp")); expect("rgb24.bmp", pillow("rgb24.bmp"), format="bmp")
Image.fromarray(rgb).convert("RGBA").save(at("rgba32.bmp")); expect("rgba32.bmp", rgb, format="bmp")
Image.fromarray(grey).save(at("grey8.bmp")); expect("grey8.bmp", grey, labels=grey, mask=grey, format="bmp")
bilevel = (grey > 128)
Image.fromarray(bilevel).save(at("bilevel.bmp")); expect("bilevel.bmp", bilevel * np.uint8(255), labels=bilevel * np.uint8(255), bits=1, format="bmp")
palette = Image.fromarray(rgb).quantize(40)
palette.save(at("palette8.bmp")); expect("palette8.bmp", np.asarray(palette.convert("RGB")), labels=np.asarray(palette), format="bmp")
assert (pillow("palette8.bmp") == np.asarray(palette.convert("RGB"))).all()


def bmp(name, bits, rows, width, height, *, packing=0, colors=b"", masks=b"", header=40, used=0):
    """A BMP file by hand: rows as they lie in the file."""
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, packing, len(rows), 2835, 2835, used, 0)
        info += (masks if header > 40 else b"").ljust(header - 40, b"\0")
        if header == 40: info += masks
    offset = 14 + len(info) + len(colors)
    open(at(name), "wb").write(b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + info + colors + rows)


pad = lambda row: row + bytes(-len(row) % 4)
entries = lambda colors: b"".join(bytes([b, g, r, 0]) for r, g, b in colors)
ramp = [(i * 16, 255 - i * 9, i * 5) for i in range(16)]
indices4 = (grey // 16).astype(np.uint8)
nibbles = lambda row: bytes((int(row[i]) << 4) | (int(row[i + 1]) if i + 1 < len(row) else 0) for i in range(0, len(row), 2))
colored4 = np.array(ramp, np.uint8)[indices4]
bmp("palette4.bmp", 4, b"".join(pad(nibbles(r)) for r in indices4[::-1]), W, H, colors=entries(ramp))
expect("palette4.bmp", colored4, labels=indices4, bits=4, format="bmp")
bmp("palette4_top_down.bmp", 4, b"".join(pad(nibbles(r)) for r in indices4), W, -H, colors=entries(ramp), used=16)
expect("palette4_top_down.bmp", colored4, labels=indices4, bits=4, format="bmp")
bmp("os2.bmp", 4, b"".join(pad(nibbles(r)) for r in indices4[::-1]), W, H, colors=b"".join(bytes([b, g, r]) for r, g, b in ramp), header=12)
expect("os2.bmp", colored4, labels=indices4, bits=4, format="bmp")
two = [(10, 20, 30), (200, 100, 50)]
bmp("palette1.bmp", 1, b"".join(pad(np.packbits(r).tobytes()) for r in bilevel[::-1]), W, H, colors=entries(two), used=2)
expect("palette1.bmp", np.array(two, np.uint8)[bilevel.astype(int)], labels=bilevel.astype(np.uint8), bits=1, format="bmp")
inverted = [(255, 255, 255), (0, 0, 0)]
bmp("inverted1.bmp", 1, b"".join(pad(np.packbits(r).tobytes()) for r in bilevel[::-1]), W, H, colors=entries(inverted), used=2)
expect("inverted1.bmp", np.array(inverted, np.uint8)[bilevel.astype(int)], bits=1, format="bmp")


def fields(name, bits, masks, header, packing=3, alpha=None):
    word = np.zeros((H, W), np.uint32); seen = np.zeros_like(rgb)
    for c, mask in enumerate(masks):
        shift = (mask & -mask).bit_length() - 1; top = mask >> shift
        value = rgb[..., c].astype(np.uint32) * top // 255
        word |= value << shift; seen[..., c] = value * 255 // top
    rows = b"".join(pad(r.astype("<u2" if bits == 16 else "<u4").tobytes()) for r in word[::-1])
    bmp(name, bits, rows, W, H, packing=packing, masks=b"".join(struct.pack("<I", m) for m in masks + ([alpha] if alpha is not None else [])), header=header)
    expect(name, seen, format="bmp")
fields("fields565.bmp", 16, [0xF800, 0x7E0, 0x1F], 40)
fields("fields444.bmp", 16, [0xF00, 0xF0, 0xF], 56, alpha=0xF000)
fields("fields_rgba.bmp", 32, [0xFF, 0xFF00, 0xFF0000], 108, alpha=0xFF000000)
fields("fields_bgra.bmp", 32, [0xFF0000, 0xFF00, 0xFF], 124, alpha=0xFF000000)
fields("fields_10bit.bmp", 32, [0x3FF00000, 0xFFC00, 0x3FF], 52)
fields("default555.bmp", 16, [0x7C00, 0x3E0, 0x1F], 40, packing=0); os.truncate(at("default555.bmp"), os.path.getsize(at("default555.bmp")))


def runs8(array):
    out = b""
    for row in array[::-1]:
        i = 0
        while i < len(row):
            n = 1
            while i + n < len(row) and n < 255 and row[i + n] == row[i]: n += 1
            if n >= 3 or len(row) - i < 3: out += bytes([n, row[i]]); i += n; continue
            n = min(len(row) - i, 7); out += bytes([0, n]) + row[i:i + n].tobytes() + bytes(n % 2); i += n
        out += b"\0\0"
    return out + b"\0\1"
flat8 = (grey // 40).astype(np.uint8)
bmp("runs8.bmp", 8, runs8(flat8), W, H, packing=1, colors=entries(ramp), used=16)
expect("runs8.bmp", np.array(ramp, np.uint8)[flat8], labels=flat8, format="bmp")
assert (np.asarray(Image.open(at("runs8.bmp")).convert("RGB")) == np.array(ramp, np.uint8)[flat8]).all()
# Runs of four bits with a jump over pixels that stay at index 0, and an early end.
jump = np.zeros((H, W), np.uint8); jump[0, :6] = [1, 2, 1, 2, 1, 2]; jump[2, 10:15] = [3, 4, 5, 6, 7]
bmp("runs4.bmp", 4, bytes([6, 0x12, 0, 2, 4, 2, 0, 5, 0x34, 0x56, 0x70, 0, 0, 1]), W, H, packing=2, colors=entries(ramp))
expect("runs4.bmp", np.array(ramp, np.uint8)[jump[::-1]], labels=jump[::-1], bits=4, format="bmp")

# TIFF by tifffile: every packing, strips and tiles, both byte orders, planes apart, BigTIFF.
def tiff(name, array, seen=None, **options):
    order = options.pop("byteorder", "<")
    with tifffile.TiffWriter(at(name), byteorder=order, bigtiff=options.pop("bigtiff", False)) as f: f.write(array, metadata=None, **options)
    read = tifffile.imread(at(name)); assert (read == array).all(), name
    return seen if seen is not None else read
gray = dict(photometric="minisblack")
for packing in (None, "lzw", "zlib", "packbits"):
    n = packing or "plain"
    expect(f"grey8_{n}.tif", tiff(f"grey8_{n}.tif", grey, compression=packing, rowsperstrip=10, **gray), labels=grey)
    expect(f"rgb8_{n}.tif", tiff(f"rgb8_{n}.tif", rgb, compression=packing, rowsperstrip=7, photometric="rgb"))
    expect(f"rgb8_tiles_{n}.tif", tiff(f"rgb8_tiles_{n}.tif", rgb, compression=packing, tile=(16, 32), photometric="rgb"))
    expect(f"grey16_{n}.tif", tiff(f"grey16_{n}.tif", wide, (wide >> 8).astype(np.uint8), compression=packing, rowsperstrip=11, **gray), bits=16)
for packing in ("lzw", "zlib"):
    for order in "<>":
        n = packing + ("_big" if order == ">" else "")
        expect(f"grey8_predicted_{n}.tif", tiff(f"grey8_predicted_{n}.tif", grey, compression=packing, predictor=True, byteorder=order, **gray))
        expect(f"rgb16_predicted_{n}.tif", tiff(f"rgb16_predicted_{n}.tif", wide_rgb, (wide_rgb >> 8).astype(np.uint8), compression=packing, predictor=True, byteorder=order, photometric="rgb"), bits=16)
        expect(f"rgb16_predicted_tiles_{n}.tif", tiff(f"rgb16_predicted_tiles_{n}.tif", wide_rgb, (wide_rgb >> 8).astype(np.uint8), compression=packing, predictor=True, byteorder=order, photometric="rgb", tile=(16, 16)), bits=16)
expect("grey16_big_endian.tif", tiff("grey16_big_endian.tif", wide, (wide >> 8).astype(np.uint8), byteorder=">", **gray), bits=16)
planes = np.ascontiguousarray(rgb.transpose(2, 0, 1))
tiff("planar.tif", planes, photometric="rgb", planarconfig="separate", compression="lzw", rowsperstrip=9); expect("planar.tif", rgb)
tiff("planar_tiles.tif", planes, photometric="rgb", planarconfig="separate", compression="zlib", tile=(32, 16)); expect("planar_tiles.tif", rgb)
tiff("planar16.tif", np.ascontiguousarray(wide_rgb.transpose(2, 0, 1)), photometric="rgb", planarconfig="separate"); expect("planar16.tif", (wide_rgb >> 8).astype(np.uint8), bits=16)
rgba = np.dstack([rgb, grey])
tiff("rgba.tif", rgba, photometric="rgb", extrasamples=["unassalpha"], compression="lzw", predictor=True); expect("rgba.tif", rgb)
tiff("grey_alpha.tif", np.dstack([grey, 255 - grey]), extrasamples=["unassalpha"], planarconfig="contig", **gray); expect("grey_alpha.tif", grey)
tiff("white_is_zero.tif", grey, photometric="miniswhite"); expect("white_is_zero.tif", 255 - grey)
tiff("white_is_zero16.tif", wide, photometric="miniswhite"); expect("white_is_zero16.tif", ((65535 - wide) >> 8).astype(np.uint8), bits=16)
expect("big.tif", tiff("big.tif", rgb, bigtiff=True, compression="zlib", photometric="rgb"))
expect("big_big_endian.tif", tiff("big_big_endian.tif", rgb, bigtiff=True, byteorder=">", tile=(16, 16), photometric="rgb"))
colormap = np.stack([np.arange(256) * 257, 65535 - np.arange(256) * 257, np.arange(256) * 101 % 65536]).astype(np.uint16)
tiff("palette.tif", grey, photometric="palette", colormap=colormap); expect("palette.tif", (colormap >> 8).astype(np.uint8).T[grey], labels=grey)
assert (pillow("palette.tif") == (colormap >> 8).astype(np.uint8).T[grey]).all()
# Few bits, by Pillow and tifffile.
Image.fromarray(bilevel).save(at("bilevel.tif"), compression="packbits"); expect("bilevel.tif", bilevel * np.uint8(255), labels=bilevel * np.uint8(255), bits=1)
Image.fromarray(bilevel).save(at("bilevel_lzw.tif"), compression="tiff_lzw"); expect("bilevel_lzw.tif", bilevel * np.uint8(255), bits=1)
tifffile.imwrite(at("grey4.tif"), indices4, bitspersample=4, photometric="minisblack", metadata=None); expect("grey4.tif", indices4 * np.uint8(17), bits=4)
# Long LZW strings and a full table: flat areas, and noise.
flat = np.zeros((130, 150), np.uint8); flat[40:90] = 7
rng = np.random.default_rng(3)
expect("flat_lzw.tif", tiff("flat_lzw.tif", flat, compression="lzw", rowsperstrip=130, **gray))
noise = rng.integers(0, 256, (70, 80)).astype(np.uint8)
expect("noise_lzw.tif", tiff("noise_lzw.tif", noise, compression="lzw", rowsperstrip=70, **gray))
# A reduced version before the picture; pages that are pictures of their own.
with tifffile.TiffWriter(at("thumbnail_first.tif")) as f:
    f.write(rgb[::4, ::4], subfiletype=1, photometric="rgb", metadata=None); f.write(rgb, photometric="rgb", metadata=None)
expect("thumbnail_first.tif", rgb)
with tifffile.TiffWriter(at("refused_pages.tif")) as f:
    f.write(grey, metadata=None, **gray); f.write(255 - grey, metadata=None, **gray)
tifffile.imwrite(at("refused_float.tif"), grey.astype(np.float32), metadata=None, **gray)
tifffile.imwrite(at("refused_32bit.tif"), grey.astype(np.uint32), metadata=None, **gray)
tifffile.imwrite(at("refused_jpeg.tif"), rgb, compression="jpeg", photometric="rgb", metadata=None)
tifffile.imwrite(at("refused_cmyk.tif"), np.dstack([rgb, grey]), photometric="separated", metadata=None)
tifffile.imwrite(at("refused_zstd.tif"), grey, compression="zstd", metadata=None, **gray)

# Sixteen-bit masks: all their bits count.
for n, values in (("01", [0, 1]), ("0255", [0, 255]), ("065535", [0, 65535]), ("0128", [0, 128])):
    array = np.array(values, np.uint16)[bilevel.astype(int)]
    seen = (array >> 8).astype(np.uint8)
    narrow = array.max() <= 255
    mask = array.astype(np.uint8) if narrow else (array // 257).astype(np.uint8)
    Image.fromarray(array).save(at(f"mask16_{n}.png")); expect(f"mask16_{n}.png", seen, labels=array.astype(np.uint8) if narrow else None, mask=mask, bits=16, format="png")
    tiff(f"mask16_{n}.tif", array, compression="lzw", **gray); expect(f"mask16_{n}.tif", seen, labels=array.astype(np.uint8) if narrow else None, mask=mask, bits=16)

# EXIF: all eight turns, both byte orders, in JPEG, PNG (before and behind the pixels) and TIFF.
picture = Image.fromarray(rgb)
def exif(orientation, order="<", kind="H"):
    e = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return e + struct.pack(order + "HHHI", 1, 0x112, {"H": 3, "I": 4}[kind], 1) + struct.pack(order + kind, orientation).ljust(4, b"\0") + bytes(4)
for o in range(1, 9):
    picture.save(at(f"turned{o}.jpg"), quality=95, subsampling=0, exif=b"Exif\0\0" + exif(o, "<>"[o % 2], "HI"[o % 3 == 0]))
    expect(f"turned{o}.jpg", pillow(f"turned{o}.jpg"), format="jpeg", orientation=o)
    e = Image.Exif(); e[0x112] = o
    picture.save(at(f"turned{o}.png"), exif=e); expect(f"turned{o}.png", pillow(f"turned{o}.png"), format="png", orientation=o)
    tifffile.imwrite(at(f"turned{o}.tif"), rgb, photometric="rgb", metadata=None, extratags=[(274, 3, 1, o, True)])
    expect(f"turned{o}.tif", pillow(f"turned{o}.tif"), orientation=o)
    reference = np.asarray(ImageOps.exif_transpose(Image.open(at(f"turned{o}.png"))))
    assert (pillow(f"turned{o}.tif") == reference).all()
def chunk(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
plain = io.BytesIO(); picture.save(plain, "PNG"); plain = plain.getvalue()
open(at("exif_behind.png"), "wb").write(plain[:-12] + chunk(b"eXIf", exif(6, ">")) + plain[-12:])
expect("exif_behind.png", np.rot90(rgb, -1), format="png", orientation=6)
mask = Image.fromarray(bilevel * np.uint8(3)); e = Image.Exif(); e[0x112] = 8; mask.save(at("turned_mask.png"), exif=e)
expect("turned_mask.png", np.rot90(bilevel * np.uint8(3)), labels=np.rot90(bilevel * np.uint8(3)), mask=np.rot90(bilevel * np.uint8(3)), format="png", orientation=8)
# Damaged or false EXIF is ignored; XMP before it is skipped.
jpeg = io.BytesIO(); picture.save(jpeg, "JPEG", quality=95, subsampling=0); jpeg = jpeg.getvalue()
app1 = lambda data: b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data
seen = np.asarray(Image.open(io.BytesIO(jpeg)))
for n, block in (("cut", exif(6)[:14]), ("nine", exif(9)), ("loop", b"II*\0" + struct.pack("<I", 0xFFFFFFF0))):
    open(at(f"exif_{n}.jpg"), "wb").write(jpeg[:2] + app1(b"Exif\0\0" + block) + jpeg[2:]); expect(f"exif_{n}.jpg", seen, format="jpeg")
open(at("exif_after_xmp.jpg"), "wb").write(jpeg[:2] + app1(b"http://ns.adobe.com/xap/1.0/\0<x/>") + app1(b"Exif\0\0" + exif(3)) + jpeg[2:])
expect("exif_after_xmp.jpg", seen[::-1, ::-1], format="jpeg", orientation=3)
picture.save(at("two.mpo.jpg"), format="MPO", save_all=True, append_images=[picture.resize((14, 11))], quality=95); expect("two.mpo.jpg", np.asarray(Image.open(at("two.mpo.jpg"))), format="jpeg")

# Opacity of PNG files.
Image.fromarray(rgba, "RGBA").save(at("opacity.png")); put("opacity.png.opacity", rgba[..., 3])
palette.save(at("opacity_palette.png"), transparency=3); put("opacity_palette.png.opacity", np.where(np.asarray(palette) == 3, 0, 255).astype(np.uint8))
json.dump(cases, open(at("cases.json"), "w")); json.dump(index, open(at("expected.json"), "w")); open(at("expected.bin"), "wb").write(bytes(blob))
print(len(cases), "cases,", len(blob), "bytes")
