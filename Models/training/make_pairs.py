"""Stage 1, pairs: python make_pairs.py OUT --photos DIR [--photos DIR ...] [--views 3]

Of each training photo `views` views at random scales (shortest side 200 to 768 pixels), at most 384x384 pixels each,
drawn in every style by the teacher. Written as OUT/NAME-VIEW.npy, uint8 [height, width, 10]: photo RGB, cartoon RGB,
sketch grey, watercolor RGB. A third of the views is first made darker, brighter, paler or grey (and drawn so); of a
quarter the photo alone is then worn by noise or JPEG, so that the model learns to draw through it.
"""
import argparse, math, multiprocessing, os, pathlib, random
import cv2
import numpy as np
from photos import for_training
from teacher import draw

LARGEST = 384


def changed_tone(image, rng):
    kind = rng.choice(["dark", "bright", "pale", "grey"])
    if kind == "grey":
        return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if kind == "pale":
        return cv2.convertScaleAbs(image, alpha=rng.uniform(0.5, 0.8), beta=rng.uniform(10, 70))
    power = rng.uniform(1.3, 2.4) if kind == "dark" else rng.uniform(0.5, 0.8)
    return ((image / 255.0) ** power * 255 + 0.5).astype(np.uint8)


def worn(image, rng):
    if rng.random() < 0.5:
        noise = np.random.default_rng(rng.randrange(2**32)).normal(0, rng.uniform(4, 18), image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, rng.randint(25, 75)])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def make_views(job):
    path, views, out = job
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None: return 0
    rng = random.Random(path.stem)
    short = min(image.shape[:2])
    for view in range(views):
        target = out / f"{path.stem}-{view}.npy"
        scale = 200 * math.exp(rng.triangular(0, math.log(768 / 200), math.log(384 / 200))) / short
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=how)
        height, width = (min(LARGEST, side) // 2 * 2 for side in scaled.shape[:2])
        y, x = rng.randint(0, scaled.shape[0] - height), rng.randint(0, scaled.shape[1] - width)
        photo = np.ascontiguousarray(scaled[y:y + height, x:x + width])
        if rng.random() < 0.33: photo = changed_tone(photo, rng)
        drawn = draw(photo)
        if rng.random() < 0.25: photo = worn(photo, rng)
        layers = [photo[..., ::-1], drawn["cartoon"][..., ::-1], drawn["sketch"][..., :1], drawn["watercolor"][..., ::-1]]
        with open(f"{target}.part", "wb") as file: np.save(file, np.concatenate(layers, 2))
        os.replace(f"{target}.part", target)
    return views


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", type=pathlib.Path); p.add_argument("--photos", action="append", required=True)
    p.add_argument("--views", type=int, default=3)
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    paths = for_training(a.photos)
    random.Random(0).shuffle(paths)  # so that the first pairs are as mixed as all of them
    with multiprocessing.Pool(2) as pool:
        print(sum(pool.imap_unordered(make_views, [(path, a.views, a.out) for path in paths], chunksize=4)), "pairs")
