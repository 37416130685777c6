"""The teacher: classical filters that draw a photo in named styles, which the embedded model learns to imitate.

    Drawing(image, scale=None).of(style="cartoon", line=None, colour=None, tones=None)

`image` and the result are uint8 BGR [height, width, 3]. `style` names one of `PRESETS`; `line` (none, thin, normal, bold),
`colour` (natural, vivid, pastel, mono, sepia) and `tones` (2...6 or "smooth") override what the preset says. Every length
is in pixels times k = sqrt(scale / 512), where `scale` is the longer side of the whole picture: give it when `image` is a
crop, so that the drawing of a crop is the crop of the drawing. Work is done at twice the size and reduced, so that every
boundary and every line is antialiased. No noise and no fixed pattern: all that is drawn follows from the photo nearby.
What several styles share is computed once for a photo.
"""
import cv2
import numpy as np
from scipy import fft

VERSION = 3
BORDER = 24  # reflected around the picture, so that its borders are drawn like its inside
MIRROR = cv2.BORDER_REFLECT_101

cv2.setNumThreads(1)

# How a photo is flattened. flat: strength; soft: how far false steps of smooth shading are smoothed away again, in pixels;
# drift: how far from the photo's own shade, of 1, a flat region may be
PAINTS = {
    "fine": dict(flat=0.011, soft=14, drift=0.035),
    "strong": dict(flat=0.02, soft=6, drift=0.08),
    "soft": dict(flat=0.02, soft=24, drift=0.08),
    "wash": dict(flat=0.04, soft=5, drift=0.07),
}
PRESETS = {
    "cartoon": dict(paint="fine", line="normal", colour="natural", tones="smooth"),
    "comic": dict(paint="strong", line="bold", colour="vivid", tones=5),
    "anime": dict(paint="soft", line="thin", colour="natural", tones="smooth"),
    "sketch": dict(paint="fine", line="thin", colour="mono", tones=4),
    "ink": dict(paint="strong", line="normal", colour="mono", tones=2),
    "watercolor": dict(paint="wash", line="none", colour="natural", tones="smooth"),
}
# sigma of the line's cross-section, the response where a line begins and where it is full, its opacity
# how much of a line's strength is lost among crumbs (grass, gravel, fur)
CROWDED = 0.7
LINES = {"thin": (0.85, 0.34, 0.95, 0.8), "normal": (1.1, 0.31, 0.80, 1.0), "bold": (1.75, 0.34, 0.70, 1.0)}


def blur(values, sigma):
    return cv2.GaussianBlur(values, (0, 0), sigma, borderType=MIRROR)


