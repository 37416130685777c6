"""Which photos are for training and which are kept out, by name."""

import pathlib
import random

import cv2

HERE = pathlib.Path(__file__).parent
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def held_out():
    """The names (without suffix) of the photos that no training sees: the first 120 for the figures, the rest to watch
    the training by (and one that the program's tests use)."""
    return (HERE / "held-out.txt").read_text().split()


def found(folders):
    """All photos under `folders`, sorted by name, each name once."""
    paths = {p.stem: p for f in folders for p in pathlib.Path(f).rglob("*") if p.suffix.lower() in SUFFIXES}
    return [paths[name] for name in sorted(paths)]


def for_training(folders):
    out = {name.casefold() for name in held_out()}
    return [p for p in found(folders) if p.stem.casefold() not in out]


def square(path, size):
    """The photo's middle square at `size` pixels, BGR."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    height, width = image.shape[:2]
    side = min(height, width)
    y, x = (height - side) // 2, (width - side) // 2
    how = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return cv2.resize(image[y : y + side, x : x + side], (size, size), interpolation=how)


def main():  # python photos.py FOLDER: chooses the photos kept out, once
    import sys

    names = [p.stem for p in found(sys.argv[1:])]
    random.Random(20).shuffle(names)
    (HERE / "held-out.txt").write_text("\n".join(names[:144]) + "\n")


if __name__ == "__main__":
    main()
