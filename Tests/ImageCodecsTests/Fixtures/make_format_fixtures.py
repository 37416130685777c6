#!/usr/bin/env python3
"""Makes the golden files of the formats beside PNG, JPEG and WebP, and of colours and damage.

    python3 make_format_fixtures.py

Needs Pillow 11.3 or later (AVIF, QOI), pillow-heif, numpy, and the tools of libavif, libheif and libjxl. What a file
decodes to comes from Pillow, libheif (pillow-heif), libavif, djxl, Little CMS (ImageCms) or, for colours, from the
standards' formulas in float64. An entry with `srgb` has its colours compared after the conversion to sRGB.
"""

import base64
import io
import json
import os
import struct
import subprocess
import tempfile
import zlib

import numpy as np
import pillow_heif
from make_fixtures import JPEGWriter, chunk, display_p3, smooth, synthetic, write_png
from PIL import Image, ImageCms, ImageOps

HERE = os.path.dirname(os.path.abspath(__file__))
GREY, RGB, RGBA = 0, 2, 6
entries = []


def add(name, data, rgb, alpha=None, **extra):
    path = os.path.join(HERE, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    height, width = rgb.shape[:2]
    entry = {"file": name, "width": width, "height": height}
    arrays = {"rgb": rgb, "alpha": alpha, **extra}
    for key, value in arrays.items():
        if isinstance(value, np.ndarray):
            value = value.astype(np.uint8).tobytes()
        if value is not None:
            entry[key] = base64.b64encode(value).decode() if isinstance(value, bytes) else value
    entries.append(entry)


def saved(image, kind, **options):
    output = io.BytesIO()
    image.save(output, kind, **options)
    return output.getvalue()


def decoded(data, with_alpha=False):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    alpha = np.array(image.convert("RGBA"))[:, :, 3] if with_alpha else None
    return np.array(image.convert("RGB")), alpha


def exif_block(comment=None, orientation=1):
    exif = Image.Exif()
    exif[0x0112] = orientation
    if comment:
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + comment.encode("utf-16-le")
    return exif.tobytes()


RGB_PICTURE = Image.fromarray(smooth(37, 29, 3))
RGBA_PICTURE = Image.fromarray(smooth(37, 29, 4), "RGBA")
COMMENT = "漫画にして\nSteps: 20, Seed: 1"


# HEIC and AVIF


def heif(image, kind, **options):
    output = io.BytesIO()
    file = pillow_heif.from_pillow(image)
    file.save(output, format=kind, **options)
    return output.getvalue()


def heif_decoded(data):
    """By libheif, with all that the file says of orientation applied."""
    file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    array = np.asarray(file)
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    return array[:, :, :3], array[:, :, 3] if array.shape[2] == 4 else None


def isobmff(kind, content):
    return struct.pack(">I", 8 + len(content)) + kind + content


def full_box(kind, version, flags, content):
    return isobmff(kind, struct.pack(">I", version << 24 | flags) + content)


def children(data):
    position = 0
    while position < len(data):
        size, kind = struct.unpack(">I4s", data[position : position + 8])
        yield kind, data[position + 8 : position + size], data[position : position + size]
        position += size


def coded_item(data):
    """The coded picture and the decoder's configuration in a HEIC file of one picture."""
    meta = next(content for kind, content, _ in children(data) if kind == b"meta")[4:]
    boxes = {kind: content for kind, content, _ in children(meta)}
    properties = {
        kind: whole
        for kind, _, whole in children({kind: content for kind, content, _ in children(boxes[b"iprp"])}[b"ipco"])
    }
    location = boxes[b"iloc"]
    version, sizes, base_sizes = location[0], location[4], location[5]
    assert version < 2 and sizes == 0x44, (version, sizes)
    base_size, position = base_sizes >> 4, 8
    position += 2 + (2 if version == 1 else 0) + 2
    base = int.from_bytes(location[position : position + base_size], "big")
    position += base_size + 2
    offset, length = struct.unpack(">II", location[position : position + 8])
    return data[base + offset : base + offset + length], properties[b"hvcC"]


def phone_picture():
    """A file laid out as an iPhone's: a grid of tiles, Display P3, irot, EXIF with an orientation, a depth map
    beside."""
    tile, columns, rows, width, height = 64, 3, 2, 160, 100
    whole = Image.fromarray(smooth(tile * columns, tile * rows, 3))
    tiles, profile = [], display_p3()
    for row in range(rows):
        for column in range(columns):
            box = (column * tile, row * tile, (column + 1) * tile, (row + 1) * tile)
            tiles.append(coded_item(heif(whole.crop(box), "HEIF", quality=90, chroma="420")))
    depth = coded_item(
        heif(whole.crop((0, 0, tile, tile)).convert("L").convert("RGB"), "HEIF", quality=50, chroma="420")
    )
    exif = struct.pack(">I", 6) + b"Exif\0\0" + exif_block(orientation=6)[6:]
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    ids = list(range(1, len(tiles) + 1))
    grid_id, exif_id, depth_id = len(ids) + 1, len(ids) + 2, len(ids) + 3
    items = [(item, b"hvc1", data) for item, (data, _) in zip(ids, tiles, strict=True)]
    items += [(grid_id, b"grid", grid), (exif_id, b"Exif", exif), (depth_id, b"hvc1", depth[0])]
    infos = b"".join(
        full_box(b"infe", 2, 1 if kind != b"grid" else 0, struct.pack(">HH4s", item, 0, kind) + b"\0")
        for item, kind, _ in items
    )

    def spatial(w, h):
        return full_box(b"ispe", 0, 0, struct.pack(">II", w, h))

    properties = [
        tiles[0][1], spatial(tile, tile), isobmff(b"colr", b"prof" + profile), spatial(width, height),
        isobmff(b"irot", b"\x03"), full_box(b"pixi", 0, 0, b"\3\10\10\10"), depth[1],
        full_box(b"auxC", 0, 0, b"urn:mpeg:hevc:2015:auxid:2\0"),
    ]  # fmt: skip
    associations = [(item, [1 | 0x80, 2, 3, 6]) for item in ids]
    associations += [(grid_id, [3, 4, 5 | 0x80, 6]), (depth_id, [7 | 0x80, 2, 8 | 0x80])]
    ipma = struct.pack(">I", len(associations)) + b"".join(
        struct.pack(">HB", item, len(list_)) + bytes(list_) for item, list_ in associations
    )

    def reference(kind, source, targets):
        return isobmff(kind, struct.pack(">HH", source, len(targets)) + b"".join(struct.pack(">H", t) for t in targets))

    references = reference(b"dimg", grid_id, ids) + reference(b"cdsc", exif_id, [grid_id])
    references += reference(b"auxl", depth_id, [grid_id])
    start = isobmff(b"ftyp", b"heic\0\0\0\0mif1heic")

    def meta(offset):
        locations = struct.pack(">BBH", 0x44, 0, len(items))
        for item, _, data in items:
            locations += struct.pack(">HHHII", item, 0, 1, offset, len(data))
            offset += len(data)
        content = full_box(b"hdlr", 0, 0, b"\0\0\0\0pict" + bytes(12) + b"\0")
        content += full_box(b"pitm", 0, 0, struct.pack(">H", grid_id))
        content += full_box(b"iloc", 0, 0, locations)
        content += full_box(b"iinf", 0, 0, struct.pack(">H", len(items)) + infos)
        content += full_box(b"iref", 0, 0, references)
        content += isobmff(b"iprp", isobmff(b"ipco", b"".join(properties)) + full_box(b"ipma", 0, 0, ipma))
        return full_box(b"meta", 0, 0, content)

    offset = len(start) + len(meta(0)) + 8
    return start + meta(offset) + isobmff(b"mdat", b"".join(data for _, _, data in items)), profile


def heic_files():
    def put(name, image, **options):
        data = heif(image, "HEIF", **options)
        add(f"heic/{name}.heic", data, *heif_decoded(data), tolerance=1)

    put("lossy-420", RGB_PICTURE, quality=80, chroma="420")
    put("lossy-444", RGB_PICTURE, quality=90, chroma="444")
    put("alpha", RGBA_PICTURE, quality=90, chroma="444")
    put("grey", RGB_PICTURE.convert("L"), quality=90)
    put("size-16x9", RGB_PICTURE.resize((16, 9)), quality=90, chroma="444")
    for orientation in range(2, 9):
        # pillow-heif writes it as irot and imir.
        put(f"orientation-{orientation}", RGB_PICTURE.resize((20, 14)), quality=95, chroma="444",
            exif=exif_block(orientation=orientation))  # fmt: skip
    data = heif(RGB_PICTURE, "HEIF", quality=90, chroma="444", exif=exif_block(COMMENT))
    add("heic/parameters.heic", data, *heif_decoded(data), tolerance=1, parameters=COMMENT)
    wide = pillow_heif.from_bytes("RGB;16", (37, 29), (smooth(37, 29, 3).astype("<u2") * 257).tobytes())
    output = io.BytesIO()
    wide.save(output, quality=95, chroma="444")
    samples = np.asarray(pillow_heif.open_heif(io.BytesIO(output.getvalue()), convert_hdr_to_8bit=False))
    add("heic/ten-bits.heic", output.getvalue(), (samples >> 8)[:, :, :3], tolerance=1)
    data, profile = phone_picture()
    add("heic/phone.heic", data, *heif_decoded(data), tolerance=1, icc=profile)


def avif_files():
    """By Pillow and avifenc, both over libavif: another decoder than the one under test."""

    def put(name, image, **options):
        extra = {key: options.pop(key) for key in ("parameters", "icc") if key in options}
        data = saved(image, "AVIF", subsampling=options.pop("subsampling", "4:4:4"), **options)
        add(f"avif/{name}.avif", data, *decoded(data, image.mode == "RGBA"), tolerance=1, **extra)

    put("lossy-444", RGB_PICTURE, quality=90)
    put("alpha", RGBA_PICTURE, quality=90)
    put("size-16x9", RGB_PICTURE.resize((16, 9)), quality=90)
    for orientation in range(2, 9):
        put(f"orientation-{orientation}", RGB_PICTURE.resize((20, 14)), quality=95,
            exif=exif_block(orientation=orientation)[6:])  # fmt: skip
    put("parameters", RGB_PICTURE, quality=90, exif=exif_block(COMMENT)[6:], parameters=COMMENT)
    profile = display_p3()
    put("profile", RGB_PICTURE, quality=90, icc_profile=profile, icc=profile)
    put("animated", RGB_PICTURE, save_all=True, append_images=[ImageOps.invert(RGB_PICTURE)], quality=95)

    def tool(name, image, *options, **extra):
        with tempfile.TemporaryDirectory() as folder:
            source, target, back = (os.path.join(folder, file) for file in ("a.png", "a.avif", "b.png"))
            image.save(source)
            subprocess.run(["avifenc", *options, source, target], check=True, capture_output=True)
            subprocess.run(["avifdec", "-d", "8", target, back], check=True, capture_output=True)
            with open(target, "rb") as file:
                add(f"avif/{name}.avif", file.read(), np.array(Image.open(back).convert("RGB")), tolerance=1, **extra)

    # libavif enlarges the halved colours more smoothly than libheif: there libheif's own tool is what to be equal to.
    with tempfile.TemporaryDirectory() as folder:
        source, back = os.path.join(folder, "a.avif"), os.path.join(folder, "b.png")
        RGB_PICTURE.save(source, quality=80, subsampling="4:2:0")
        subprocess.run(["heif-convert", source, back], check=True, capture_output=True)
        with open(source, "rb") as file:
            add("avif/lossy-420.avif", file.read(), np.array(Image.open(back).convert("RGB")), tolerance=1)

    exact = ["-y", "444", "-r", "full", "--min", "0", "--max", "0"]
    tool("ten-bits", RGB_PICTURE, *exact, "-d", "10")
    p3 = to_srgb_by_formula(srgb_decoded(smooth(37, 29, 3) / 255), P3_XY)
    tool("codes-p3", RGB_PICTURE, "-y", "444", "-r", "full", "--lossless", "--cicp", "12/13/0", srgb=p3)


# JPEG XL


def jxl(image, *options):
    with tempfile.TemporaryDirectory() as folder:
        source, target, back = (os.path.join(folder, name) for name in ("a.png", "a.jxl", "b.png"))
        if isinstance(image, bytes):
            with open(source, "wb") as file:
                file.write(image)
        else:
            image.save(source, icc_profile=image.info.get("icc_profile"))
        subprocess.run(["cjxl", source, target, *options], check=True, capture_output=True)
        subprocess.run(["djxl", target, back], check=True, capture_output=True)
        with open(target, "rb") as file:
            data = file.read()
        picture = Image.open(back)
        picture.load()
        return data, picture


def jxl_files():
    def put(name, image, *options, **extra):
        data, picture = jxl(image, *options)
        if picture.mode.startswith("I"):
            rgb = np.repeat((np.array(picture).astype(np.uint32) >> 8)[:, :, None], 3, axis=2)
        else:
            rgb = np.array(picture.convert("RGB"))
        alpha = np.array(picture.convert("RGBA"))[:, :, 3] if "A" in picture.mode else None
        add(f"jxl/{name}.jxl", data, rgb, alpha, tolerance=1, **extra)

    RGB_PICTURE.info.clear()
    put("lossless", RGB_PICTURE, "-d", "0")
    put("lossy", RGB_PICTURE, "-d", "1")
    put("lossless-alpha", RGBA_PICTURE, "-d", "0")
    put("grey", RGB_PICTURE.convert("L"), "-d", "0")
    put("size-1x1", RGB_PICTURE.resize((1, 1)), "-d", "0")
    put("container", RGB_PICTURE, "-d", "0", "--container=1")
    sixteen = write_png(smooth(37, 29, 3).astype(np.uint32) * 257, RGB, 16)
    data, _ = jxl(sixteen, "-d", "0")
    add("jxl/sixteen-bits.jxl", data, smooth(37, 29, 3), tolerance=1)
    profile = display_p3()
    tagged = RGB_PICTURE.copy()
    tagged.info["icc_profile"] = profile
    data, _ = jxl(tagged, "-d", "0")
    add("jxl/profile.jxl", data, np.array(RGB_PICTURE), tolerance=1, icc=profile)


# TIFF


def cmyk_profile():
    """A version 2 output profile of four inks: a table of the 16 solid overprints' colours in Lab, linear between
    them."""

    def fixed(value):
        return struct.pack(">i", round(value * 65536))

    def lab(c, m, y, k):
        rgb = np.array([(1 - c), (1 - m) * (1 - 0.3 * c), (1 - y)]) * (1 - 0.9 * k) * 0.92 + 0.03
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        xyz = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]]) @ linear
        f = [v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz / [0.9642, 1, 0.8249]]
        return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])

    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + b"".join(map(fixed, [1, 0, 0, 0, 1, 0, 0, 0, 1]))
    table += bytes(range(256)) * 4
    for index in range(16):
        lightness, a, b = lab(*(index >> (3 - i) & 1 for i in range(4)))
        table += bytes([round(lightness * 2.55), round(a + 128), round(b + 128)])
    table += bytes(range(256)) * 3
    text = b"inks for tests"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(1 + 4 + 4 + 2 + 1 + 67),
        b"cprt": b"text" + bytes(4) + b"public domain\0",
        b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642) + fixed(1) + fixed(0.8249),
        b"A2B0": table,
    }
    return profile_file(tags, b"prtr", b"CMYK", b"Lab ")


