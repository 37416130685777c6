"""The frozen teacher draws as it did, and its file is the one the card names: python test_teacher.py [--write]

One drawing of each style of Tests/suites/smoke/photos/astronaut.jpg at 256 pixels, against teacher/STYLE.png. Another
build of OpenCV may round otherwise: 60 dB are asked for.
"""

import hashlib
import pathlib
import sys

import cv2
from skimage.metrics import peak_signal_noise_ratio

from photos import square
from styles import STYLES
from teacher import Drawing

HERE = pathlib.Path(__file__).parent
PHOTO = HERE.parents[1] / "Tests/suites/smoke/photos/astronaut.jpg"


def main():
    drawing = Drawing(square(PHOTO, 256), 512)
    for style in STYLES:
        drawn, golden = drawing.of(style), HERE / "teacher" / f"{style}.png"
        if "--write" in sys.argv:
            golden.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(golden), drawn)
        ratio = peak_signal_noise_ratio(cv2.imread(str(golden)), drawn)
        assert ratio > 60, f"{style}: {ratio:.1f} dB to its golden"
    frozen = hashlib.sha256((HERE / "teacher.py").read_bytes()).hexdigest()
    assert frozen in (HERE.parent / "README.md").read_text(), f"the card names another teacher than {frozen}"
    print(f"{len(STYLES)} drawings as frozen, teacher.py {frozen[:12]}")


if __name__ == "__main__":
    main()
