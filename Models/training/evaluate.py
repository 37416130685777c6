"""Stage 6, the card's figures: python evaluate.py MODEL OUT --photos DIR [--program cartoonize] [--only table,...]

On the photos kept out of training, by the release program with its default settings and seed 1. SSIM and PSNR are
scikit-image's on RGB bytes. Ink is what is at least 40 levels darker than its surroundings (a black-hat of 7 pixels) in
a picture, teacher's and model's alike; the F1 takes a line as found within 2 pixels. Prints tables and writes OUT/figures.json,
and OUT/sheet-N.png: photo, model, teacher.
"""
import argparse, json, pathlib, random, subprocess, tempfile
import cv2
import numpy as np
from skimage.metrics import peak_signal_noise_ratio as psnr, structural_similarity
from instructions import STYLES, held_out
from photos import found, held_out as held_out_photos, square
from teacher import draw

ASK = {"cartoon": None, "sketch": "Turn the photo into a pencil sketch", "watercolor": "Turn the photo into a watercolor painting"}


def ssim(a, b): return structural_similarity(a, b, channel_axis=2)


def ink(image):
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, np.ones((7, 7), np.uint8)) > 40


def line_f1(found_lines, wanted):
    grown = lambda mask: cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if not wanted.any() and not found_lines.any(): return 1.0
    precision = (found_lines & grown(wanted)).sum() / max(1, found_lines.sum())
    recall = (wanted & grown(found_lines)).sum() / max(1, wanted.sum())
    return 2 * precision * recall / max(1e-9, precision + recall)


def drawn(path, size, folder):
    """The photo at `size` and the teacher's pictures of it, kept in `folder`: they take longer than the model's."""
    file, photo = folder / f"{path.stem}-{size}.npz", square(path, size)
    if not file.exists(): np.savez(file, **draw(photo))
    return photo, np.load(file)


class Program:
    def __init__(self, path, model): self.path, self.model = path, model

    def __call__(self, image, instruction=None, *options):
        with tempfile.TemporaryDirectory() as folder:
            cv2.imwrite(f"{folder}/in.png", image)
            command = [self.path, f"{folder}/in.png", "-o", f"{folder}/out.png", "-m", self.model, "--seed", "1", "-q", *options]
            subprocess.run(command + (["-i", instruction] if instruction is not None else []), check=True, stdout=subprocess.DEVNULL)
            return cv2.imread(f"{folder}/out.png")

    def seeds(self, image, count):
        with tempfile.TemporaryDirectory() as folder:
            cv2.imwrite(f"{folder}/in.png", image)
            subprocess.run([self.path, f"{folder}/in.png", "-o", f"{folder}/out.png", "-m", self.model, "--seed", "1", "-q",
                            "--count", str(count)], check=True, stdout=subprocess.DEVNULL)
            return [cv2.imread(str(p)) for p in sorted(pathlib.Path(folder).glob("out*.png"))]


def table(program, drawings, size, style, options=()):
    """Means over the photos, and a row of pictures for each."""
    rows, pictures = [], []
    for photo, wanted in drawings(size):
        made = program(photo, ASK[style], *options)
        target = wanted[style]
        row = {"ssim": ssim(made, target), "psnr": psnr(target, made), "photo_ssim": ssim(photo, target),
               "photo_psnr": psnr(target, photo)}
        if style == "cartoon":
            row |= {"f1": line_f1(ink(made), ink(target)), "teacher_ink": float((wanted["ink"] < 0.6).mean())}
        rows.append(row)
        pictures.append(np.hstack([photo, made, target]))
    return {k: round(float(np.mean([r[k] for r in rows])), 4) for k in rows[0]} | {"photos": len(rows)}, pictures


def followed(program, paths, drawings, count=300, size=256):
    """How often the nearest of the teacher's styles (least squared error) is the one that a held-out phrasing asks for."""
    rng, right, wrong, all_drawings = random.Random(7), 0, [], list(drawings(size))
    for i in range(count):
        style, (photo, wanted) = list(STYLES)[i % 3], all_drawings[i % len(paths)]
        phrase = rng.choice(held_out(style))
        made = program(photo, phrase).astype(float)
        nearest = min(STYLES, key=lambda s: np.square(made - wanted[s]).mean())
        right += nearest == style
        if nearest != style: wrong.append([phrase, style, nearest, paths[i % len(paths)].stem])
    return {"asked": count, "followed": round(right / count, 4), "wrong": wrong}


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model"); p.add_argument("out", type=pathlib.Path)
    p.add_argument("--photos", action="append", required=True); p.add_argument("--program", default="cartoonize")
    p.add_argument("--only", default="table,sizes,styles,followed,empty,seeds"); p.add_argument("--most", type=int, default=120)
    p.add_argument("--dev", action="store_true", help="the photos to watch by, not those for the figures")
    a = p.parse_args()
    (a.out / "drawn").mkdir(parents=True, exist_ok=True)
    names = held_out_photos()
    names = set(names[120:] if a.dev else names[:120])
    paths = [q for q in found(a.photos) if q.stem in names][:a.most]
    drawings = lambda size: (drawn(q, size, a.out / "drawn") for q in paths)
    program, only = Program(a.program, pathlib.Path(a.model).resolve()), a.only.split(",")
    file = a.out / "figures.json"
    figures = json.loads(file.read_text()) if file.exists() else {}

    def tell(name, value):
        print(name, value, flush=True)
        figures[name] = value
        file.write_text(json.dumps(figures, indent=1) + "\n")

    if "table" in only:
        value, pictures = table(program, drawings, 384, "cartoon")
        tell("cartoon 384", value)
        for i in range(0, min(40, len(pictures)), 8): cv2.imwrite(str(a.out / f"sheet-{i // 8}.png"), np.vstack(
            [np.hstack(pictures[j:j + 2]) for j in range(i, min(i + 8, len(pictures) - 1), 2)]))
    if "steps" in only:
        for steps in (1, 2, 3, 4, 6): tell(f"cartoon 384, {steps} steps", table(program, drawings, 384, "cartoon", ("--steps", str(steps)))[0])
    if "sizes" in only:
        for size in (256, 512, 768): tell(f"cartoon {size}", table(program, drawings, size, "cartoon")[0])
    if "styles" in only:
        for style in ("sketch", "watercolor"):
            value, pictures = table(program, drawings, 384, style)
            tell(f"{style} 384", value)
            cv2.imwrite(str(a.out / f"{style}.png"), np.vstack([np.hstack(pictures[j:j + 2]) for j in range(0, 8, 2)]))
    if "followed" in only: tell("followed", followed(program, paths, drawings))
    if "empty" in only:
        photos = [square(q, 384) for q in paths[:40]]
        tell("empty instruction against the photo, dB", round(float(np.mean([psnr(q, program(q, "")) for q in photos])), 2))
    if "seeds" in only:
        photo = square(paths[0], 256)
        target = draw(photo)["cartoon"]
        values = sorted(psnr(target, made) for made in program.seeds(photo, 1000))
        tell("1000 seeds, dB", {"least": round(float(values[0]), 2), "median": round(float(values[len(values) // 2]), 2), "seeds": len(values)})
