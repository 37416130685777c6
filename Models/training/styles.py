"""What can be asked for: styles and attributes, and which combinations are kept out of training."""

import zlib

from teacher import PRESETS

STYLES = tuple(PRESETS)
CARTOONS = 0.4  # the share of requests for a cartoon; the other styles share the rest
ATTRIBUTES = {
    "line": ("none", "thin", "bold"),
    "colour": ("natural", "vivid", "pastel", "mono", "sepia"),
    "tones": ("few", "many", "smooth"),
}
TONES = {"few": 3, "many": 6, "smooth": "smooth"}


def held_out(style, asked):
    """A fifth of the combinations of two things and more (a style other than the cartoon counts as one)."""
    if len(asked) + (style != "cartoon") < 2:
        return False
    key = "|".join([style] + [f"{name}={asked[name]}" for name in sorted(asked)])
    return zlib.crc32(key.encode()) % 5 == 0


def possible(style, asked):
    """Whether a training may ask for it: ink has two tones always."""
    return not (style == "ink" and "tones" in asked) and not held_out(style, asked)


def ways(name, style, asked):
    """The requests that differ from (style, asked) by `name` ("style" or an attribute) alone."""
    if name == "style":
        return [(other, asked) for other in STYLES]
    return [(style, {**asked, name: value}) for value in ATTRIBUTES[name]]


def draw(drawing, style, asked):
    """The teacher's drawing (teacher.Drawing) of a style with the asked attributes."""
    asked = dict(asked)
    if "tones" in asked:
        asked["tones"] = TONES[asked["tones"]]
    return drawing.of(style, **asked)


def random_request(rng, allowed):
    """A style and one to three attributes; `allowed(style, asked)` says which combinations may come."""
    others = len(STYLES) - 1
    while True:
        style = STYLES[rng.choice(len(STYLES), p=(CARTOONS, *[(1 - CARTOONS) / others] * others))]
        count = rng.choice((1, 2, 3), p=(0.5, 0.35, 0.15))
        names = rng.choice(list(ATTRIBUTES), count, replace=False)
        asked = {str(n): str(rng.choice(ATTRIBUTES[n])) for n in names}
        if style == "ink" and "tones" in asked:
            continue  # two tones are what ink is
        if allowed(style, asked):
            return style, asked