def ramp(values, low, high):
    """0 up to `low`, 1 from `high`, smooth between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def to_lab(image):
    return cv2.cvtColor(image.astype(np.float32) / (255 if image.dtype == np.uint8 else 1), cv2.COLOR_BGR2Lab)


def to_bgr(lab):
    return np.clip(cv2.cvtColor(np.ascontiguousarray(lab, np.float32), cv2.COLOR_Lab2BGR), 0, 1)


def half(values):
    return cv2.resize(values, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def double(values, how=cv2.INTER_CUBIC):
    return cv2.resize(values, None, fx=2, fy=2, interpolation=how)


def grid(like):
    height, width = like.shape[:2]
    return np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))


def tensor(values, sigma):
    """The smoothed structure tensor (Brox et al. 2006): the direction across an edge, x and y, and 0...1: how much one
    direction rules (coherence)."""
    gx, gy = cv2.Scharr(values, cv2.CV_32F, 1, 0) / 32, cv2.Scharr(values, cv2.CV_32F, 0, 1) / 32
    parts = (gx * gx, gx * gy, gy * gy)
    if values.ndim == 3:
        parts = (p.sum(2) for p in parts)
    xx, xy, yy = (blur(p, sigma) for p in parts)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    return np.cos(angle), np.sin(angle), np.sqrt((xx - yy) ** 2 + 4 * xy * xy) / (xx + yy + 1e-4)


def along(values, tx, ty, sigma, reach, step=1.0):
    """A Gaussian average along the curves that follow a tangent field (line integral convolution, Cabral and Leedom 1993)."""
    xs, ys = grid(values)
    field = np.dstack([tx, ty])
    total, weights = values.copy(), 1.0
    for sign in (step, -step):
        x, y, dx, dy = xs, ys, sign * tx, sign * ty
        for n in range(1, reach + 1):
            x, y = x + dx, y + dy
            weight = float(np.exp(-(n * step) ** 2 / (2 * sigma * sigma)))
            total += weight * cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=MIRROR)
            weights += weight
            if n < reach:
                t = cv2.remap(field, x, y, cv2.INTER_NEAREST, borderMode=MIRROR)
                turn = np.where(t[..., 0] * dx + t[..., 1] * dy < 0, -step, step).astype(np.float32)  # no sign of its own
                dx, dy = t[..., 0] * turn, t[..., 1] * turn
    return total / weights


def crumbs(lightness, k):
    """Directional morphology (Soille and Talbot 2001): faint spots shorter than a line in each of eight directions, and
    0...1: how crowded they are. Crowds (grass, gravel, foliage) may go, a lone one (a pupil, a nostril) or a stark one stays.
    """
    n = int(round(3 * k))
    closed = opened = None
    for x, y in ((n, 0), (n, n // 2), (n, n), (n // 2, n), (0, n), (-(n // 2), n), (-n, n), (-n, n // 2)):
        line = np.zeros((2 * n + 1, 2 * n + 1), np.uint8)
        cv2.line(line, (n - x, n - y), (n + x, n + y), 1)
        c, o = (cv2.morphologyEx(lightness, op, line) for op in (cv2.MORPH_CLOSE, cv2.MORPH_OPEN))
        closed, opened = (c, o) if closed is None else (np.minimum(closed, c), np.maximum(opened, o))
    change = closed + opened - 2 * lightness
    change *= np.exp(-(blur(np.abs(change), 1.5 * k) / 14) ** 2)
    return change, ramp(blur(np.abs(change), 8 * k), 1.0, 2.8)


def few_steps(image, strength, k, reach=20, growth=2.3):
    """L0 gradient minimisation (Xu et al. 2011): flat regions with few steps. The penalty stops growing where the solve
    would reach further than `reach` pixels, so that a region's shade does not depend on what is far away."""
    height, width = image.shape[:2]
    wave = lambda n, freq: (2 - 2 * np.cos(2 * np.pi * freq(n))).astype(np.float32)
    laplacian = (wave(height, fft.fftfreq)[:, None] + wave(width, fft.rfftfreq)[None])[..., None]
    spectrum = fft.rfft2(image, axes=(0, 1))
    penalty, flat = 2 * strength, image
    while penalty < (reach * k) ** 2:
        gx, gy = np.roll(flat, -1, 1) - flat, np.roll(flat, -1, 0) - flat
        keep = ((gx * gx + gy * gy).sum(2, keepdims=True) >= strength / penalty).astype(np.float32)
        gx, gy = gx * keep, gy * keep
        bend = np.roll(gx, 1, 1) - gx + np.roll(gy, 1, 0) - gy
        spectra = (spectrum + penalty * fft.rfft2(bend, axes=(0, 1))) / (1 + penalty * laplacian)
        flat = fft.irfft2(spectra, s=(height, width), axes=(0, 1))
        penalty *= growth
    return flat.astype(np.float32)


def flatten(lab, crowded, change, plan, k):
    """Flat regions; where the photo has no edge to show for their borders, a domain transform guided by the photo (Gastal
    and Oliveira 2011) makes them a smooth shade again, and a region that is far off the photo's shade nearby is put right."""
    calm = lab.copy()
    calm[..., 0] += crowded * change
    lifted = ((to_bgr(calm) * 0.98 + 0.02) ** 0.7).astype(np.float32)  # so that a dark dress keeps its folds
    guide = to_bgr(cv2.bilateralFilter(calm, 5, 8, 2.0 * k)) * 255
    smooth = lambda values, reach: cv2.ximgproc.dtFilter(guide, values, reach * k, 16, mode=cv2.ximgproc.DTF_NC, numIters=2)
    # a hazy ridge counts as much as a near one: faint structure is raised for the solve and put back after
    mean = blur(lifted, 14 * k)
    spread = np.sqrt(np.maximum(blur(lifted * lifted, 14 * k) - mean * mean, 0).mean(2))
    gain = (1 + 1.5 * ramp(spread, 0.008, 0.025) * (1 - ramp(spread, 0.04, 0.1)))[..., None]
    flat = mean + (few_steps(mean + (lifted - mean) * gain, plan["flat"] * k, k) - mean) / gain
    drift = smooth(lifted - flat, 9)
    flat = smooth(flat, plan["soft"]) + np.sign(drift) * np.maximum(np.abs(drift) - plan["drift"], 0)
    return to_lab(np.clip((np.clip(flat, 0, 1) ** (1 / 0.7) - 0.02) / 0.98, 0, 1))