def grey_profile(gamma):
    def fixed(value):
        return struct.pack(">i", round(value * 65536))

    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"public domain\0",
        b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642) + fixed(1) + fixed(0.8249),
        b"kTRC": b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)),
    }
    return profile_file(tags, b"mntr", b"GRAY", b"XYZ ")


def profile_file(tags, kind, space, connection):
    def fixed(value):
        return struct.pack(">i", round(value * 65536))

    table, data, offset = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", offset + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s", offset + len(data), bytes(4), 0x02100000, kind, space, connection)
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(0.9642) + fixed(1) + fixed(0.8249)
    return header + bytes(128 - len(header)) + table + data


def to_srgb(image, profile):
    return np.array(
        ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOOPTIMIZE,
        )
    )


def tiff_file(samples, photometric, bits=8, order="<", planar=1, rows_per_strip=8, tile=None, extra=None, tags=()):
    """An uncompressed TIFF of `[height, width, channels]` samples, in strips or tiles, together or in planes."""
    height, width, channels = samples.shape
    kind = order + ("u2" if bits == 16 else "u1")
    planes = [samples] if planar == 1 else [samples[:, :, c : c + 1] for c in range(channels)]
    blocks = []
    for plane in planes:
        if tile:
            padded = np.zeros((-(-height // tile) * tile, -(-width // tile) * tile, plane.shape[2]), plane.dtype)
            padded[:height, :width] = plane
            blocks += [
                padded[y : y + tile, x : x + tile].astype(kind).tobytes()
                for y in range(0, height, tile)
                for x in range(0, width, tile)
            ]
        else:
            blocks += [plane[y : y + rows_per_strip].astype(kind).tobytes() for y in range(0, height, rows_per_strip)]
    fields = {256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * channels), 259: (3, [1]),
              262: (3, [photometric]), 277: (3, [channels]), 284: (3, [planar])}  # fmt: skip
    if tile:
        fields |= {322: (4, [tile]), 323: (4, [tile])}
    else:
        fields[278] = (4, [rows_per_strip])
    if extra is not None:
        fields[338] = (3, [extra])
    fields |= dict(tags)
    offsets, counts = (324, 325) if tile else (273, 279)
    fields[offsets], fields[counts] = (4, [0] * len(blocks)), (4, [len(block) for block in blocks])
    codes = {1: "B", 2: "B", 3: "H", 4: "I", 7: "B"}
    start = 8
    starts = []
    for block in blocks:
        starts.append(start)
        start += len(block) + len(block) % 2
    fields[offsets] = (4, starts)
    directory, outside, position = struct.pack(order + "H", len(fields)), b"", start + 2 + 12 * len(fields) + 4
    for tag, (type_, values) in sorted(fields.items()):
        packed = struct.pack(order + codes[type_] * len(values), *values)
        directory += struct.pack(order + "HHI", tag, type_, len(values))
        if len(packed) <= 4:
            directory += packed.ljust(4, b"\0")
        else:
            directory += struct.pack(order + "I", position + len(outside))
            outside += packed + bytes(len(packed) % 2)
    body = b"".join(block + bytes(len(block) % 2) for block in blocks)
    magic = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, start)
    return magic + body + directory + struct.pack(order + "I", 0) + outside


def tiff_files():
    def put(name, data, rgb=None, alpha=None, **extra):
        if rgb is None:
            rgb, alpha = decoded(data, Image.open(io.BytesIO(data)).mode in ("RGBA", "LA", "PA"))
        add(f"tiff/{name}.tif", data, rgb, alpha, tolerance=1, **extra)

    rgb, rgba = smooth(37, 29, 3), smooth(37, 29, 4)
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        put(f"rgb-{compression.replace('tiff_', '')}", saved(RGB_PICTURE, "TIFF", compression=compression))
    put("grey", saved(RGB_PICTURE.convert("L"), "TIFF", compression="tiff_lzw"))
    put("palette", saved(RGB_PICTURE.quantize(32), "TIFF"))
    put("bilevel-fax", saved(RGB_PICTURE.convert("1"), "TIFF", compression="group4"))
    put("alpha", saved(RGBA_PICTURE, "TIFF", compression="tiff_lzw"))
    put("pages", saved(RGB_PICTURE, "TIFF", save_all=True, append_images=[ImageOps.invert(RGB_PICTURE)]))
    put("sixteen-bits", tiff_file(rgb.astype(np.uint16) * 256 + 77, 2, 16), rgb)
    put("sixteen-bits-big-endian", tiff_file(rgb.astype(np.uint16) * 256 + 77, 2, 16, ">"), rgb)
    put("sixteen-bits-alpha", tiff_file(rgba.astype(np.uint16) * 256, 2, 16, extra=2), rgba[:, :, :3], rgba[:, :, 3])
    put("planes", tiff_file(rgb, 2, planar=2), rgb)
    put("planes-sixteen-bits", tiff_file(rgb.astype(np.uint16) * 256, 2, 16, ">", planar=2), rgb)
    put("tiles", tiff_file(rgb, 2, tile=16), rgb)
    put("tiles-planes-alpha", tiff_file(rgba, 2, tile=16, planar=2, extra=2), rgba[:, :, :3], rgba[:, :, 3])
    put("inverted", tiff_file(rgb[:, :, :1], 0), 255 - np.repeat(rgb[:, :, :1], 3, axis=2))
    put("grey-alpha", tiff_file(rgba[:, :, 2:], 1, extra=2), np.repeat(rgba[:, :, 2:3], 3, axis=2), rgba[:, :, 3])
    alpha = np.maximum(rgba[:, :, 3:].astype(int), 16)
    premultiplied = (rgba[:, :, :3].astype(int) * alpha + 127) // 255
    put(
        "premultiplied",
        tiff_file(np.concatenate([premultiplied, alpha], 2), 2, extra=1),
        np.minimum(255, (premultiplied * 255 + alpha // 2) // alpha),
        alpha[:, :, 0],
    )
    put("unknown-extra", tiff_file(rgba, 2, extra=0), rgba[:, :, :3])
    for orientation in range(1, 9):
        data = tiff_file(rgb[:13, :20], 2, tags={274: (3, [orientation])}.items())
        put(f"orientation-{orientation}", data)
    profile = display_p3()
    put("profile", saved(RGB_PICTURE, "TIFF", icc_profile=profile), icc=profile)
    # Photoshop's: four inks, LZW, their profile.
    inks, profile = Image.fromarray(rgba, "CMYK"), cmyk_profile()
    put("cmyk", saved(inks, "TIFF", compression="tiff_lzw"), np.array(inks.convert("RGB")))
    put("cmyk-profile", saved(inks, "TIFF", compression="tiff_lzw", icc_profile=profile), to_srgb(inks, profile))
    put(
        "cmyk-alpha",
        tiff_file(np.concatenate([rgba, rgba[::-1, :, 3:]], 2), 5, extra=2),
        np.array(inks.convert("RGB")),
        rgba[::-1, :, 3],
    )
    grey, profile = RGB_PICTURE.convert("L"), grey_profile(1.0)
    put("grey-profile", saved(grey, "TIFF", icc_profile=profile), to_srgb(grey, profile))


# GIF, BMP, PNM, QOI: read by this project's own code


def simple_files():
    def put(name, data, rgb=None, alpha=None, **extra):
        if rgb is None:
            rgb, alpha = decoded(data, "A" in Image.open(io.BytesIO(data)).mode)
        add(name, data, rgb, alpha, **extra)

    indexed = RGB_PICTURE.quantize(200)
    for interlaced in (0, 1):
        put(f"gif/plain{'-interlaced' * interlaced}.gif", saved(indexed, "GIF", interlace=interlaced))
    put("gif/two-colours.gif", saved(RGB_PICTURE.convert("1"), "GIF"))
    large = Image.fromarray(synthetic(200 * 150).reshape(150, 200), "L")  # the table of codes fills and is cleared
    put("gif/large.gif", saved(large, "GIF"))
    data = saved(indexed, "GIF", transparency=3)
    put("gif/transparent.gif", data, *decoded(data, True))
    put("gif/animated.gif", saved(indexed, "GIF", save_all=True, append_images=[indexed.rotate(180)]))
    part = bytearray(saved(indexed, "GIF"))
    part[6:10] = struct.pack("<HH", 45, 40)
    frame = bytes(part).index(b"\x2c" + struct.pack("<HHHH", 0, 0, 37, 29))
    part[frame + 1 : frame + 5] = struct.pack("<HH", 5, 7)
    rgb, alpha = np.zeros((40, 45, 3), np.uint8), np.zeros((40, 45), np.uint8)
    rgb[7:36, 5:42], alpha[7:36, 5:42] = np.array(indexed.convert("RGB")), 255
    put("gif/part-of-canvas.gif", bytes(part), rgb, alpha)

    put("bmp/rgb-24.bmp", saved(RGB_PICTURE, "BMP"))
    put("bmp/grey.bmp", saved(RGB_PICTURE.convert("L"), "BMP"))
    put("bmp/palette.bmp", saved(indexed, "BMP"))
    put("bmp/two-colours.bmp", saved(RGB_PICTURE.convert("1"), "BMP"))
    rgba = smooth(37, 29, 4)

    def header(width, height, bits, compression, size):
        return struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, size, 2835, 2835, 0, 0)

    def file(dib, pixels):
        return b"BM" + struct.pack("<IHHI", 14 + len(dib) + len(pixels), 0, 0, 14 + len(dib)) + dib + pixels

    bgra = rgba[::-1, :, [2, 1, 0, 3]].tobytes()
    put("bmp/rgb-32.bmp", file(header(37, 29, 32, 0, len(bgra)), bgra), rgba[:, :, :3])
    put("bmp/top-down.bmp", file(header(37, -29, 32, 0, len(bgra)), rgba[:, :, [2, 1, 0, 3]].tobytes()), rgba[:, :, :3])
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    v4 = struct.pack("<I", 108) + header(37, 29, 32, 3, len(bgra))[4:] + masks + b"BGRs" + bytes(48)
    put("bmp/alpha.bmp", file(v4, bgra), rgba[:, :, :3], rgba[:, :, 3])
    five = (
        (rgba[::-1, :, 0].astype("<u2") >> 3) << 11 | (rgba[::-1, :, 1].astype("<u2") >> 2) << 5 | rgba[::-1, :, 2] >> 3
    )
    rows = np.pad(five, [(0, 0), (0, 1)]).astype("<u2").tobytes()
    data = file(header(37, 29, 16, 3, len(rows)) + struct.pack("<III", 0xF800, 0x07E0, 0x1F), rows)
    put("bmp/rgb-565.bmp", data, tolerance=1)
    runs = b"".join(bytes([5, 1, 0, 3, 0, 1, 2, 0, 3, 2]) + b"\0\0" for _ in range(6)) + b"\0\1"
    colours = bytes([10, 20, 30, 0, 250, 20, 30, 0, 10, 220, 30, 0] + [0] * 1012)
    row = [1] * 5 + [0, 1, 2] + [2] * 3
    palette = np.array([[30, 20, 10], [30, 20, 250], [30, 220, 10]], np.uint8)
    put("bmp/run-lengths.bmp", file(header(11, 6, 8, 1, len(runs)) + colours, runs), palette[np.array([row] * 6)])

    grey = np.array(RGB_PICTURE.convert("L"))
    put("pnm/rgb.ppm", saved(RGB_PICTURE, "PPM"))
    put("pnm/grey.pgm", saved(RGB_PICTURE.convert("L"), "PPM"))
    put("pnm/bitmap.pbm", saved(RGB_PICTURE.convert("1"), "PPM"))
    put(
        "pnm/text.ppm",
        b"P3 # colours\n37 29\n255\n" + " ".join(map(str, smooth(37, 29, 3).flatten())).encode(),
        smooth(37, 29, 3),
    )
    put(
        "pnm/text-bitmap.pbm",
        b"P1\n4 2\n10 01\n# between\n1111\n",
        np.repeat(np.array([[0, 255, 255, 0], [0] * 4], np.uint8)[:, :, None], 3, axis=2),
    )
    wide = (smooth(37, 29, 3).astype(">u2") * 257).tobytes()
    put("pnm/sixteen-bits.ppm", b"P6\n37 29\n65535\n" + wide, smooth(37, 29, 3))
    put(
        "pnm/fifteen.pgm",
        b"P5\n37 29\n15\n" + (grey >> 4).tobytes(),
        np.repeat(((grey >> 4).astype(int) * 17)[:, :, None], 3, axis=2),
    )
    put(
        "pnm/alpha.pam",
        b"P7\nWIDTH 37\nHEIGHT 29\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + rgba.tobytes(),
        rgba[:, :, :3],
        rgba[:, :, 3],
    )

    put("qoi/rgb.qoi", saved(RGB_PICTURE, "QOI"))
    put("qoi/alpha.qoi", saved(RGBA_PICTURE, "QOI"))
    flat = Image.new("RGB", (90, 3), (9, 200, 30))
    flat.putpixel((70, 1), (8, 201, 31))
    put("qoi/runs.qoi", saved(flat, "QOI"))


# Colours


def srgb_encoded(linear):
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def srgb_decoded(value):
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def rgb_to_xyz(xy):
    white, *primaries = [np.array([x / y, 1, (1 - x - y) / y]) for x, y in zip(xy[::2], xy[1::2], strict=True)]
    matrix = np.array(primaries).T
    return matrix * np.linalg.solve(matrix, white)


SRGB_XY = [0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06]
P3_XY = [0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06]
BT2020_XY = [0.3127, 0.329, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046]


def to_srgb_by_formula(linear, xy):
    matrix = np.linalg.inv(rgb_to_xyz(SRGB_XY)) @ rgb_to_xyz(xy)
    return np.rint(255 * srgb_encoded(linear @ matrix.T)).astype(np.uint8)


def pq(light):
    power = (np.asarray(light) / 10000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def pq_light(signal):
    power = np.asarray(signal) ** (1 / 78.84375)
    return 10000 * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)


def tone_mapped(light, xy):
    """ITU-R BT.2390-8, 5.4.1, on the brightest channel, from 1000 to 203 cd/m2; colours outside sRGB clipped."""
    brightest = light.max(axis=2, keepdims=True)
    value = np.minimum(pq(brightest) / pq(1000), 1)
    top = pq(203) / pq(1000)
    knee = 1.5 * top - 0.5
    t = (value - knee) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * top
    mapped = pq_light(np.where(value > knee, spline, value) * pq(1000))
    return to_srgb_by_formula(light * np.where(brightest > 0, mapped / np.maximum(brightest, 1e-9), 0) / 203, xy)


def colours():
    def cicp(*numbers):
        return chunk(b"cICP", bytes([*numbers, 0, 1]))

    rgb = smooth(37, 29, 3)
    value = rgb / 255.0
    add("png/colours-p3.png", write_png(rgb, RGB, 8, before=cicp(12, 13)), rgb, tolerance=0,
        srgb=to_srgb_by_formula(srgb_decoded(value), P3_XY))  # fmt: skip
    add("png/colours-srgb.png", write_png(rgb, RGB, 8, before=cicp(1, 13)), rgb, srgb=rgb)
    linear = chunk(b"gAMA", struct.pack(">I", 100000))
    add("png/gamma-linear.png", write_png(rgb, RGB, 8, before=linear), rgb, srgb=to_srgb_by_formula(value, SRGB_XY))
    primaries = chunk(b"cHRM", struct.pack(">8I", *(round(v * 1e5) for v in P3_XY)))
    mac = chunk(b"gAMA", struct.pack(">I", 55556)) + primaries
    add("png/gamma-1.8.png", write_png(rgb, RGB, 8, before=mac), rgb, srgb=to_srgb_by_formula(value**1.8, P3_XY))
    # sRGB's own numbers say nothing new, and a profile or an sRGB chunk comes first.
    usual = chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(
        b"cHRM", struct.pack(">8I", *(round(v * 1e5) for v in SRGB_XY))
    )
    add("png/gamma-srgb.png", write_png(rgb, RGB, 8, before=usual), rgb, srgb=rgb)
    add("png/gamma-overruled.png", write_png(rgb, RGB, 8, before=chunk(b"sRGB", b"\0") + linear), rgb, srgb=rgb)
    grey, profile = rgb[:, :, :1], grey_profile(1.0)
    tagged = chunk(b"iCCP", b"grey\0\0" + zlib.compress(profile))
    add("png/grey-profile.png", write_png(grey, GREY, 8, before=tagged),
        to_srgb(Image.fromarray(grey[:, :, 0]), profile), tolerance=1)  # fmt: skip
    plane = Image.fromarray(grey[:, :, 0])
    data = saved(plane, "JPEG", quality=95, icc_profile=profile)
    add("jpeg/grey-profile.jpg", data, to_srgb(Image.open(io.BytesIO(data)), profile), tolerance=1)
    inks, profile = Image.fromarray(smooth(37, 29, 4), "CMYK"), cmyk_profile()
    data = saved(inks, "JPEG", quality=95, icc_profile=profile)
    add("jpeg/cmyk-profile.jpg", data, to_srgb(Image.open(io.BytesIO(data)), profile), tolerance=1)

    y, x = np.mgrid[0:24, 0:40]
    light = (
        4000 ** ((x[:, :, None] + 5 * np.array([0, 1, 2])) % 40 / 39.0)
        * np.array([1, 0.8, 0.5])
        * (y[:, :, None] + 1)
        / 24
    )
    signal = np.rint(pq(light) * 65535).astype(np.uint32)
    add("png/hdr-pq.png", write_png(signal, RGB, 16, before=cicp(9, 16)),
        tone_mapped(pq_light(signal / 65535), BT2020_XY), tolerance=1)  # fmt: skip
    signal = np.rint(np.stack([x / 39, y / 23, (x + y) / 62], 2) * 65535).astype(np.uint32)
    value = signal / 65535
    scene = np.where(value <= 0.5, value**2 / 3, (np.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    luminance = scene @ [0.2627, 0.6780, 0.0593]
    light = 1000 * np.maximum(luminance, 1e-6)[:, :, None] ** 0.2 * scene
    alpha = np.full((*signal.shape[:2], 1), 65535 * 3 // 5)
    add("png/hdr-hlg-alpha.png", write_png(np.concatenate([signal, alpha], 2), RGBA, 16, before=cicp(9, 18)),
        tone_mapped(light, BT2020_XY), np.full(signal.shape[:2], 65535 * 3 // 5 >> 8), tolerance=1)  # fmt: skip


# Phones' JPEG files, and damage


def phones():
    base = saved(RGB_PICTURE, "JPEG", quality=90)
    gain = saved(RGB_PICTURE.convert("L").resize((18, 14)), "JPEG", quality=80)
    xmp = (
        b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF hdrgm:Version="1.0"/></x:xmpmeta>'
    )

    def with_segments(segments, behind):
        return (
            base[:2] + b"".join(JPEGWriter.segment(marker, content) for marker, content in segments) + base[2:] + behind
        )

    mpf = b"MPF\0MM\0*" + struct.pack(">I", 8) + struct.pack(">H", 2)
    mpf += struct.pack(">HHI", 0xB000, 7, 4) + b"0100" + struct.pack(">HHII", 0xB001, 4, 1, 2) + bytes(4)
    data = with_segments([(0xE1, xmp), (0xE2, mpf)], gain)
    add("jpeg/gain-map.jpg", data, *decoded(base))
    film = isobmff(b"ftyp", b"mp42\0\0\0\0isom") + isobmff(b"mdat", bytes(300))
    add("jpeg/motion-photo.jpg", with_segments([(0xE1, xmp.replace(b"hdrgm", b"GCamera"))], film), *decoded(base))
    mpo = saved(RGB_PICTURE, "MPO", save_all=True, append_images=[ImageOps.invert(RGB_PICTURE)], quality=90)
    add("jpeg/two-views.jpg", mpo, *decoded(mpo))
    exif = Image.Exif()
    exif[0x010F], exif[0x013B], exif[0x8298] = "Camera Works", "Anna", "(c) Anna"
    exif.get_ifd(0x8769)[0x9003] = "2020:05:17 10:11:12"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 0.0)
    data = saved(RGB_PICTURE, "JPEG", quality=90, exif=exif, dpi=(300, 300))
    add("jpeg/metadata.jpg", data, *decoded(data))


def damage():
    rgb = smooth(37, 29, 3)
    text = b"tEXt" + b"Comment\0x"
    wrong = struct.pack(">I", 9) + text + b"\0\0\0\1"
    whole = write_png(rgb, RGB, 8)

    def note(name, data):
        return add(name, data, rgb, noted=True)

    note("png/damaged-text.png", whole[:33] + wrong + whole[33:])
    note("png/damaged-end.png", whole[:-1] + b"\0")
    note("png/without-end.png", whole[:-12])
    tall = Image.fromarray(smooth(48, 320, 3))
    data = saved(tall, "JPEG", quality=90, subsampling="4:4:4")
    scan = data.rindex(b"\xff\xda")
    cut = data[: scan + (len(data) - scan) * 19 // 20]
    rows = np.array(Image.open(io.BytesIO(data)))
    add("jpeg/cut-off.jpg", cut, rows, noted=True, wholeRows=272)
    flipped = bytearray(data)
    for position in range(scan + 2000, len(data) - 100, 900):
        if data[position] != 0xFF and data[position - 1] != 0xFF:
            flipped[position] ^= 0x55
    add("jpeg/flipped-bits.jpg", bytes(flipped), rows, noted=True, wholeRows=0)


def larger_than_said():
    """Pictures of one colour whose container says 64x64; not among the pictures to be read, or to be mutated."""
    picture = Image.new("RGB", (4200, 4200), (90, 120, 150))
    files = {"hevc": heif(picture, "HEIF", quality=30), "av1": saved(picture, "AVIF", quality=30, speed=10)}
    for name, data in files.items():
        size = struct.pack(">II", *picture.size)
        assert data.count(b"ispe\0\0\0\0" + size) == 1
        os.makedirs(os.path.join(HERE, "larger-than-said"), exist_ok=True)
        with open(os.path.join(HERE, "larger-than-said", name), "wb") as file:
            file.write(data.replace(b"ispe\0\0\0\0" + size, b"ispe\0\0\0\0" + struct.pack(">II", 64, 64)))


def main():
    heic_files()
    avif_files()
    jxl_files()
    tiff_files()
    simple_files()
    colours()
    phones()
    damage()
    larger_than_said()
    with open(os.path.join(HERE, "formats.json"), "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]\n")


if __name__ == "__main__":
    main()
