"""The card's pictures of the three styles: python pictures.py PROGRAM MODEL OUT.jpg (photo, cartoon, sketch, watercolor a row)."""
import pathlib, subprocess, sys, tempfile
import cv2
import numpy as np
from evaluate import ASK
from photos import square

PHOTOS, SIDE = pathlib.Path(__file__).resolve().parents[2] / "Tests/smoke/photos", 260

if __name__ == "__main__":
    program, model, out = sys.argv[1:]
    rows = []
    for name in ("astronaut", "mountain", "cat"):
        photo = PHOTOS / f"{name}.jpg"
        row = [square(photo, SIDE)]
        with tempfile.TemporaryDirectory() as folder:
            for style, words in ASK.items():
                made = pathlib.Path(folder, f"{style}.png")
                subprocess.run([program, photo, "-m", model, "-o", made, "--seed", "1", "-q"] + (["-i", words] if words else []),
                               check=True, stdout=subprocess.DEVNULL)
                row.append(square(made, SIDE))
        rows.append(np.hstack(row))
    cv2.imwrite(out, np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 88])
