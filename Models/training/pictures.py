"""The card's pictures, by the release program: python pictures.py PROGRAM MODEL FOLDER

photos.jpg    photos, each beside its cartoon
styles.jpg    one photo in every style
composed.jpg  one photo under composed instructions
"""

import pathlib
import subprocess
import sys
import tempfile

import cv2
import numpy as np

PHOTOS = pathlib.Path(__file__).resolve().parents[2] / "Tests/suites/smoke/photos"
STYLES = (
    "Cartoonize the following image",
    "a comic book page",
    "in anime style",
    "a pencil sketch",
    "an ink drawing",
    "a watercolor painting",
)
COMPOSED = (
    "Cartoonize the following image with bold lines and pastel colors",
    "a black-and-white comic, few shades",
    "a watercolor with thin lines",
    "a cartoon without lines, vivid colors",
    "a sepia ink drawing with bold lines",
)


def fitted(path, height):
    image = cv2.imread(str(path))
    return cv2.resize(image, (round(image.shape[1] * height / image.shape[0]), height), interpolation=cv2.INTER_AREA)


def strip(pictures):
    return np.hstack(
        [p for picture in pictures for p in (picture, np.full((picture.shape[0], 6, 3), 255, np.uint8))][:-1]
    )


def rows(strips):
    width = max(s.shape[1] for s in strips)
    return np.vstack(
        [cv2.copyMakeBorder(s, 0, 6, 0, width - s.shape[1], cv2.BORDER_CONSTANT, value=(255, 255, 255)) for s in strips]
    )


def main():
    program, model, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    with tempfile.TemporaryDirectory() as made:

        def drawn(photo, words, height):
            out = pathlib.Path(made, "out.png")
            subprocess.run(
                [program, photo, "-m", model, "-o", out, "-f", "--seed", "1", "-q", "-i", words],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            return fitted(out, height)

        photos = sorted(PHOTOS.glob("*.jpg"))
        pairs = [strip([fitted(p, 300), drawn(p, STYLES[0], 300)]) for p in photos]

        def save(name, image):
            return cv2.imwrite(str(folder / name), image, [cv2.IMWRITE_JPEG_QUALITY, 88])

        save("photos.jpg", rows([strip(pairs[i : i + 2]) for i in range(0, len(pairs), 2)]))
        one = PHOTOS / "astronaut.jpg"
        save("styles.jpg", strip([fitted(one, 260)] + [drawn(one, words, 260) for words in STYLES]))
        save("composed.jpg", strip([fitted(one, 260)] + [drawn(one, words, 260) for words in COMPOSED]))


if __name__ == "__main__":
    main()
