"""The words of each style and attribute, in frames that all of them share: instructions are made, not listed (many
phrasings of one task: Wei et al. 2022, FLAN; here tasks are composed of parts, so that a model can generalise over
combinations).

Of every list each fifth entry, from the third on, is kept out of training (`TEST`); `styles.held_out` says which
combinations are.
"""

import re

DEFAULT = "Cartoonize the following image"

NAMES = {  # what a style is called, after "a"; each list's entries are nouns
    "cartoon": "cartoon,toon,cartoon drawing,animated cartoon,cartoon picture,cartoon illustration,"
    "hand-drawn cartoon,cartoon image",
    "comic": "comic,comic book page,comic strip,comic book panel,graphic novel page,comic drawing,"
    "comic book illustration,comic panel",
    "anime": "anime,anime picture,manga-style color picture,anime drawing,Japanese animation,anime film still,"
    "anime frame,anime scene",
    "sketch": "pencil sketch,sketch,pencil drawing,graphite drawing,line drawing in pencil,pencil picture,"
    "hand-drawn sketch,drawing in pencil",
    "ink": "ink drawing,pen and ink drawing,ink picture,ink sketch,black ink drawing,pen drawing,India ink drawing,"
    "drawing in ink",
    "watercolor": "watercolor,watercolor painting,watercolour,aquarelle,painting,watercolor picture,painted picture,"
    "painting in watercolors",
}
LOOKS = {  # before "style", "look", "effect", "filter", "version", "art"
    "cartoon": "cartoon,toon,cartoon-like,hand-drawn cartoon",
    "comic": "comic,comic book,graphic novel,comic strip",
    "anime": "anime,Japanese animation,anime film,animated film",
    "sketch": "pencil,sketch,pencil sketch,hand-sketched",
    "ink": "ink,pen and ink,inked,black ink",
    "watercolor": "watercolor,painting,hand-painted,watercolour",
}
VERBS = {
    "cartoon": "Cartoonize {},Cartoonify {},Toonify {},Generate a cartoonized version of {},"
    "Animate {} in a cartoon style",
    "comic": "Redraw {} as comic art,Make a comic out of {},Turn {} into a comic,Draw {} as a comic book would,"
    "Make {} look like a comic book",
    "anime": "Animefy {},Draw {} like Japanese animation,Turn {} into anime,Make {} look like an anime,"
    "Render {} as anime",
    "sketch": "Sketch {},Draw {} with a pencil,Draw {} in pencil,Redraw {} with a pencil on white paper,Pencil {}",
    "ink": "Ink {},Draw {} with ink,Draw {} in ink,Redraw {} with a pen in black ink,Draw {} with a pen",
    "watercolor": "Paint {},Paint {} in watercolors,Repaint {} in watercolor,Paint {} with watercolours,"
    "Make {} look painted",
}
OBJECTS = """the following image,the image,the photo,this photo,the picture,this picture,it,this,this image,
the natural image,the photograph,this photograph,my photo,the scene,my picture""".replace("\n", "").split(",")
FRAMES = """{a}|{a} please|turn {o} into {a}|make {o} {a}|make {a} of {o}|convert {o} to {a}|convert {o} into {a}
transform {o} into {a}|change {o} into {a}|create {a} from {o}|create {a} of {o}|generate {a} of {o}|draw {o} as {a}
render {o} as {a}|show {o} as {a}|redraw {o} as {a}|I want {o} as {a}|can you make {o} {a}?
could you turn {o} into {a}?|make {o} look like {a}|stylize {o} as {a}|produce {a} of {o}|{a} of {o}|like {a}|as {a}
redo {o} as {a}|I'd like to see {o} as {a}|give me {a}|depict {o} as {a}|recreate {o} as {a}|{n}|{n}, please|{l} style
{l} look|{l} filter|{l} effect|{l} art|in {l} style|make {o} in {l} style|apply a {l} filter to {o}|apply a {l} effect
give {o} a {l} look|render {o} in {l} style|the style of {a}|{l} version of {o}|redraw {o} in {l} style
draw {o} in {l} style|turn {o} to {l} style|stylize {o} in {l} style|convert {o} to {l} style""".replace(
    "\n", "|"
).split("|")

