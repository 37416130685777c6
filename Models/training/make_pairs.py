"""Stage 1, pairs: python make_pairs.py OUT --photos DIR [--photos DIR ...] [--views 1] [--first 0]

Of each training photo `views` views at random scales, at most 352x352 pixels each: the photo and some fifty of the
teacher's drawings, in groups that differ by one thing alone (the style, or one attribute), which is what training
compares. Written as OUT/NAME-VIEW.npy, uint8 [1 + drawings, height, width, 3] RGB, and OUT/NAME-VIEW.json: what each
drawing was asked to be, and the groups. A third of the views is first made darker, brighter, paler or grey (and drawn
so); a third of the photos is then degraded by noise or JPEG, so that the model draws through it.
"""

import argparse
import json
import math
import multiprocessing
import os
import pathlib
import random

import cv2
import numpy as np

from photos import for_training
from styles import ATTRIBUTES, STYLES, draw, possible, ways
from teacher import Drawing

LARGEST = 352
MIXED = 5  # groups in which something else is asked for as well
SCALE = 512  # lines are drawn as in a picture of 512 pixels, whatever the view's size


def changed_tone(image, rng):
    kind = rng.choice(["dark", "bright", "pale", "grey"])
    if kind == "grey":
        return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if kind == "pale":
        return cv2.convertScaleAbs(image, alpha=rng.uniform(0.5, 0.8), beta=rng.uniform(10, 70))
    power = rng.uniform(1.3, 2.4) if kind == "dark" else rng.uniform(0.5, 0.8)
    return ((image / 255.0) ** power * 255 + 0.5).astype(np.uint8)


def degraded(image, rng):
    if rng.random() < 0.4:
        noise = np.random.default_rng(rng.randrange(2**32)).normal(0, rng.uniform(3, 14), image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    _ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, rng.randint(30, 85)])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def groups_of_requests(rng):
    """Lists of requests (style, attributes) that differ by one thing alone: the plain styles, each attribute of the
    cartoon, one attribute of every other style, and a few with something else asked for as well."""
    groups = [ways("style", "cartoon", {}), *(ways(name, "cartoon", {}) for name in ATTRIBUTES)]
    groups += [ways(rng.choice(list(ATTRIBUTES)), style, {}) for style in STYLES[1:]]
    for _ in range(MIXED):
        name, other = rng.sample(["style", *ATTRIBUTES], 2)
        asked = {} if other == "style" else {other: rng.choice(ATTRIBUTES[other])}
        if other != "style" and rng.random() < 0.3:
            third = rng.choice([n for n in ATTRIBUTES if n not in (name, other)])
            asked[third] = rng.choice(ATTRIBUTES[third])
        groups.append(ways(name, rng.choice(STYLES), asked))
    groups = [[request for request in group if possible(*request)] for group in groups]
    return [group for group in groups if len(group) > 1]


def make_view(job):
    path, view, out = job
    target = out / f"{path.stem}-{view}.npy"
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None or target.exists():
        return 0
    rng = random.Random(f"{path.stem}-{view}")
    short = min(image.shape[:2])
    scale = math.exp(rng.uniform(math.log(256), math.log(640 if short < 700 else 1200))) / short
    scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    height, width = (min(LARGEST, side) // 8 * 8 for side in scaled.shape[:2])
    y, x = rng.randint(0, scaled.shape[0] - height), rng.randint(0, scaled.shape[1] - width)
    photo = np.ascontiguousarray(scaled[y : y + height, x : x + width])
    if rng.random() < 0.33:
        photo = changed_tone(photo, rng)
    drawing = Drawing(photo, SCALE)
    groups = groups_of_requests(rng)
    asked = [json.loads(text) for text in dict.fromkeys(json.dumps(request) for group in groups for request in group)]
    groups = [
        [asked.index(list(request)) + 1 for request in group] for group in groups
    ]  # layers of the array; 0: the photo
    drawn = [draw(drawing, *request) for request in asked]
    if rng.random() < 0.33:
        photo = degraded(photo, rng)
    target.with_suffix(".json").write_text(json.dumps({"asked": asked, "groups": groups}))
    with open(f"{target}.part", "wb") as file:
        np.save(file, np.stack([photo, *drawn])[..., ::-1])
    os.replace(f"{target}.part", target)
    return 1


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--photos", action="append", required=True)
    p.add_argument("--views", type=int, default=1)
    p.add_argument("--first", type=int, default=0)
    p.add_argument("--processes", type=int, default=2)
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    paths = for_training(a.photos)
    random.Random(0).shuffle(paths)  # so that the first pairs are as mixed as all of them
    jobs = [(path, view, a.out) for view in range(a.first, a.first + a.views) for path in paths]
    with multiprocessing.Pool(a.processes) as pool:
        print(sum(pool.imap_unordered(make_view, jobs)), "pairs")


if __name__ == "__main__":
    main()
