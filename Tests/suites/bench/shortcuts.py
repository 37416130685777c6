"""What --fast and --fast-more cost and save: images beside those of exact runs, and the share of the work.

    python shortcuts.py PHOTOS OUT --model DIR [--full DIR] [--count 50] [--size 256x256] [--steps 20] [--program FILE]

DIR is the judge of Models/training/judge.py, or another model that needs its steps; --full is a full-size model, or
the stand-in that stand_in.py makes, whose share of work is counted as well, at 512x512. Photos are those of PHOTOS
that training leaves out (Models/training/held-out.txt), then others, evenly from the sorted list. Each is made with
both instructions, exact and by each shortcut, under OUT; what is there is not made again, so that a run that was
interrupted goes on. The table is printed, and all values are in OUT/shortcuts.json. PSNR and SSIM are scikit-image's
on RGB bytes, the work is what --dry-run says of the whole run. Needs the packages of
Models/training/requirements.txt.
"""

import argparse
import json
import os
import pathlib
import subprocess

import numpy as np
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

ROOT = pathlib.Path(__file__).resolve().parents[3]
MODES = {"exact": [], "--fast": ["--fast"], "--fast-more": ["--fast-more"]}
INSTRUCTIONS = {"cartoon": "Cartoonize the following image", "sketch": "Turn it into a pencil sketch"}


def chosen(folder, count):
    """`count` photos: held-out ones first, each kind spread over the sorted list."""
    held_out = set((ROOT / "Models/training/held-out.txt").read_text().split())
    photos = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    first = [p for p in photos if p.stem in held_out or p.name in held_out]
    rest = [p for p in photos if p not in first]

    def spread(among, n):
        return [among[i * len(among) // n] for i in range(n)]

    taken = spread(first, min(count, len(first)))
    return taken + spread(rest, min(count - len(taken), len(rest)))


class Runs:
    def __init__(self, a):
        self.a = a
        self.settings = [
            "--steps",
            a.steps,
            "--guidance",
            a.guidance,
            "--image-guidance",
            a.image_guidance,
            "--seed",
            1,
        ]

    def program(self, *arguments):
        command = [str(part) for part in (self.a.program, *arguments, *self.settings, "--quiet", "--json")]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def image(self, photo, instruction, mode):
        """RGB bytes of the output image, made if it is not there."""
        folder = self.a.out / instruction / mode.strip("-")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{photo.stem}.png"
        if not path.exists():
            self.program(
                photo,
                "-o",
                path,
                "--model",
                self.a.model,
                "--size",
                self.a.size,
                "-i",
                INSTRUCTIONS[instruction],
                *MODES[mode],
            )
        return np.asarray(Image.open(path).convert("RGB"))

    def work(self, photo, model, size):
        """Each mode's work as a share of the exact run's."""
        gflop = {
            mode: json.loads(self.program(photo, "--dry-run", "--model", model, "--size", size, *options))["gflop"]
            for mode, options in MODES.items()
        }
        return {mode: gflop[mode] / gflop["exact"] for mode in MODES}


def summary(rows):
    psnr, ssim = ([row[k] for row in rows] for k in ("psnr", "ssim"))
    return {
        "images": len(rows),
        "median psnr": float(np.median(psnr)),
        "worst psnr": min(psnr),
        "median ssim": float(np.median(ssim)),
        "worst ssim": min(ssim),
    }


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("photos", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--model", type=pathlib.Path, required=True)
    p.add_argument("--full", type=pathlib.Path)
    p.add_argument("--count", type=int, default=50)
    p.add_argument("--size", default="256x256")
    p.add_argument("--steps", type=int, default=20)
    p.add_argument("--guidance", type=float, default=4)
    p.add_argument("--image-guidance", type=float, default=1.5)
    p.add_argument("--program", type=pathlib.Path, default=ROOT / ".build/release/cartoonize")
    a = p.parse_args()
    runs, photos = Runs(a), chosen(a.photos, a.count)
    shares = {"work": runs.work(photos[0], a.model, a.size)}
    if a.full:
        shares["full-size work"] = runs.work(photos[0], a.full, "512x512")
    rows = {mode: [] for mode in MODES if mode != "exact"}
    for photo in photos:
        for instruction in INSTRUCTIONS:
            exact = runs.image(photo, instruction, "exact")
            for mode in rows:
                made = runs.image(photo, instruction, mode)
                rows[mode].append(
                    {
                        "photo": photo.name,
                        "instruction": instruction,
                        "psnr": float(peak_signal_noise_ratio(exact, made)),
                        "ssim": float(structural_similarity(exact, made, channel_axis=2)),
                    }
                )
        results = {mode: {**summary(found), **{k: v[mode] for k, v in shares.items()}} for mode, found in rows.items()}
        part = a.out / "shortcuts.json.part"
        part.write_text(json.dumps({"summary": results, "images": rows}, indent=1) + "\n")
        os.replace(part, a.out / "shortcuts.json")
    print("| | images | PSNR to exact, median (worst) | SSIM, median (worst) | " + " | ".join(shares) + " |")
    print("|---" * (4 + len(shares)) + "|")
    for mode, r in results.items():
        print(
            f"| `{mode}` | {r['images']} | {r['median psnr']:.1f} ({r['worst psnr']:.1f}) dB | {r['median ssim']:.3f} "
            f"({r['worst ssim']:.3f}) | " + " | ".join(f"{r[k]:.2f}" for k in shares) + " |"
        )


if __name__ == "__main__":
    main()