WORDS = {  # attributes: after "with", and as an adjective before a name
    "line": {
        "none": (
            "no lines,no outlines,no black outlines,no contours,no ink lines,no black lines,no drawn lines",
            "lineless,outline-free",
        ),
        "thin": (
            "thin lines,fine lines,thin outlines,delicate lines,fine outlines,light lines",
            "thin-lined,finely outlined",
        ),
        "bold": (
            "bold lines,thick lines,bold outlines,heavy lines,strong outlines,thick black outlines",
            "bold-lined,boldly outlined",
        ),
    },
    "colour": {
        "natural": (
            "natural colors,natural colours,realistic colours,realistic colors,true colors,lifelike colours,"
            "true colours",
            "naturally colored,true-color",
        ),
        "vivid": (
            "vivid colors,vivid colours,bright colours,bright colors,saturated colors,strong colours,vibrant colors,"
            "saturated colours",
            "vivid,vibrant,colorful",
        ),
        "pastel": (
            "pastel colors,pastel colours,soft pastel colors,pale colours,pastel tones,soft pastel tones,"
            "pale pastel colors",
            "pastel,pale pastel",
        ),
        "mono": (
            "no colors,shades of grey,black and white only,grey tones,no colour,only black and white,grey only",
            "black-and-white,black and white,monochrome,grayscale",
        ),
        "sepia": (
            "sepia tones,sepia,old sepia tones,a sepia tint,old sepia colours,brown sepia colors,sepia colors",
            "sepia,sepia-toned",
        ),
    },
    "tones": {
        "few": (
            "few shades,few tones,only few tones,only a few shades,flat shading,few flat tones,hard shading,flat tones",
            "flat-shaded,posterized",
        ),
        "many": (
            "many shades,many tones,a lot of tones,several shades,a lot of shades,fine tonal steps,several tones",
            "many-toned,richly shaded",
        ),
        "smooth": (
            "smooth shading,soft shading,smooth gradients,soft gradients,smooth tones",
            "smoothly shaded,softly shaded",
        ),
    },
}
WITHOUT = {
    "no lines": "without lines",
    "no outlines": "without outlines",
    "no contours": "without contours",
    "no ink lines": "without ink lines",
    "no colors": "without colors",
    "no colour": "without colour",
}
ALONE = """{w}|with {w}|use {w}|draw {o} with {w}|make {o} with {w}|redraw {o} using {w}|give {o} {w}|I want {w}
{o} with {w}""".replace("\n", "|").split("|")
UNKNOWN = """make it a Van Gogh,add a hat,in the style of Picasso,remove the background,make it night,
turn the man into a robot,make it snow,put a dog in it,oil painting by Rembrandt,make her smile,as a mosaic,
make it look old,add fireworks,change the season to winter,a stained glass window,make it better,do something nice,
surprise me,a marble statue,replace the sky,hello,photo,please,improve it,pixel art,make it 3D,sunglasses on everyone,
a LEGO scene,zoom in,enhance""".replace("\n", "").split(",")


*FIRST, LAST = (names.split(",")[0] for names in NAMES.values())
SUMMARY = (
    f"{', '.join(FIRST)} and {LAST}, with no, thin or bold lines, natural, vivid, pastel, sepia or no colors, "
    "and few, many or smooth tones"
)
COMMON = """a an the and of in into to with without on as by it only no like look make draw redraw turn animated animate
image illustration hand drawn page panel film frame still scene picture book version generate render out filter old
tone white image would following few many fine hard light heavy soft style art free lot steps several paper strip
natural""".split()


def understood():
    """The words of styles and attributes, without those that say nothing alone."""
    texts = [
        *NAMES.values(),
        *LOOKS.values(),
        *VERBS.values(),
        *(t for ways in WORDS.values() for w in ways.values() for t in w),
    ]
    return sorted(set(re.findall("[a-z]+", " ".join(texts).lower())) - set(COMMON))


def part(entries, test):
    """The entries for training, or those kept out."""
    entries = entries.split(",") if isinstance(entries, str) else entries
    return [e for i, e in enumerate(entries) if (i % 5 == 2) == test] if len(entries) >= 3 else list(entries)


def article(noun):
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def phrase(rng, style, asked, test=False):
    """An instruction for a style with attributes {"line": ..., ...}; `test` makes one whose frame and words training
    never sees."""

    def pick(entries, kept_out=test):
        return str(rng.choice(part(entries, kept_out)))

    thing = str(rng.choice(OBJECTS))
    before, after = [], []
    for name in rng.permutation(sorted(asked)):
        withs, adjectives = WORDS[name][asked[name]]
        if rng.random() < 0.3:
            before.append(str(rng.choice(adjectives.split(","))))
        else:
            after.append(pick(withs))
    if style == "cartoon" and asked and not before and rng.random() < 0.3:
        text = pick(ALONE).format(w=" and ".join(after), o=thing)
        return finish(rng, text)
    if rng.random() < 0.25 and not before:
        text = pick(VERBS[style]).format(thing)
    else:
        noun = str(rng.choice(NAMES[style].split(",")))
        look = str(rng.choice(LOOKS[style].split(",")))
        full = " ".join([*before, noun]) if rng.random() < 0.5 or len(before) < 2 else ", ".join(before) + " " + noun
        text = pick(FRAMES).format(a=article(full), n=full, l=" ".join([*before, look]), o=thing)
    if after:
        last = [WITHOUT.get(w, w) if rng.random() < 0.5 else w for w in after]
        joined = " and ".join(last) if len(last) < 3 else f"{last[0]}, {last[1]} and {last[2]}"
        tail = (
            joined
            if last[0].startswith("without")
            else rng.choice(["with ", "using ", "in "], p=(0.8, 0.1, 0.1)) + joined
        )
        r = rng.random()
        if r < 0.65:
            text = f"{text.rstrip('?')} {tail}"
        elif r < 0.9:
            text = f"{text.rstrip('?')}, {joined}"
        else:
            text = f"{joined}, {text}"
    return finish(rng, text)


def finish(rng, text):
    """Case and full stop, which mean nothing."""
    r = rng.random()
    if r < 0.45:
        text = text[0].upper() + text[1:]
    elif r < 0.6:
        text = text.lower()
    return text + "." if rng.random() < 0.2 and text[-1].isalpha() else text


def main():  # some of each, to read
    import numpy as np

    from styles import held_out, random_request

    rng = np.random.default_rng(5)
    for test in (False, True):
        for _ in range(30):
            style, asked = random_request(rng, lambda *r, test=test: held_out(*r) == test)
            print(test, style, asked, "|", phrase(rng, style, asked, test))


if __name__ == "__main__":
    main()
