"""Makes files that demand far more time or memory than their content is worth, for limits.py."""

import gzip
import io
import json
import struct
import zipfile
import zlib

UNDEFINED = 2**64 - 1


def u64(value):
    return struct.pack("<Q", value & UNDEFINED)


def zeros(count, packer, piece=1 << 20):
    """`Compresses `count` zero bytes without holding them in memory."""
    parts = []
    while count > 0:
        parts.append(packer.compress(bytes(min(piece, count))))
        count -= piece
    return b"".join(parts) + packer.flush()


# ---- HDF5, by hand: a superblock of version 0 and a root group with one name

def hdf5_start(end, root):
    return (b"\x89HDF\r\n\x1a\n" + bytes([0, 0, 0, 0, 0, 8, 8, 0]) + struct.pack("<HHI", 4, 16, 0) + u64(0) + u64(UNDEFINED) + u64(end)
            + u64(UNDEFINED) + u64(0) + u64(root) + bytes(24))


def hdf5_many_symbols(messages, children, symbols):
    """A group that lists one table of names messages × children times."""
    root = 96
    heap = (root + 16 + 24 * messages + 63) // 64 * 64
    tree = heap + 128
    table = tree + 24 + 16 * children
    end = table + 8 + 40 * symbols
    message = struct.pack("<HHB3x", 0x11, 16, 0) + u64(tree) + u64(heap)
    file = bytearray(end)
    file[:96] = hdf5_start(end, root)
    header = struct.pack("<BBHII4x", 1, 0, messages, 1, 24 * messages) + message * messages
    file[root : root + len(header)] = header
    file[heap : heap + 32] = b"HEAP" + bytes(4) + u64(16) + u64(UNDEFINED) + u64(heap + 64)
    file[heap + 64 : heap + 80] = b"\0imagX" + bytes(10)
    file[tree : tree + 24] = b"TREE" + bytes(2) + struct.pack("<H", children) + u64(UNDEFINED) * 2
    file[tree + 24 : tree + 24 + 16 * children] = (u64(0) + u64(table)) * children
    file[table : table + 8] = b"SNOD" + bytes([1, 0]) + struct.pack("<H", symbols)
    file[table + 8 :] = (u64(1) + u64(root) + bytes(24)) * symbols
    return bytes(file)