def crisp(lab, k, rounds=2, sigma=2.0, shocks=3):
    """Coherence-enhancing filtering (Kyprianidis and Kang 2011): smoothing along the edges takes their raggedness, a shock
    filter (Osher and Rudin 1990) across them takes their blur."""
    xs, ys = grid(lab)
    for _ in range(rounds):
        nx, ny, coherence = tensor(lab, sigma * k)
        lab = lab + ramp(coherence, 0.3, 0.8)[..., None] * (along(lab, -ny, nx, 2.5 * k, 3, k) - lab)
        for _ in range(shocks):
            g = blur(lab[..., 0], 1.3 * k)
            xx, yy, xy = (cv2.Sobel(g, cv2.CV_32F, *d) / 4 for d in ((2, 0), (0, 2), (1, 1)))
            slope = cv2.Sobel(g, cv2.CV_32F, 1, 0) / 8 * nx + cv2.Sobel(g, cv2.CV_32F, 0, 1) / 8 * ny
            move = k * np.tanh(slope / 0.3) * np.tanh((nx * nx * xx + 2 * nx * ny * xy + ny * ny * yy) / 0.8)
            lab = cv2.remap(lab, xs - nx * move, ys - ny * move, cv2.INTER_LINEAR, borderMode=MIRROR)
    return lab


def ink(lab, crowded, k, line, side=1):
    """Flow-based difference of Gaussians (Kang et al. 2007). A response counts relative to its surroundings (surround
    inhibition, Grigorescu et al. 2003) and to its own continuation along the edge, which is a hysteresis without
    components: lone dashes fade, long lines stay and taper. Returns 0 = paper, 1 = ink; side -1: the edges' light side."""
    sigma, low, high, opacity = LINES[line]
    g = cv2.bilateralFilter(100 * (np.clip(lab[..., 0], 0, 100) / 100) ** 0.8, 5, 8, 2.0 * k)
    nx, ny, coherence = tensor(g, 2.2 * k)
    d = np.maximum(side * (blur(g, 1.6 * sigma * k) - blur(g, sigma * k)), 0)
    d = along(d, -ny, nx, 4 * k, 3, 1.6 * k)
    near = d / (1.1 + 1.6 * double(blur(half(d), 7 * k), cv2.INTER_LINEAR))
    far = double(along(half(near), -half(ny), half(nx), 9 * k, 7, 2 * k), cv2.INTER_LINEAR)
    strength = np.sqrt(near * far) * (0.5 + 0.5 * ramp(coherence, 0.2, 0.7)) * (1 - CROWDED * crowded)
    return opacity * ramp(strength, low, high)


def quantise(lightness, tones, k):
    """Soft luminance steps, firm where there is structure and soft where there is none (Winnemoeller et al. 2006)."""
    g = blur(lightness, 2 * k)
    slope = blur(np.hypot(cv2.Sobel(g, cv2.CV_32F, 1, 0), cv2.Sobel(g, cv2.CV_32F, 0, 1)) / 8, 4 * k)
    firm = 1.2 + 7 * ramp(slope, 0.15, 0.8)
    x = np.clip(lightness / 100, 0, 1) * tones - 0.5
    i = np.floor(x)
    return 100 * np.clip((i + 0.5 + 0.5 * np.tanh(firm * 2 * (x - i - 0.5)) / np.tanh(firm)) / (tones - 1), 0.03, 0.98)


def grade(lab, colour):
    """Colours. Greys stay grey: chroma is raised in proportion to what there is; white and black stay where they are."""
    light, ab = lab[..., 0] / 100, lab[..., 1:]
    has = ramp(np.hypot(ab[..., 0], ab[..., 1]), 3, 22)[..., None]
    lift = 0.22 * light * (1 - light) * np.clip(light / 0.15, 0, 1)
    if colour == "natural":
        light, ab = light + lift, ab * (1 + 0.25 * has)
    elif colour == "vivid":
        light, ab = light + lift, ab * (1 + 0.65 * has)
    elif colour == "pastel":
        light, ab = 0.34 + 0.66 * (light + lift), ab * (0.7 + 0.25 * has)
    elif colour == "mono":
        ab = ab * 0
    elif colour == "sepia":
        light, ab = 0.08 + 0.89 * light, ab * 0 + (1 - light * 0.75)[..., None] * np.array([9, 26], np.float32)
    return np.dstack([100 * light, ab])


