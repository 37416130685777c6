"""The teacher: a classical cartoonizer and two further styles, which the model learns to imitate.

Images are uint8 BGR [height, width, 3]. Every measure is in pixels, so a crop of a drawing is (but for its borders) the
drawing of the crop, at any size from 256 to 1024. `VERSION` and this file's hash stand in the model card: a change here
makes every figure of the model void.
"""
import cv2
import numpy as np

VERSION = 2
BORDER = 24  # reflected around the picture, so that its borders are drawn like its inside

cv2.setNumThreads(1)


def flatten(image):
    """Texture off, edges kept: a median and a rolling guidance filter (Zhang et al. 2014) take what is smaller than
    their scale (foliage, fur), a domain transform (Gastal and Oliveira 2011) makes what is left nearly flat."""
    rolled = cv2.ximgproc.rollingGuidanceFilter(cv2.medianBlur(image, 5), d=9, sigmaColor=34, sigmaSpace=3.0, numOfIter=3)
    return cv2.ximgproc.dtFilter(rolled, rolled, 30, 24, mode=cv2.ximgproc.DTF_RF, numIters=3)


def edge_tangents(grey):
    """The smoothed structure tensor's minor eigenvector at each pixel: the direction along which an edge runs
    (Kyprianidis and Döllner 2008). Returns its x and y, float32 [height, width]."""
    gx, gy = cv2.Scharr(grey, cv2.CV_32F, 1, 0), cv2.Scharr(grey, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(v, (0, 0), 2.4) for v in (gx * gx, gy * gy, gx * gy))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def smooth_along(values, tangents, sigma=3.0, reach=5):
    """A Gaussian average of `values` along the curves that follow `tangents` both ways (line integral convolution)."""
    height, width = values.shape
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    total, weights = values.copy(), 1.0
    for sign in (1, -1):
        x, y, dx, dy = xs, ys, sign * tangents[0], sign * tangents[1]
        for step in range(1, reach + 1):
            x, y = x + dx, y + dy
            weight = float(np.exp(-step * step / (2 * sigma * sigma)))
            total += weight * cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            weights += weight
            tx, ty = (cv2.remap(t, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE) for t in tangents)
            turn = np.where(tx * dx + ty * dy < 0, -1, 1).astype(np.float32)  # a tangent has no sign of its own
            dx, dy = tx * turn, ty * turn
    return total / weights


def ink(image, flat, sigma=1.15, threshold=0.62, softness=7.0, smallest=22):
    """Lines by the flow-based extended difference of Gaussians (Winnemöller et al. 2012), on lightness whose local
    contrast is evened out. Specks of fewer than `smallest` pixels are dropped. Returns 1 = paper, 0 = ink."""
    mixed = cv2.addWeighted(cv2.bilateralFilter(image, 7, 30, 3), 0.4, flat, 0.6, 0)
    grey = cv2.cvtColor(mixed, cv2.COLOR_BGR2GRAY).astype(np.float32) / 255
    mean = cv2.GaussianBlur(grey, (0, 0), 14)
    spread = np.sqrt(np.maximum(cv2.GaussianBlur(grey * grey, (0, 0), 14) - mean * mean, 0)) + 0.11
    grey = np.clip(0.75 + 0.16 * (grey - mean) / spread, 0, 1).astype(np.float32)
    sharpness, ratio = 17.0, 1.6
    difference = (1 + sharpness) * cv2.GaussianBlur(grey, (0, 0), sigma) - sharpness * cv2.GaussianBlur(grey, (0, 0), sigma * ratio)
    difference = smooth_along(difference, edge_tangents(grey))
    drawn = np.where(difference >= threshold, 1.0, 1.0 + np.tanh(softness * (difference - threshold))).clip(0, 1)
    _, label, stats, _ = cv2.connectedComponentsWithStats((drawn < 0.6).astype(np.uint8), connectivity=8)
    small = (stats[:, cv2.CC_STAT_AREA] < smallest)[label]
    grow = lambda mask: cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    kept = grow(~small & (label > 0))
    return np.where(kept, drawn, 1.0).astype(np.float32)


def shades(lightness, steps, firmness):
    """Soft steps: flat within a shade, a short slope between two. `lightness` in 0...100."""
    step = 100 / steps
    nearest = np.round(lightness / step) * step
    return nearest + step / 2 * np.tanh((lightness - nearest) / step * 2 * firmness) / np.tanh(firmness)


def to_lab(image):
    return cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2Lab)


def to_bytes(image):
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def colour_cartoon(flat, lines):
    lab = to_lab(flat)
    lab[..., 0] = np.clip(shades(lab[..., 0], 6, 2.0) * 0.93 + 10, 0, 100)
    lab[..., 1:] *= 1.35
    paint = np.clip(cv2.cvtColor(lab, cv2.COLOR_Lab2BGR), 0, 1)
    return to_bytes(paint * (0.08 + 0.92 * lines)[..., None])


def pencil_sketch(flat, lines):
    """Grey lines and three tones of soft shading on white paper."""
    tone = shades(cv2.GaussianBlur(to_lab(flat)[..., 0], (0, 0), 1.5), 3, 1.2) / 100
    drawn = (0.66 + 0.32 * np.sqrt(np.clip(tone, 0, 1))) * (0.22 + 0.78 * lines)
    return to_bytes(np.repeat(drawn[..., None].astype(np.float32), 3, 2))


def watercolor_painting(flat):
    """Pale washes of wide regions without lines, darker where a wash ends."""
    half = cv2.resize(flat, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    wide = cv2.ximgproc.rollingGuidanceFilter(half, d=9, sigmaColor=24, sigmaSpace=2.4, numOfIter=3)
    lab = to_lab(cv2.resize(wide, flat.shape[1::-1], interpolation=cv2.INTER_CUBIC))
    rim = np.abs(lab - cv2.GaussianBlur(lab, (0, 0), 2.2)).sum(2)
    lab[..., 0] = np.clip(42 + 0.57 * lab[..., 0] - 0.9 * np.minimum(rim, 14), 0, 100)
    lab[..., 1:] *= 0.95
    return to_bytes(cv2.cvtColor(lab, cv2.COLOR_Lab2BGR))


def draw(image):
    """All styles of one photo: a dictionary of uint8 BGR pictures and `ink`, float32, 1 = paper, 0 = ink."""
    height, width = image.shape[:2]
    padded = cv2.copyMakeBorder(image, *(BORDER,) * 4, cv2.BORDER_REFLECT_101)
    flat = flatten(padded)
    lines = ink(padded, flat)
    pictures = {"cartoon": colour_cartoon(flat, lines), "sketch": pencil_sketch(flat, lines),
                "watercolor": watercolor_painting(flat), "ink": lines}
    return {name: np.ascontiguousarray(v[BORDER:BORDER + height, BORDER:BORDER + width]) for name, v in pictures.items()}