def hdf5_chunked(shape, chunk, packed, size=1):
    """The array `image` of unsigned numbers, whose chunks are all `packed`."""
    counts = [-(-n // c) for n, c in zip(shape, chunk)]
    places = [(z, y, x) for z in range(counts[0]) for y in range(counts[1]) for x in range(counts[2])]
    heap, tree, dataset = 96 + 40, 96 + 40 + 64, 96 + 40 + 64 + 24 + 24
    table = dataset + 512
    chunks = table + 8 + 40
    data = chunks + max(24 + (len(places) + 1) * 48, 3136)  # libhdf5 reads whole nodes
    messages = [
        (0x01, bytes([1, 3, 0, 0, 0, 0, 0, 0]) + b"".join(map(u64, shape))),
        (0x03, bytes([0x10, 0, 0, 0]) + struct.pack("<IHH", size, 0, 8 * size)),
        (0x08, bytes([3, 2, 4]) + u64(chunks) + struct.pack("<4I", *chunk, size) + bytes(5)),
        (0x0B, bytes([1, 1, 0, 0, 0, 0, 0, 0]) + struct.pack("<HHHH", 1, 0, 0, 1) + struct.pack("<II", 9, 0)),
    ]
    body = b""
    for kind, content in messages:
        content += bytes(-len(content) % 8)
        body += struct.pack("<HHB3x", kind, len(content), 0) + content
    end = data + len(packed)
    file = bytearray(data)
    file[:96] = hdf5_start(end, 96)
    file[96:136] = struct.pack("<BBHII4x", 1, 0, 1, 1, 24) + struct.pack("<HHB3x", 0x11, 16, 0) + u64(tree) + u64(heap)
    file[heap : heap + 32] = b"HEAP" + bytes(4) + u64(16) + u64(1) + u64(heap + 32)
    file[heap + 32 : heap + 48] = bytes(8) + b"image\0\0\0"
    file[tree : tree + 48] = b"TREE" + bytes(2) + struct.pack("<H", 1) + u64(UNDEFINED) * 2 + u64(0) + u64(table) + u64(8)
    header = struct.pack("<BBHII4x", 1, 0, len(messages), 1, len(body)) + body
    file[dataset : dataset + len(header)] = header
    file[table : table + 48] = b"SNOD" + bytes([1, 0]) + struct.pack("<H", 1) + u64(8) + u64(dataset) + bytes(24)
    nodes = b"TREE" + bytes([1, 0]) + struct.pack("<H", len(places)) + u64(UNDEFINED) * 2
    for place in places:
        nodes += struct.pack("<II", len(packed), 0) + b"".join(u64(p * c) for p, c in zip(place, chunk)) + u64(0) + u64(data)
    nodes += bytes(8) + b"".join(map(u64, shape)) + u64(0)
    file[chunks : chunks + len(nodes)] = nodes
    return bytes(file) + packed


# ---- NIfTI and NumPy

def nifti_gz(shape, code=2, size=1, slope=1.0, offset=352, padding=0):
    columns, rows, slices = shape
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, columns, rows, slices, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, code, 8 * size)
    struct.pack_into("<8f", header, 76, *[1] * 8)
    struct.pack_into("<fff", header, 108, offset, slope, 0)
    header[344:348] = b"n+1\0"
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(bytes(header)) + zeros(columns * rows * slices * size + padding, packer)


def npz(shape, count):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        with archive.open("image.npy", "w", force_zip64=True) as member:
            member.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
            for _ in range(count >> 20):
                member.write(bytes(1 << 20))
    return file.getvalue()


# ---- weights

def safetensors(tensors, metadata=None):
    """`A file of zeros; `tensors` maps names to shapes."""
    header, offset = ({"__metadata__": metadata} if metadata else {}), 0
    for name, shape in tensors.items():
        count = 4
        for n in shape:
            count *= n
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + count]}
        offset += count
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + bytes(offset)


def deep_weights(width, depth):
    """A few small tensors whose names claim a network of `depth` blocks per stage and `width` channels."""
    tensors = {}
    for side in ("layers", "layers_up"):
        for stage in range(4):
            for block in range(depth):
                is_first = side == "layers" and block == 0
                tensors[f"vmunet.{side}.{stage}.blocks.{block}.ln_1.weight"] = [width << stage] if is_first else [0]
    tensors["vmunet.final_conv.weight"] = [1, 0, 1, 1]
    tensors["vmunet.layers.0.blocks.0.self_attention.A_logs"] = [0, 16]
    return safetensors(tensors)


def pth(pickle):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/data.pkl", pickle)
    return file.getvalue()


def with_position(checkpoint, lies):
    """A run's checkpoint with a false position."""
    length = struct.unpack("<Q", checkpoint[:8])[0]
    header = json.loads(checkpoint[8 : 8 + length])
    position = json.loads(header["__metadata__"]["vmunet.position"])
    position.update(lies)
    header["__metadata__"]["vmunet.position"] = json.dumps(position)
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + checkpoint[8 + length :]


def many_tensors(count):
    """Nothing but names: as many tensors of no element as a header can list."""
    body = ",".join(f'"t{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' for i in range(count))
    text = ("{" + body + "}").encode()
    return struct.pack("<Q", len(text)) + text


