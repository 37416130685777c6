#!/usr/bin/env python3
"""Decodes what cjpeg, jpegtran and ImageMagick write with this program's reader and with Pillow.

    swift build -c release --product image-compare
    python3 Tests/ImageCodecsTests/compare_with_pillow.py [FOLDER WITH MORE PICTURES]

Every combination of the encoders' modes is made of a picture with odd sides. Both readers must give the same bytes.
Needs Pillow, numpy and Debian's libjpeg-turbo-progs and imagemagick.
"""

import itertools
import os
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image, ImageOps

COMPARE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.build/release/image-compare")


def source(path):
    y, x = np.mgrid[0:67, 0:93]
    planes = [128 + 100 * np.sin(x * (c + 1) / 9 + y * (3 - c) / 7) for c in range(3)]
    noise = np.random.default_rng(1).normal(0, 12, (67, 93, 3))
    Image.fromarray(np.clip(np.stack(planes, 2) + noise, 0, 255).astype(np.uint8)).save(path)


def jpegs(folder, ppm):
    samplings = [
        "1x1",
        "2x1",
        "1x2",
        "2x2",
        "4x1",
        "1x4",
        "4x2",
        "2x4",
        "4x4",
        "3x1",
        "1x3",
        "2x1,1x2,1x1",
        "1x1,2x2,1x2",
    ]
    colours = [[], ["-grayscale"], ["-rgb"]]
    codings = [[], ["-optimize"], ["-progressive"], ["-arithmetic"], ["-arithmetic", "-progressive"]]
    restarts = [[], ["-restart", "1B"], ["-restart", "3"]]
    for index, (sampling, colour, coding, restart, quality) in enumerate(
        itertools.product(samplings, colours, codings, restarts, ["30", "92"])
    ):
        if colour and sampling != "1x1" and colour != ["-rgb"]:
            continue
        path = f"{folder}/cjpeg-{index}.jpg"
        command = ["cjpeg", *colour, *coding, *restart, "-quality", quality, "-sample", sampling, "-outfile", path, ppm]
        if subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0:
            yield path, " ".join(command[1:-2])
    plain = f"{folder}/plain.jpg"
    subprocess.run(["cjpeg", "-sample", "2x2", "-outfile", plain, ppm], check=True)
    for name in ["rotate 90", "flip horizontal", "transpose", "transverse", "crop 40x33+16+16", "grayscale"]:
        path = f"{folder}/jpegtran-{name.split()[0]}.jpg"
        subprocess.run(["jpegtran", *f"-{name}".split(), "-outfile", path, plain], check=True)
        yield path, f"jpegtran {name}"
    for space, sampling, interlace, quality in itertools.product(
        ["sRGB", "Gray", "CMYK", "YCbCr"], ["4:4:4", "4:2:0", "4:1:1", "4:4:0"], ["none", "JPEG"], ["40", "95"]
    ):
        path = f"{folder}/magick-{space}-{sampling.replace(':', '')}-{interlace}-{quality}.jpg"
        command = [
            "convert",
            ppm,
            "-colorspace",
            space,
            "-sampling-factor",
            sampling,
            "-interlace",
            interlace,
            "-quality",
            quality,
            path,
        ]
        subprocess.run(command, check=True)
        yield path, " ".join(command[2:-1])


def pngs(folder, ppm):
    kinds = {
        "grey": ["-colorspace", "Gray"],
        "rgb": [],
        "palette": ["-colors", "13", "-type", "Palette"],
        "rgba": ["-alpha", "set", "-channel", "A", "-evaluate", "set", "40%"],
        "bilevel": ["-type", "Bilevel"],
    }
    for (name, kind), depth, interlace in itertools.product(kinds.items(), ["1", "2", "4", "8"], ["none", "PNG"]):
        path = f"{folder}/magick-{name}-{depth}-{interlace}.png"
        subprocess.run(["convert", ppm, *kind, "-depth", depth, "-interlace", interlace, path], check=True)
        yield path, f"{name} {depth} bits, interlace {interlace}"


def main():
    different = []
    with tempfile.TemporaryDirectory() as folder:
        ppm = f"{folder}/source.ppm"
        source(ppm)
        files = list(jpegs(folder, ppm)) + list(pngs(folder, ppm))
        for more in sys.argv[1:]:
            files += [(os.path.join(more, name), name) for name in sorted(os.listdir(more))]
        for path, what in files:
            ImageOps.exif_transpose(Image.open(path)).convert("RGB").save(f"{folder}/pillow.png", compress_level=1)
            result = subprocess.run([COMPARE, path, f"{folder}/pillow.png"], capture_output=True, text=True)
            if result.stdout.strip() != "inf":
                different.append(f"{what}: {result.stdout.strip()} {result.stderr.strip()}")
    print("\n".join(different))
    print(f"{len(files) - len(different)} of {len(files)} pictures are equal")
    sys.exit(bool(different))


if __name__ == "__main__":
    main()