class Drawing:
    """A photo and all that its drawings share."""

    def __init__(self, image, scale=None):
        self.height, self.width = image.shape[:2]
        self.k = float(np.sqrt((scale or max(image.shape[:2])) / 512))
        more = [cv2.getOptimalDFTSize(n + 2 * BORDER) - n - BORDER for n in image.shape[:2]]  # sizes the transform likes
        self.lab = to_lab(cv2.copyMakeBorder(image, BORDER, more[0], BORDER, more[1], MIRROR))
        self.change, self.crowded = crumbs(self.lab[..., 0], self.k)
        self.big, self.busy = double(self.lab), double(self.crowded, cv2.INTER_LINEAR)
        self.paints, self.inks = {}, {}

    def paint(self, name):
        if name not in self.paints:
            flat = flatten(self.lab, self.crowded, self.change, PAINTS[name], self.k)
            self.paints[name] = crisp(double(flat), self.k)
        return self.paints[name].copy()

    def ink(self, line, side=1):
        if line == "none": return np.zeros_like(self.busy)
        if (line, side) not in self.inks: self.inks[line, side] = ink(self.big, self.busy, self.k, line, side)
        return self.inks[line, side]

    def of(self, style="cartoon", line=None, colour=None, tones=None):
        plan = PRESETS[style]
        out = half(self.render(style, line or plan["line"], colour or plan["colour"], tones or plan["tones"]))
        out = out[BORDER:BORDER + self.height, BORDER:BORDER + self.width]
        return (out * 255 + 0.5).clip(0, 255).astype(np.uint8)

    def render(self, style, line, colour, tones):
        """All of a style but the border and the final reduction: float BGR 0...1 at twice the size."""
        k, paint, lines = self.k, self.paint(PRESETS[style]["paint"]), self.ink(line)
        if style == "ink":
            light = paint[..., 0]
            black = 1 - ramp(light - (12 + 0.42 * blur(light, 24 * k)), -0.7, 0.7)
            tone = (1 - black) * (1 - ramp(lines, 0.3, 0.6)) + black * ramp(self.ink("thin", side=-1), 0.3, 0.6)
            return to_bgr(grade(np.dstack([100 * tone, 0 * paint[..., 1:]]), "mono" if colour == "natural" else colour))
        if tones != "smooth":
            paint[..., 0] += 0.85 * (quantise(paint[..., 0], int(tones), k) - paint[..., 0])
        shade = 0.2  # how much of the local colour a line keeps
        if style == "comic":
            paint[..., 0] *= ramp(paint[..., 0], 3, 14)
            shade = 0.04
        elif style == "anime":
            light = np.clip(paint[..., 0] / 100, 0, 1)
            shadow = ramp(0.6 - light, 0, 0.4)  # bright, with cool shadows
            paint = np.dstack([100 * light ** 0.77, paint[..., 1] * 1.25 + 3 * shadow, paint[..., 2] * 1.25 - 7 * shadow])
            shade = 0.38
        elif style == "sketch":
            nx, ny, _ = tensor(self.big, 2.2 * k)
            fine = along(self.big[..., 0], -ny, nx, 3 * k, 3, k)
            dodge = (fine + 14) / (blur(fine, 6 * k) + 14)  # colour dodge: what is darker than around becomes graphite
            dodge = 1 - (1 - ramp(dodge, 0.5, 0.97)) * (0.75 - 0.35 * self.busy)
            tone = (50 + 50 * np.clip(paint[..., 0] / 85, 0, 1) ** 0.7) * dodge
            paint = np.dstack([np.clip(tone, 0, 99), 0.6 * paint[..., 1:]])
            shade = 0.35
        elif style == "watercolor":
            rim = np.abs(paint - blur(paint, 2.6 * k)).sum(2)
            wash = blur(self.big[..., 0] - blur(self.big[..., 0], 10 * k), 2.5 * k)  # pigment follows the photo's texture
            pale = 1 - 0.76 * np.clip(1.12 - 1.12 * paint[..., 0] / 88, 0, 1.12) ** 1.25 / 1.12
            paint[..., 0] = 100 * pale + np.clip(0.5 * wash, -6, 6) - 2.6 * np.minimum(blur(rim, 0.8 * k), 10)
            paint[..., 1:] *= 1.3
        return to_bgr(grade(paint, colour)) * (1 - (1 - shade) * lines)[..., None]