def many_members(count):
    """A zip archive of `count` empty members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for i in range(count):
            archive.writestr(f"{i}.npy", b"")
    return file.getvalue()


# ---- pictures

def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg(width, height, scans, is_arithmetic, is_progressive=True, padding=0, is_sound=False):
    """A JPEG that claims a large size but holds almost nothing, in any number of scans."""
    frame = {(False, True): 0xC2, (True, True): 0xCA, (True, False): 0xC9}[is_arithmetic, is_progressive]
    file = b"\xff\xd8" + segment(0xDB, bytes([0] + [1] * 64))
    for _ in range(padding // 65000):
        file += segment(0xFE, bytes(65000))
    components = b"".join(bytes([i, 0x11, 0]) for i in (1, 2, 3))
    file += segment(frame, bytes([8]) + struct.pack(">HHB", height, width, 3) + components)
    if not is_arithmetic:
        file += segment(0xC4, bytes([0x00, 1] + [0] * 15 + [0])) + segment(0xC4, bytes([0x10, 1, 1] + [0] * 14 + [0xE0, 0x00]))
    file += segment(0xDA, bytes([3, 1, 0, 2, 0, 3, 0, 0, 0 if is_progressive else 63, 0]))
    # A bit a block for the flat picture; then runs of 16384 blocks in fifteen bits.
    blocks = -(-width // 8) * -(-height // 8)
    file += bytes(3 * blocks // 8 + 1 if is_sound else 16)
    for i in range(scans - 1):
        file += segment(0xDA, bytes([1, i % 3 + 1, 0, 1, 63, 0])) + bytes(-(-blocks // 16384) * 15 // 8 + 1 if is_sound else 4)
    return file + b"\xff\xd9"


def png(width, height, packed_rows):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed_rows) + chunk(b"IEND", b"")


def png_text(size):
    """One pixel, and a text that unpacks to `size` bytes."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    text = chunk(b"zTXt", b"a\0\0" + zeros(size, zlib.compressobj(9)))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + text + chunk(b"IDAT", zlib.compress(bytes(2))) + chunk(b"IEND", b"")


def tiff(width, height, rows, packing, strip, count=None, bits=8):
    """Grey, in strips of `rows` rows that are all the same bytes."""
    count = -(-height // rows) if count is None else count
    start = 8 + 2 + 12 * 9 + 4
    offsets, lengths = start, start + 4 * count
    data = lengths + 4 * count
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits), (259, 3, 1, packing), (262, 3, 1, 1),
        (273, 4, count, offsets if count > 1 else data), (277, 3, 1, 1), (278, 4, 1, rows),
        (279, 4, count, lengths if count > 1 else len(strip)),
    ]
    file = b"II*\0" + struct.pack("<IH", 8, len(entries))
    for tag, kind, number, value in entries:
        file += struct.pack("<HHI", tag, kind, number) + (struct.pack("<HH", value, 0) if kind == 3 else struct.pack("<I", value))
    return file + bytes(4) + struct.pack("<I", data) * count + struct.pack("<I", len(strip)) * count + strip


def tiled_tiff(width, height, tile_width, tile_height, samples, bits):
    """Zeros, deflated, in tiles that are all the same bytes."""
    tile = zeros(tile_width * tile_height * samples * bits // 8, zlib.compressobj(9))
    count = -(-width // tile_width) * -(-height // tile_height)
    start = 8 + 2 + 12 * 10 + 4
    offsets, lengths = start, start + 4 * count
    data = lengths + 4 * count if count > 1 else start
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, samples),
        (322, 4, 1, tile_width), (323, 4, 1, tile_height),
        (324, 4, count, offsets if count > 1 else data), (325, 4, count, lengths if count > 1 else len(tile)),
    ]
    file = b"II*\0" + struct.pack("<IH", 8, len(entries))
    for tag, kind, number, value in entries:
        file += struct.pack("<HHI", tag, kind, number) + (struct.pack("<HH", value, 0) if kind == 3 else struct.pack("<I", value))
    lists = struct.pack("<I", data) * count + struct.pack("<I", len(tile)) * count if count > 1 else b""
    return file + bytes(4) + lists + tile


def bmp_runs(width, height, runs):
    """Eight bits per pixel in runs of 255, as many as said."""
    data = b"\xff\x01" * runs + b"\x00\x01"
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(data), 1, 1, 256, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 1024 + len(data), 0, 0, 54 + 1024) + head + bytes(1024) + data


def gz(data):
    return gzip.compress(data, 9, mtime=0)
