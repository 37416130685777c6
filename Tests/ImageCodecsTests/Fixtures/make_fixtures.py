#!/usr/bin/env python3
"""Makes the golden files of ImageCodecsTests with Pillow and numpy: `python3 make_fixtures.py`.

What a picture decodes to comes from Pillow, except where Pillow itself departs from the PNG specification (16-bit
grey, colour keys under and over 8 bits); there it comes from the specification's formula, and this script asserts
that formula against Pillow on everything that Pillow reads right.
"""

import base64
import io
import json
import os
import struct
import warnings
import zlib

import numpy as np
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

HERE = os.path.dirname(os.path.abspath(__file__))
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
NAMES = {GREY: "grey", RGB: "rgb", PALETTE: "palette", GREY_ALPHA: "grey-alpha", RGBA: "rgba"}

pictures = []


def synthetic(count):
    """The same bytes as `syntheticBytes` of the Swift tests: noise, a quarter of it black and white."""
    index = np.arange(count, dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    value = index * np.uint64(2654435761) & mask
    value ^= value >> np.uint64(15)
    value = value * np.uint64(2246822519) & mask
    value ^= value >> np.uint64(13)
    noise = (value >> np.uint64(24)).astype(np.uint8)
    return np.where(index // np.uint64(96) % np.uint64(4) == 0, np.where(noise < 128, 0, 255), noise).astype(np.uint8)


def add(name, data, rgb, alpha=None, **extra):
    """Stores a picture file and what it must decode to."""
    path = os.path.join(HERE, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    height, width = rgb.shape[:2]
    entry = {"file": name, "width": width, "height": height, "rgb": base64.b64encode(rgb.tobytes()).decode()}
    if alpha is not None:
        entry["alpha"] = base64.b64encode(alpha.tobytes()).decode()
    for key, value in extra.items():
        if value is not None:
            entry[key] = base64.b64encode(value).decode() if isinstance(value, bytes) else value
    pictures.append(entry)


def as_pillow_decodes(data, with_alpha):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        rgb = np.array(image.convert("RGB"))
        alpha = np.array(image.convert("RGBA"))[:, :, 3] if with_alpha else None
    return rgb, alpha


# PNG


def chunk(kind, content):
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def pack_rows(samples, depth, filters):
    """Rows of samples, packed and filtered as PNG has it; `filters` yields a filter type a row."""
    height, width, channels = samples.shape
    if depth == 16:
        rows = samples.astype(">u2").view(np.uint8).reshape(height, -1)
    elif depth == 8:
        rows = samples.astype(np.uint8).reshape(height, -1)
    else:
        bits = (samples.reshape(height, width, 1) >> np.arange(depth - 1, -1, -1)) & 1
        rows = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    distance = max(1, channels * depth // 8)
    packed, above = b"", np.zeros(rows.shape[1], np.int32)
    for row in rows.astype(np.int32):
        left = np.concatenate([np.zeros(distance, np.int32), row])[: len(row)]
        above_left = np.concatenate([np.zeros(distance, np.int32), above])[: len(row)]
        estimate = left + above - above_left
        choices = np.stack([left, above, above_left])
        paeth = np.take_along_axis(choices, np.abs(estimate - choices).argmin(axis=0)[None], axis=0)[0]
        kind = next(filters)
        predicted = [np.zeros_like(row), left, above, (left + above) // 2, paeth][kind]
        packed += bytes([kind]) + ((row - predicted) & 255).astype(np.uint8).tobytes()
        above = row
    return packed


def write_png(samples, colour, depth, interlaced=False, before=b"", after=b""):
    """A PNG of `[height, width, channels]` samples; `before` and `after` are chunks around the pixels."""
    height, width, _ = samples.shape
    filters = iter(lambda state=[0]: state.__setitem__(0, state[0] + 1) or state[0] * 3 % 5, None)
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        parts = [samples[y::dy, x::dx] for y, x, dy, dx in passes]
        raw = b"".join(pack_rows(part, depth, filters) for part in parts if part.size)
    else:
        raw = pack_rows(samples, depth, filters)
    packed = zlib.compress(raw, 9)
    third = len(packed) // 3 + 1
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before
        + b"".join(chunk(b"IDAT", packed[start:start + third]) for start in range(0, len(packed), third))
        + after + chunk(b"IEND", b"")
    )  # fmt: skip


def expected_png(samples, colour, depth, palette=None, transparency=None):
    """RGB and alpha by the PNG specification; of 16 bits the high byte."""

    def to_8_bits(values):
        return (values >> 8 if depth == 16 else values * (255 // (2**depth - 1))).astype(np.uint8)

    alpha = None
    if colour == PALETTE:
        rgb = palette[samples[:, :, 0]]
        if transparency is not None:
            full = np.concatenate([transparency, np.full(256 - len(transparency), 255)]).astype(np.uint8)
            alpha = full[samples[:, :, 0]]
        return rgb, alpha
    eight = to_8_bits(samples)
    if colour in (GREY_ALPHA, RGBA):
        alpha = eight[:, :, -1]
        eight = eight[:, :, :-1]
    elif transparency is not None:
        alpha = np.where((samples == transparency).all(axis=2), 0, 255).astype(np.uint8)
    return np.repeat(eight, 3, axis=2) if eight.shape[2] == 1 else eight, alpha


def png_types():
    random = np.random.default_rng(1)
    depths = {GREY: [1, 2, 4, 8, 16], RGB: [8, 16], PALETTE: [1, 2, 4, 8], GREY_ALPHA: [8, 16], RGBA: [8, 16]}
    for colour, depth in [(colour, depth) for colour, allowed in depths.items() for depth in allowed]:
        for interlaced in (False, True):
            for transparent in (False, True) if colour in (GREY, RGB, PALETTE) else (False,):
                samples = random.integers(0, 2**depth, (11, 13, CHANNELS[colour]))
                samples[3:5] = samples[2, 3]  # a run of one colour, the transparent one if there is one
                before, palette, transparency = b"", None, None
                if colour == PALETTE:
                    palette = random.integers(0, 256, (2**depth, 3)).astype(np.uint8)
                    before = chunk(b"PLTE", palette.tobytes())
                if transparent and colour == PALETTE:
                    transparency = random.integers(0, 256, 2 ** (depth - 1)).astype(np.uint8)
                    before += chunk(b"tRNS", transparency.tobytes())
                elif transparent:
                    transparency = samples[2, 3]
                    before += chunk(b"tRNS", transparency.astype(">u2").tobytes())
                name = f"{NAMES[colour]}-{depth}{'-key' if transparent else ''}{'-interlaced' if interlaced else ''}"
                data = write_png(samples, colour, depth, interlaced, before)
                rgb, alpha = expected_png(samples, colour, depth, palette, transparency)
                pillow_rgb, pillow_alpha = as_pillow_decodes(data, alpha is not None)
                if (colour, depth) != (GREY, 16):
                    assert (pillow_rgb == rgb).all(), name
                if alpha is not None and not (transparent and colour != PALETTE and depth != 8):
                    assert (pillow_alpha == alpha).all(), name
                add(f"png/{name}.png", data, rgb, alpha)


def png_sizes():
    for width, height in [(1, 1), (2, 1), (1, 2), (3, 3), (5, 1), (1, 5), (4, 9), (9, 4), (8, 8)]:
        samples = synthetic(width * height * 3).reshape(height, width, 3)
        data = write_png(samples, RGB, 8, interlaced=True)
        assert (as_pillow_decodes(data, False)[0] == samples).all()
        add(f"png/size-{width}x{height}.png", data, samples)


def png_oddities():
    samples = synthetic(12 * 7 * 3).reshape(7, 12, 3)
    picture = Image.fromarray(samples)

    def add_decoded(name, data, with_alpha=False, **extra):
        add(f"png/{name}.png", data, *as_pillow_decodes(data, with_alpha), **extra)

    frames = [picture, ImageOps.invert(picture)]
    output = io.BytesIO()
    frames[0].save(output, "PNG", save_all=True, append_images=frames[1:], duration=100)
    add_decoded("animated", output.getvalue())

    output = io.BytesIO()
    frames[0].save(output, "PNG", save_all=True, append_images=frames[1:], default_image=True)
    add_decoded("animated-with-default-image", output.getvalue())

    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        before = chunk(b"eXIf", exif.tobytes()[6:])
        add_decoded(f"orientation-{orientation}", write_png(samples, RGB, 8, before=before))
    alpha = synthetic(12 * 7 * 4).reshape(7, 12, 4)
    big_endian = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    add_decoded("orientation-after-pixels", write_png(alpha, RGBA, 8, after=chunk(b"eXIf", big_endian)), True)

    gamma = chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"bKGD", b"\0\1\0\2\0\3")
    add_decoded("gamma-and-background", write_png(samples, RGB, 8, before=gamma))

    profile = icc_profile()
    before = chunk(b"iCCP", b"profile\0\0" + zlib.compress(profile))
    add_decoded("profile", write_png(samples, RGB, 8, before=before), icc=profile)
    grey_profile = profile[:16] + b"GRAY" + profile[20:]
    before = chunk(b"iCCP", b"profile\0\0" + zlib.compress(grey_profile))
    grey = write_png(samples[:, :, :1], GREY, 8, before=before)
    add_decoded("profile-of-grey", grey)  # cannot describe the RGB pixels

    for name, text, compressed in [
        ("latin1", "Turn it into a café\nSteps: 20, Seed: 1", False),
        ("unicode", "漫画にして 🎨\nSteps: 20, Seed: 1", False),
        ("latin1-compressed", "a cartoon " * 20, True),
        ("unicode-compressed", "漫画 " * 20, True),
    ]:
        info = PngImagePlugin.PngInfo()
        info.add_text("Software", "test")
        info.add_text("parameters", text, zip=compressed)
        output = io.BytesIO()
        picture.save(output, "PNG", pnginfo=info)
        assert Image.open(io.BytesIO(output.getvalue())).text["parameters"] == text
        add_decoded(f"parameters-{name}", output.getvalue(), parameters=text)


def icc_profile():
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2024, 1, 1, 0, 0, 0)  # the creation date, fixed
    profile[84:100] = bytes(16)  # and the digest over it
    return bytes(profile)


# JPEG


def standard_huffman_tables():
    """The tables of the JPEG standard, annex K, out of a file that uses them: (class, number) -> (counts, values)."""
    output = io.BytesIO()
    Image.new("RGB", (8, 8)).save(output, "JPEG", optimize=False)
    data, tables, position = output.getvalue(), {}, 2
    while data[position + 1] != 0xDA:
        length = struct.unpack(">H", data[position + 2 : position + 4])[0]
        content = data[position + 4 : position + 2 + length]
        while data[position + 1] == 0xC4 and content:
            counts = list(content[1:17])
            tables[content[0] >> 4, content[0] & 15] = counts, list(content[17 : 17 + sum(counts)])
            content = content[17 + sum(counts) :]
        position += 2 + length
    return tables


def huffman_codes(counts, values):
    codes, code, values = {}, 0, iter(values)
    for length, count in enumerate(counts, 1):
        for _ in range(count):
            codes[next(values)] = format(code, f"0{length}b")
            code += 1
        code <<= 1
    return codes


ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, (i // 8 if (i // 8 + i % 8) % 2 else i % 8)))


class JPEGWriter:
    """A baseline encoder for what Pillow's does not write: any sampling factors, ids, markers, separate scans."""

    def __init__(self, planes, factors, ids=None, restart=0, separate=False, segments=b""):
        self.height, self.width = planes[0].shape
        self.factors, self.restart = factors, restart
        self.ids = ids or range(1, len(planes) + 1)
        self.largest = max(h for h, _ in factors), max(v for _, v in factors)
        self.mcus = -(-self.width // (8 * self.largest[0])), -(-self.height // (8 * self.largest[1]))
        self.tables = standard_huffman_tables()
        self.codes = {key: huffman_codes(*table) for key, table in self.tables.items()}
        self.step = 6
        self.blocks = [self.transform(plane, *factor) for plane, factor in zip(planes, factors, strict=True)]
        every = range(len(planes))
        scans = [[component] for component in every] if separate else [every]
        frame = struct.pack(">BHHB", 8, self.height, self.width, len(planes))
        frame += b"".join(bytes([i, h << 4 | v, 0]) for i, (h, v) in zip(self.ids, factors, strict=True))
        self.data = b"\xff\xd8" + segments + self.segment(0xDB, b"\0" + bytes([self.step] * 64))
        self.data += self.segment(0xC0, frame)
        for (kind, number), (counts, values) in self.tables.items():
            self.data += self.segment(0xC4, bytes([kind << 4 | number, *counts, *values]))
        if restart:
            self.data += self.segment(0xDD, struct.pack(">H", restart))
        self.data += b"".join(self.scan(list(scan)) for scan in scans) + b"\xff\xd9"

    @staticmethod
    def segment(marker, content):
        return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content

    def transform(self, plane, h, v):
        """Quantised coefficients [rows of blocks, columns of blocks, 64] in zigzag order."""
        across, down = self.mcus[0] * 8 * self.largest[0], self.mcus[1] * 8 * self.largest[1]
        plane = np.pad(plane.astype(float), [(0, down - self.height), (0, across - self.width)], "edge")
        rows, columns = self.mcus[1] * 8 * v, self.mcus[0] * 8 * h
        plane = plane[np.arange(rows) * down // rows][:, np.arange(columns) * across // columns]
        k, n = np.mgrid[0:8, 0:8]
        basis = np.cos((2 * n + 1) * k * np.pi / 16) * np.where(k == 0, np.sqrt(1 / 8), 0.5)
        blocks = (plane - 128).reshape(rows // 8, 8, columns // 8, 8).transpose(0, 2, 1, 3)
        coefficients = np.rint(basis @ blocks @ basis.T / self.step).astype(int)
        return coefficients.reshape(rows // 8, columns // 8, 64)[:, :, ZIGZAG]

    def scan(self, components):
        tables = [(self.ids[c], 0x11 if c in (1, 2) else 0) for c in components]
        header = bytes([len(components)]) + b"".join(map(bytes, tables))
        output = self.segment(0xDA, header + b"\0\x3f\0")
        if len(components) == 1:
            h, v = self.factors[components[0]]
            across = ceiling(ceiling(self.width * h, self.largest[0]), 8)
            down = ceiling(ceiling(self.height * v, self.largest[1]), 8)
            units = [[(components[0], y, x)] for y in range(down) for x in range(across)]
        else:
            units = [
                [(c, y * self.factors[c][1] + j, x * self.factors[c][0] + i)
                 for c in components for j in range(self.factors[c][1]) for i in range(self.factors[c][0])]
                for y in range(self.mcus[1]) for x in range(self.mcus[0])
            ]  # fmt: skip
        interval = self.restart or len(units)
        for index, start in enumerate(range(0, len(units), interval)):
            if index:
                output += bytes([0xFF, 0xD0 + (index - 1) % 8])
            output += self.entropy_code(units[start : start + interval])
        return output

    def entropy_code(self, units):
        bits, previous = [], [0] * len(self.blocks)

        def put(value):
            size = abs(int(value)).bit_length()
            if size:
                bits.append(format(value if value > 0 else value + 2**size - 1, f"0{size}b"))

        for component, y, x in (block for unit in units for block in unit):
            block = self.blocks[component][y, x]
            table = 1 if component in (1, 2) else 0
            difference = int(block[0]) - previous[component]
            previous[component] = int(block[0])
            bits.append(self.codes[0, table][abs(difference).bit_length()])
            put(difference)
            run = 0
            for value in map(int, block[1 : np.max(np.nonzero(block)[0], initial=0) + 1]):
                if value == 0:
                    run += 1
                    continue
                for _ in range(run // 16):
                    bits.append(self.codes[1, table][0xF0])
                bits.append(self.codes[1, table][run % 16 << 4 | abs(value).bit_length()])
                put(value)
                run = 0
            if block[63] == 0:
                bits.append(self.codes[1, table][0])
        text = "".join(bits)
        text += "1" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")


def ceiling(number, divisor):
    return -(-number // divisor)


def adobe(transform):
    return JPEGWriter.segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, transform))


def smooth(width, height, channels):
    """Gradients and a hard edge: what JPEG is made for, with enough colour to see a wrong conversion."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 120 * np.sin((x * (c + 1) + y * (3 - c)) / 11 + c) for c in range(channels)]
    picture = np.stack(planes, axis=2)
    picture[height // 3 : height // 2, width // 4 : width // 2] = np.linspace(20, 240, channels)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def add_jpeg(name, data, **extra):
    add(f"jpeg/{name}.jpg", data, *as_pillow_decodes(data, False), **extra)


def jpeg_from_pillow():
    rgb = Image.fromarray(smooth(37, 29, 3))
    grey = rgb.convert("L")
    cmyk = Image.fromarray(smooth(37, 29, 4), "CMYK")

    def save(image, **options):
        output = io.BytesIO()
        image.save(output, "JPEG", **options)
        return output.getvalue()

    for sampling in ("4:4:4", "4:2:2", "4:2:0"):
        for progressive in (False, True):
            name = sampling.replace(":", "") + ("-progressive" if progressive else "")
            add_jpeg(f"ycbcr-{name}", save(rgb, quality=85, subsampling=sampling, progressive=progressive))
    add_jpeg("grey", save(grey, quality=85))
    add_jpeg("grey-progressive", save(grey, quality=85, progressive=True))
    add_jpeg("cmyk", save(cmyk, quality=90))
    add_jpeg("cmyk-progressive", save(cmyk, quality=90, progressive=True))
    add_jpeg("rgb", save(rgb, quality=90, keep_rgb=True))
    add_jpeg("restart", save(rgb, quality=85, restart_marker_blocks=2))
    add_jpeg("restart-progressive", save(rgb, quality=85, restart_marker_rows=1, progressive=True))
    add_jpeg("lowest-quality", save(rgb, quality=1))
    add_jpeg("size-1x1", save(rgb.resize((1, 1)), quality=85))
    add_jpeg("size-17x1", save(rgb.resize((17, 1)), quality=85))
    add_jpeg("size-1x17", save(rgb.resize((1, 17)), quality=85))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        add_jpeg(f"orientation-{orientation}", save(rgb.resize((20, 13)), quality=95, exif=exif))
    profile = icc_profile()
    add_jpeg("profile", save(rgb, quality=85, icc_profile=profile), icc=profile)
    add_jpeg("profile-of-cmyk", save(cmyk, icc_profile=profile[:16] + b"CMYK" + profile[20:]))

    # What Pillow writes at these settings is what this program is to write.
    source = Image.fromarray(synthetic(40 * 30 * 3).reshape(30, 40, 3))
    add_jpeg("encoded-95", save(source, quality=95, subsampling="4:4:4"))
    add_jpeg("encoded-75", save(source, quality=75, subsampling="4:2:0"))


def jpeg_from_scratch():
    ycc = list(smooth(43, 31, 3).transpose(2, 0, 1))
    ycck = list(smooth(43, 31, 4).transpose(2, 0, 1))

    samplings = {
        "440": [(1, 2), (1, 1), (1, 1)],
        "411": [(4, 1), (1, 1), (1, 1)],
        "410": [(4, 2), (1, 1), (1, 1)],
        "441": [(1, 4), (1, 1), (1, 1)],
        "311": [(3, 1), (1, 1), (1, 1)],
        "2x2-2x1-1x2": [(2, 2), (2, 1), (1, 2)],
        "1x1-2x2-1x1": [(1, 1), (2, 2), (1, 1)],
        "2x1-everywhere": [(2, 1), (2, 1), (2, 1)],
    }
    for name, factors in samplings.items():
        add_jpeg(f"sampling-{name}", JPEGWriter(ycc, factors).data)
    half = [(2, 2), (1, 1), (1, 1)]
    full = [(1, 1)] * 3
    for restart in (1, 2, 5):
        add_jpeg(f"restart-{restart}", JPEGWriter(ycc, half, restart=restart).data)
    add_jpeg("separate-scans", JPEGWriter(ycc, half, separate=True).data)
    add_jpeg("separate-scans-restart", JPEGWriter(ycc, half, separate=True, restart=3).data)
    add_jpeg("rgb-by-ids", JPEGWriter(ycc, full, ids=b"RGB").data)
    add_jpeg("rgb-by-adobe", JPEGWriter(ycc, full, segments=adobe(0)).data)
    add_jpeg("ycbcr-by-adobe", JPEGWriter(ycc, full, ids=b"RGB", segments=adobe(1)).data)
    add_jpeg("grey-2x2", JPEGWriter(ycc[:1], [(2, 2)]).data)
    add_jpeg("cmyk-without-adobe", JPEGWriter(ycck, [(1, 1)] * 4).data)
    add_jpeg("cmyk-by-adobe", JPEGWriter(ycck, [(1, 1)] * 4, segments=adobe(0)).data)
    add_jpeg("ycck", JPEGWriter(ycck, [(1, 1)] * 4, segments=adobe(2)).data)
    add_jpeg("ycck-420", JPEGWriter(ycck, [(2, 2), (1, 1), (1, 1), (2, 2)], segments=adobe(2)).data)

    profile = icc_profile()
    pieces = [(number, profile[(number - 1) * 250 : number * 250]) for number in (1, 2, 3)]
    assert b"".join(piece for _, piece in pieces) == profile
    segments = b"".join(
        JPEGWriter.segment(0xE2, b"ICC_PROFILE\0" + bytes([number, 3]) + pieces[number - 1][1]) for number in (2, 3, 1)
    )
    add_jpeg("profile-in-pieces", JPEGWriter(ycc, half, segments=segments).data, icc=profile)
    missing = JPEGWriter.segment(0xE2, b"ICC_PROFILE\0\1\2" + profile[:250])
    add_jpeg("profile-with-a-piece-missing", JPEGWriter(ycc, half, segments=missing).data)

    text = "漫画にして, café\nSteps: 20, Seed: 1"
    ascii_text = "Make it a cartoon\nSteps: 20"
    comments = {
        "big-endian": (">", b"UNICODE\0" + text.encode("utf-16-be"), text),
        "little-endian": ("<", b"UNICODE\0" + text.encode("utf-16-le"), text),
        "big-endian-in-little": ("<", b"UNICODE\0" + text.encode("utf-16-be"), text),
        "ascii": ("<", b"ASCII\0\0\0" + ascii_text.encode(), ascii_text),
        "undefined": (">", b"\0" * 8 + ascii_text.encode() + b"\0\0", ascii_text),
    }
    for name, (order, comment, expected) in comments.items():
        exif = (b"MM" if order == ">" else b"II") + struct.pack(order + "HI", 42, 8)
        exif += struct.pack(order + "HHHIHH", 2, 0x0112, 3, 1, 1, 0) + struct.pack(order + "HHIII", 0x8769, 4, 1, 38, 0)
        exif += struct.pack(order + "HHHIII", 1, 0x9286, 7, len(comment), 56, 0) + comment
        data = JPEGWriter(ycc, half, segments=JPEGWriter.segment(0xE1, b"Exif\0\0" + exif)).data
        assert Image.open(io.BytesIO(data)).getexif().get_ifd(0x8769)[0x9286] == comment
        add_jpeg(f"parameters-{name}", data, parameters=expected)


# WebP


def webp():
    rgb = Image.fromarray(smooth(37, 29, 3))
    rgba = Image.fromarray(smooth(37, 29, 4), "RGBA")

    def save(image, **options):
        output = io.BytesIO()
        image.save(output, "WEBP", **options)
        return output.getvalue()

    def add_webp(name, data, **extra):
        with_alpha = Image.open(io.BytesIO(data)).mode == "RGBA"
        add(f"webp/{name}.webp", data, *as_pillow_decodes(data, with_alpha), **extra)

    add_webp("lossy", save(rgb, quality=80))
    add_webp("lossless", save(rgb, lossless=True))
    add_webp("lossy-alpha", save(rgba, quality=80))
    add_webp("lossless-alpha", save(rgba, lossless=True, exact=True))
    add_webp("size-1x1", save(rgb.resize((1, 1)), lossless=True))
    profile = icc_profile()
    add_webp("profile", save(rgb, quality=80, icc_profile=profile), icc=profile)
    for orientation in (3, 6, 8):
        exif = Image.Exif()
        exif[0x0112] = orientation
        add_webp(f"orientation-{orientation}", save(rgb.resize((20, 13)), lossless=True, exif=exif))
    frames = [Image.fromarray(smooth(24, 16, 4), "RGBA"), Image.new("RGBA", (24, 16), (9, 9, 200, 255))]
    frames[0].putalpha(Image.new("L", (24, 16), 0))
    patch = Image.new("RGBA", (24, 16), (0, 0, 0, 0))
    patch.paste(rgba.resize((10, 8)), (6, 4))  # the encoder stores the part that is not empty
    add_webp("animated", save(frames[1], save_all=True, append_images=frames[:1], lossless=True, duration=50))
    add_webp("animated-part", save(patch, save_all=True, append_images=frames[1:], lossless=True, duration=50))


# Colour


def display_p3():
    """A version 2 profile of Display P3's primaries (adapted to D50) with a plain power law, by the ICC
    specification."""

    def fixed(value):
        return struct.pack(">i", round(value * 65536))

    def xyz(x, y, z):
        return b"XYZ " + bytes(4) + fixed(x) + fixed(y) + fixed(z)

    text = b"P3 for tests"
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(2.2 * 256)) + bytes(2)
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(1 + 4 + 4 + 2 + 1 + 67 + 3),
        b"cprt": b"text" + bytes(4) + b"public domain\0" + bytes(2),
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.51512, 0.2412, -0.00105),
        b"gXYZ": xyz(0.29198, 0.69225, 0.04189),
        b"bXYZ": xyz(0.1571, 0.06657, 0.78407),
        b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    table, data, offset = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += name + struct.pack(">II", offset + len(data), len(content))
        data += content
    header = struct.pack(">I4sI4s4s4s", offset + len(data), bytes(4), 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(0.9642) + fixed(1) + fixed(0.8249)
    return header + bytes(128 - len(header)) + table + data


def colour():
    """What Pillow's ImageCms makes of pixels between two profiles: a profile file and colour.json."""
    profile = display_p3()
    with open(os.path.join(HERE, "display-p3.icc"), "wb") as file:
        file.write(profile)
    picture = Image.fromarray(synthetic(30 * 30 * 3).reshape(30, 30, 3))
    wide, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")

    def convert(source, target):
        return ImageCms.profileToProfile(
            picture, source, target, ImageCms.Intent.RELATIVE_COLORIMETRIC, flags=ImageCms.Flags.BLACKPOINTCOMPENSATION
        ).tobytes()

    results = {"toSRGB": convert(wide, srgb), "fromSRGB": convert(srgb, wide)}
    return [{key: base64.b64encode(value).decode() for key, value in results.items()}]


# Enlargement


def guided_enlargement():
    """The formula of `GuidedEnlargement` in numpy, over Pillow's Lanczos."""

    def window(plane):
        return (
            sum(
                np.pad(plane, 1, "edge")[y : y + plane.shape[0], x : x + plane.shape[1]]
                for y in range(3)
                for x in range(3)
            )
            / 9
        )

    def luma(rgb):
        return rgb.astype(float) @ [0.299, 0.587, 0.114]

    def resize(rgb, size):
        return np.array(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))

    results = []
    for (width, height), (new_width, new_height) in [((16, 12), (33, 25)), ((9, 20), (40, 61)), ((1, 2), (5, 7))]:
        guide = smooth(new_width, new_height, 3)
        small = resize(guide, (width, height))
        picture = np.clip(255 - small[:, :, ::-1].astype(int) + small // 3, 0, 255).astype(np.uint8)
        light = luma(small) / 255
        variance = window(light * light) - window(light) ** 2
        rows, columns = (
            (np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1))
            for old, new in ((height, new_height), (width, new_width))
        )
        detail = luma(guide) - luma(resize(small, (new_width, new_height)))
        result = resize(picture, (new_width, new_height)).astype(float)
        for channel in range(3):
            colour = picture[:, :, channel] / 255
            slope = window((window(light * colour) - window(light) * window(colour)) / (variance + 0.01))
            across = np.array([np.interp(columns, np.arange(width), row) for row in slope])
            result[:, :, channel] += detail * np.array([np.interp(rows, np.arange(height), c) for c in across.T]).T
        result = np.clip(np.rint(result), 0, 255).astype(np.uint8)

        def encode(pixels):
            return base64.b64encode(pixels.tobytes()).decode()

        results.append({
            "width": width, "height": height, "newWidth": new_width, "newHeight": new_height,
            "picture": encode(picture), "guide": encode(guide), "result": encode(result),
        })  # fmt: skip
    return results


# Resampling


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def resampling():
    sizes = [(37, 29), (64, 48), (100, 1), (1, 100), (1, 1), (2, 2), (3, 200), (511, 5), (130, 67)]
    targets = [(1, 1), (1, 7), (8, 1), (17, 23), (37, 29), (64, 64), (65, 33), (129, 2), (200, 150)]
    cases = [(size, target) for size in sizes for target in targets]
    cases += [((1500, 40), (48, 48)), ((40, 1500), (48, 48)), ((320, 240), (319, 241)), ((333, 250), (32, 24))]
    cases += [((24, 18), (333, 250)), ((4000, 3), (1, 1)), ((2, 3), (1024, 7)), ((640, 427), (512, 336))]
    random = np.random.default_rng(2)  # around the border between rows first and columns first
    cases += [tuple(map(tuple, random.integers(1, 60, (2, 2)).tolist())) for _ in range(150)]
    results = []
    for (width, height), (new_width, new_height) in cases:
        for channels in (3, 1):
            pixels = (
                synthetic(width * height * channels)
                .reshape(height, width, channels)
                .squeeze(2 if channels == 1 else ())
            )
            image = Image.fromarray(pixels, "RGB" if channels == 3 else "L")
            output = np.array(image.resize((new_width, new_height), Image.Resampling.LANCZOS)).tobytes()
            result = {
                "width": width, "height": height, "channels": channels, "newWidth": new_width, "newHeight": new_height,
                "hash": format(fnv1a(output), "016x"),
            }  # fmt: skip
            if len(output) <= 64:
                result["pixels"] = base64.b64encode(output).decode()
            results.append(result)
    return results


def write_json(name, value):
    with open(os.path.join(HERE, name), "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in value) + "\n]\n")


def main():
    warnings.simplefilter("ignore", DeprecationWarning)
    png_types()
    png_sizes()
    png_oddities()
    jpeg_from_pillow()
    jpeg_from_scratch()
    webp()
    write_json("pictures.json", pictures)
    write_json("colour.json", colour())
    write_json("guided-enlargement.json", guided_enlargement())
    write_json("resampling.json", resampling())


if __name__ == "__main__":
    main()
