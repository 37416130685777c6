"""The card's figures: python evaluate.py MODEL OUT --photos DIR [--program cartoonize] [--only table,follow,...]

On photos kept out of training, by the release program with its default settings and seed 1, against the teacher's
drawings. SSIM and PSNR are scikit-image's on RGB bytes, the look's figures are look.py's.

table         default instruction, 120 photos at 512x512
sizes         the same, 40 photos, at 256, 384 and 768
styles        every style, 40 photos at 384x384
follow        phrasings kept out of training: is the asked style, and each asked attribute, the nearest of the
              teacher's drawings?
combinations  combinations kept out of training: are both attributes (and the style) right?
seeds         1000 seeds on one photo

Prints a table each and writes OUT/figures.json and OUT/sheet-N.png: photo, model, teacher.
"""

import argparse
import json
import multiprocessing
import pathlib
import subprocess
import tempfile

import cv2
import numpy as np
from skimage.metrics import peak_signal_noise_ratio as psnr
from skimage.metrics import structural_similarity

from instructions import phrase
from look import figures
from photos import found, square
from photos import held_out as held_out_photos
from styles import ATTRIBUTES, STYLES, draw, held_out, random_request
from teacher import Drawing

SCALE = 512  # what the model was trained to draw like, at every size


def ssim(a, b):
    return float(structural_similarity(a, b, channel_axis=2))


class Program:
    def __init__(self, path, model):
        self.path, self.model = path, model

    def __call__(self, image, instruction=None, *options):
        with tempfile.TemporaryDirectory() as folder:
            cv2.imwrite(f"{folder}/in.png", image)
            command = [
                self.path,
                f"{folder}/in.png",
                "-o",
                f"{folder}/out.png",
                "-m",
                self.model,
                "--seed",
                "1",
                "-q",
                *options,
            ]
            subprocess.run(
                command + (["-i", instruction] if instruction is not None else []),
                check=True,
                stdout=subprocess.DEVNULL,
            )
            return cv2.imread(f"{folder}/out.png")


def comparison(job):
    path, size, program, style, words, sheet = job
    photo = square(path, size)
    made, wanted = program(photo, words), Drawing(photo, SCALE).of(style)
    row = {"ssim": ssim(made, wanted), "psnr": float(psnr(wanted, made)), "photo's ssim": ssim(photo, wanted)}
    row |= figures(photo, made) | {f"teacher's {k}": v for k, v in figures(photo, wanted).items()}
    if sheet:
        cv2.imwrite(str(sheet), np.hstack([photo, made, wanted]))
    return row


def compared(pool, photos, size, program, style, words, sheets=None):
    jobs = [(path, size, program, style, words, sheets and sheets / f"sheet-{n}.png") for n, path in enumerate(photos)]
    rows = pool.map(comparison, jobs, chunksize=1)
    return {k: round(float(np.mean([r[k] for r in rows])), 3) for k in rows[0]}


def plain(rng):
    return {"cartoon": None} | {s: phrase(rng, s, {}, True) for s in STYLES[1:]}


def nearest(made, drawing, style, asked, name):
    """What `name` ("style" or an attribute) is in the nearest of the teacher's drawings that differ by it alone."""
    values = [s for s in STYLES if not (s == "ink" and "tones" in asked)] if name == "style" else ATTRIBUTES[name]
    requests = {v: (v, asked) if name == "style" else (style, {**asked, name: v}) for v in values}
    drawn = {value: draw(drawing, *request).astype(np.float32) for value, request in requests.items()}
    return min(drawn, key=lambda key: np.abs(drawn[key] - made).mean()), drawn


def told_apart(drawn, value):
    """Whether the teacher's own drawing differs from its next one enough to be told from it (natural ink is mono
    ink)."""
    return min(np.abs(drawn[value] - other).mean() for key, other in drawn.items() if key != value) > 1


def hits(job):
    """Of what was asked, by name, whether it is right; without what the teacher's own drawings do not tell apart."""
    path, program, style, asked, words = job
    photo = square(path, 256)
    drawing, made = Drawing(photo, SCALE), program(photo, words).astype(np.float32)
    found = {
        name: (value, *nearest(made, drawing, style, asked, name)) for name, value in [("style", style), *asked.items()]
    }
    return {name: chosen == value for name, (value, chosen, drawn) in found.items() if told_apart(drawn, value)}


def followed(pool, photos, program, rng, count, combinations):
    jobs = []
    for n in range(count):
        style, asked = random_request(rng, lambda *request: held_out(*request) == combinations)
        jobs.append((photos[n % len(photos)], program, style, asked, phrase(rng, style, asked, True)))
    rows = pool.map(hits, jobs, chunksize=1)
    by_name = {name: [row[name] for row in rows if name in row] for name in ("style", *ATTRIBUTES)}
    return {name: round(float(np.mean(values)), 3) for name, values in by_name.items()} | {
        "all of it": round(float(np.mean([all(row.values()) for row in rows])), 3),
        "of": count,
    }


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--photos", action="append", required=True)
    p.add_argument("--program", default="cartoonize")
    p.add_argument("--processes", type=int, default=2)
    p.add_argument("--only", default="table,sizes,styles,follow,combinations,seeds")
    p.add_argument("--count", type=int, default=120)
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    names = held_out_photos()[: a.count]
    by_name = {path.stem: path for path in found(a.photos)}
    photos, program, rng = (
        [by_name[n] for n in names if n in by_name],
        Program(a.program, a.model),
        np.random.default_rng(1),
    )
    kept, pool = a.out / "figures.json", multiprocessing.Pool(a.processes)
    results = json.loads(kept.read_text()) if kept.exists() else {}
    for task in a.only.split(","):
        if task == "table":
            results[task] = compared(pool, photos, 512, program, "cartoon", None, a.out)
        elif task == "sizes":
            results[task] = {s: compared(pool, photos[:40], s, program, "cartoon", None) for s in (256, 384, 768)}
        elif task == "styles":
            results[task] = {s: compared(pool, photos[:40], 384, program, s, w) for s, w in plain(rng).items()}
        elif task == "follow":
            results[task] = followed(pool, photos, program, rng, 400, False)
        elif task == "combinations":
            results[task] = followed(pool, photos, program, rng, 200, True)
        elif task == "seeds":
            photo = square(photos[0], 256)
            drawings = pool.starmap(program, [(photo, None, "--seed", str(n)) for n in range(1000)])
            wanted = Drawing(photo, SCALE).of()
            values = [float(psnr(wanted, made)) for made in drawings]
            results[task] = {"median": round(float(np.median(values)), 2), "least": round(min(values), 2)}
        print(task, json.dumps(results[task], indent=1), flush=True)
        kept.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
