"""300 files of 60 kinds (sizes, formats, defects) for the batch tests, and the check of what became of them.

python photos.py make DIR      # writes the files, and DIR.json: what each must become
python photos.py check DIR OUT MANIFEST ...
"""

import io
import json
import os
import pathlib
import random
import sys
import zlib

from PIL import Image, ImageCms


def picture(rng, width, height, mode="RGB"):
    """Coarse random colours, smoothly enlarged."""
    small = Image.frombytes("RGB", (5, 4), bytes(rng.randrange(256) for _ in range(60)))
    image = small.resize((width, height), Image.BICUBIC)
    if mode in ("RGBA", "LA"):
        alpha = Image.frombytes("L", (3, 3), bytes(rng.randrange(256) for _ in range(9)))
        image.putalpha(alpha.resize((width, height)))
    return image.convert(mode)


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def kinds():
    """Name, extension, and a function from random numbers and a size to bytes; None for the bytes means a dead link."""

    def png(mode):
        return lambda rng, w, h: encoded(picture(rng, w, h, mode), "PNG")

    def jpeg(mode, **options):
        return lambda rng, w, h: encoded(picture(rng, w, h, mode), "JPEG", **options)

    good = {f"png-{mode}": (".png", png(mode)) for mode in ["RGB", "RGBA", "L", "LA", "P", "1"]}
    good["png-I;16"] = (
        ".png",
        lambda rng, w, h: encoded(picture(rng, w, h, "L").convert("I").point(lambda v: v * 257).convert("I;16"), "PNG"),
    )
    good["png-transparent-index"] = (".png", lambda rng, w, h: encoded(picture(rng, w, h, "P"), "PNG", transparency=3))
    good["png-text"] = (".PNG", png("RGB"))
    for mode in ["RGB", "L", "CMYK"]:
        good[f"jpeg-{mode}"] = (".jpg", jpeg(mode))
    good["jpeg-progressive"] = (".jpeg", jpeg("RGB", progressive=True))
    good["jpeg-grey-progressive"] = (".jpg", jpeg("L", progressive=True))
    for subsampling in ["4:4:4", "4:2:2", "4:2:0"]:
        good["jpeg-" + subsampling.replace(":", "")] = (".jpg", jpeg("RGB", subsampling=subsampling))
    for quality in [5, 100]:
        good[f"jpeg-quality-{quality}"] = (".JPG", jpeg("RGB", quality=quality))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    good["jpeg-profile"] = (".jpg", jpeg("RGB", icc_profile=profile))
    good["png-profile"] = (".png", lambda rng, w, h: encoded(picture(rng, w, h), "PNG", icc_profile=profile))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        good[f"jpeg-orientation-{orientation}"] = (".jpg", jpeg("RGB", exif=exif))
    good["jpeg-restart-markers"] = (".jpg", jpeg("RGB", restart_marker_blocks=1))
    good["jpeg-optimised"] = (".jpg", jpeg("RGB", optimize=True))
    good["jpeg-comment"] = (".jpg", jpeg("RGB", comment=b"a comment"))
    good["png-optimised"] = (".png", lambda rng, w, h: encoded(picture(rng, w, h), "PNG", optimize=True))
    good["png-stored"] = (".png", lambda rng, w, h: encoded(picture(rng, w, h), "PNG", compress_level=0))
    good["jpeg-named-png"] = (".png", jpeg("RGB"))
    good["png-named-jpg"] = (".jpg", png("RGB"))
    good["png-no-extension"] = ("", png("RGB"))
    good["jpeg-no-extension"] = ("", jpeg("RGB"))
    good["jpeg-odd-extension"] = (".photo", jpeg("RGB"))
    good["name with spaces"] = (".png", png("RGB"))
    good["naïve-名前"] = (".png", png("RGB"))
    good["quote'\"-newline\n"] = (".png", png("RGB"))
    good["--seed"] = (".png", png("RGB"))
    good["$(touch x)"] = (".png", png("RGB"))

    def cut(make, part):
        return lambda rng, w, h: make(rng, w, h)[: max(9, int(len(make(rng, w, h)) * part))]

    def flipped(rng, w, h):
        data = bytearray(encoded(picture(rng, w + 40, h + 40), "PNG"))
        data[len(data) // 2] ^= 0x55
        return bytes(data)

    def bomb(rng, w, h):
        data = bytearray(encoded(picture(rng, w, h), "PNG"))
        data[16:24] = (60000).to_bytes(4, "big") * 2
        data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
        return bytes(data)

    bad = {
        "empty-png": (".png", lambda *_: b""),
        "empty-jpg": (".jpg", lambda *_: b""),
        "png-cut-early": (".png", cut(png("RGB"), 0.3)),
        "png-cut-late": (".png", cut(png("RGB"), 0.9)),
        "jpeg-cut-early": (".jpg", cut(jpeg("RGB"), 0.3)),
        "jpeg-cut-late": (".jpg", cut(jpeg("RGB"), 0.85)),
        "png-flipped": (".png", flipped),
        "png-bomb": (".png", bomb),
        "text-named-png": (".png", lambda *_: b"This is no picture.\n" * 9),
        "html-named-jpg": (".jpg", lambda *_: b"<html><body>404 Not Found</body></html>"),
        "gif-named-png": (".png", lambda rng, w, h: encoded(picture(rng, w, h), "GIF")),
        "tiff-named-jpg": (".jpg", lambda rng, w, h: encoded(picture(rng, w, h), "TIFF")),
        "bmp-named-png": (".png", lambda rng, w, h: encoded(picture(rng, w, h), "BMP")),
        "signature-only": (".png", lambda *_: b"\x89PNG\r\n\x1a\n"),
        "zeros": (".jpg", lambda *_: bytes(300)),
        "dead-link": (".png", None),
    }
    return [(name, *kind, True) for name, kind in good.items()] + [(name, *kind, False) for name, kind in bad.items()]


def make(folder):
    folder = pathlib.Path(folder)
    rng, expected, all_kinds = random.Random(8), {}, kinds()
    assert len(all_kinds) == 60, len(all_kinds)
    sizes = [(1, 1), (3, 2), (17, 9), (1, 40), (64, 48)] + [
        (rng.randrange(2, 72), rng.randrange(2, 72)) for _ in range(55)
    ]
    for copy in range(5):
        sub = folder / ["", "one", "two", "two/three", "four"][copy]
        sub.mkdir(parents=True, exist_ok=True)
        for number, (name, extension, data, good) in enumerate(all_kinds):
            width, height = sizes[(number + 12 * copy) % 60]
            # The stem tells the copies apart, the folders mirror.
            file = sub / (name + extension)
            if data is None:
                file.symlink_to("nowhere.png")
            else:
                file.write_bytes(data(rng, width, height))
            turned = name.startswith("jpeg-orientation-") and int(name[-1]) >= 5
            expected[str(file.relative_to(folder))] = (
                [height, width] if good and turned else [width, height] if good else None
            )
    pathlib.Path(f"{folder}.json").write_text(json.dumps(expected))


def check(folder, out, manifests):
    expected = json.loads(pathlib.Path(f"{folder}.json").read_text())
    lines = {}
    for path in manifests:
        with open(path, encoding="utf-8") as file:
            entries = [json.loads(line) for line in file]
        for entry in entries:
            assert entry["output"] not in lines, f"two lines for {entry['output']}"
            lines[entry["output"]] = entry
    assert len(lines) == len(expected), f"{len(lines)} lines for {len(expected)} files"
    for entry in lines.values():
        name = os.path.relpath(entry["input"], folder)
        size, output = expected.pop(name), pathlib.Path(out) / entry["output"]
        if size is None:
            assert entry["exit_code"] == 4 and entry["error"] and not output.exists(), entry
        else:
            assert "error" not in entry, entry
            with Image.open(output) as image:
                assert list(image.size) == size, (name, image.size, size)
                image.load()
    assert not expected
    written = [
        path for path in pathlib.Path(out).rglob("*") if path.is_file() and not path.name.startswith("cartoonize.")
    ]
    good = sum("error" not in entry for entry in lines.values())
    assert len(written) == good, f"{len(written)} files for {good} pictures"
    assert not [path for path in written if path.name.endswith(".partial")]
    print(f"{len(lines)} files: {good} pictures of the right sizes, {len(lines) - good} failures with their reason")


def main():
    if sys.argv[1] == "make":
        make(sys.argv[2])
    else:
        check(sys.argv[2], sys.argv[3], sys.argv[4:])


if __name__ == "__main__":
    main()
