"""Makes the golden files of the tokenizer (run with transformers), by the vocab.json and merges.txt of the embedded
model.

    python make_tokenizer_fixtures.py

Writes:
  tokenizer-texts.json     a list of texts
  tokenizer-tokens.bin     for each text, little-endian uint16: the number of ids and the ids, begin and end included
  tokenizer-settings.json  a list of [files, texts, lists of ids]: what a folder's small files change, padded to length
"""

import json
import os
import random
import shutil
import tempfile
import unicodedata

import numpy as np
from transformers import CLIPTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))

SENTENCES = [
    "",
    " ",
    "\n",
    "Cartoonize the following image",
    "Turn it into a pencil sketch",
    "make it anime, Studio Ghibli style",
    "Generate a cartoonized version of the natural image",
    "Create a derivative of the natural image: a cartoon",
    "it's",
    "IT'S",
    "they're we've I'm you'll he'd don't",
    "'S 'T 'RE 'VE 'M 'LL 'D",
    "''s",
    "'",
    "rock'n'roll",
    "O'Neill's 1990's cats' 'quoted'",
    "1 12 123 1234567890 3.14 1,000,000 50%",
    "x2 2x v1.5 3D 4K",
    "\u00bd \u00b2 \u2167 \u2460 \u0663\u0664",
    "...",
    "!!!???",
    "a...b!!c??d",
    "-- --- -=-=- <>{}[]()|\\/",
    "#hashtag @user $5 & co. a_b_c",
    "http://example.com/a?b=c&d=%20",
    "caf\u00e9",
    "cafe\u0301",
    "\u00c5ngstr\u00f6m",
    "A\u030angstro\u0308m",
    "\u212bngstrom",
    "\u1e69 s\u0323\u0307 s\u0307\u0323",
    "\u1ec7 e\u0323\u0302 e\u0302\u0323",
    "\u01d6 u\u0308\u0304",
    "\u0958 \u0915\u093c",
    "\u2126 \u03a9",
    "\u0344 \u0308\u0301",
    "\u0f73 \u0f71\u0f72",
    "\ufb1d \u05d9\u05b4",
    "\U0001d15e",
    "\u03a3\u03ac\u03c3\u03b9\u03c2 \u039f\u0394\u039f\u03a3 \u03bf\u03b4\u03bf\u03c2 \u03a3",
    "ΜΈΓΑΣ",
    "\u0130stanbul I\u0131i\u0130",
    "STRASSE stra\u00dfe \u1e9e",
    "\u01c5 \u01c4 \u01c6",
    "\u1fbc \u1f80",
    "\U00010400 \U00010428",
    "\u13a0 \uab70",
    "\u10d0 \u1c90",
    "\u4f60\u597d\u4e16\u754c",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8",
    "\u304b\u3099\u304d\u3099",
    "\uff76\uff9e\uff77\uff9e",
    "\u3042\u3044\u3046ABC123",
    "\ud55c\uad6d\uc5b4",
    "\u1112\u1161\u11ab\u1100\u116e\u11a8",
    "\u1100\u1161\u11a7",
    "\uac00\u11a8",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
    "\u0639\u064e\u0631\u064e\u0628\u0650\u064a\u0651",
    "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd",
    "\u0928\u092e\u0938\u094d\u0924\u0947",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "\u0baf\u0bc6\u0bbe",
    "\u09c7\u09be \u09c7\u09d7",
    "\u1025\u102e",
    "\u1b05\u1b35",
    "\U00011131\U00011127",
    "\u1780\u17b6",
    "\U0001f600",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 family",
    "\U0001f44d\U0001f3fd",
    "\U0001f1eb\U0001f1f7\U0001f1ee\U0001f1f9",
    "\u2764\ufe0f\u200d\U0001f525",
    "1\ufe0f\u20e3",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "a\tb\nc\rd\x0be\x0cf",
    "a\x00b\x01c\x1fd\x7fe",
    "a\x85b\u00a0c\u1680d\u2000e\u200af\u2028g\u2029h\u202fi\u205fj\u3000k",
    "a\u200bb\u200cc\u200dd\u2060e\ufefff\u180eg",
    "\ufeffstart",
    "a\u00adb",
    "\ufffd\ufffe\uffff",
    "\ue000\uf8ff",
    "\U0010ffff \U000e0001",
    "\u0378 \U0001fffe",
    "<|startoftext|>",
    "<|endoftext|>",
    "a<|endoftext|>b",
    "<|ENDOFTEXT|>!!",
    "!<|endoftext|>!",
    "<|startoftext|><|endoftext|>",
    "<|endoftext|",
    "<|endoftext|><|",
    "<| endoftext |>",
    "</w>",
    "a</w>b",
    "word " * 100,
    "a" * 300,
    "ab" * 200,
    "!" * 100,
    "1" * 100,
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "e\u0301" * 60,
    "e" + "\u0301" * 80,
    "\u0315\u0301\u0323" * 30,
    "o\u0327\u0302\u0323\u0301" * 20,
]

POOLS = [
    [chr(c) for c in range(0x20, 0x7F)],
    [*list("abcdefghijklmnopqrstuvwxyz '"), "'s", "'t", "'re", "'ve", "'m", "'ll", "'d", " the ", " cartoon", " image"],
    list("ABCDEFGHIJKLMNOPQRSTUVWXYZabc    0123456789.,!?'\"-"),
    [chr(c) for c in range(0x00, 0x180)],
    [chr(c) for c in range(0xC0, 0x250)] + ["\u0301", "\u0300", "\u0308", "\u0323", "\u0327", "\u0302", " "],
    [chr(c) for c in range(0x370, 0x530)] + ["\u0301", "\u0308", "\u0345", "\u0313", "\u0342", " "],
    [chr(c) for c in range(0x590, 0x700)] + [" "],
    [chr(c) for c in range(0x900, 0xE00)],
    [chr(c) for c in range(0x1100, 0x1200)] + ["\uac00", "\ud55c", " "],
    [chr(c) for c in range(0x1E00, 0x2070)] + ["\u0301", "\u0342", "\u0345", " "],
    [chr(c) for c in range(0x2070, 0x2C00)],
    [chr(c) for c in range(0x3040, 0x3100)]
    + ["\u3099", "\u309a"]
    + [chr(c) for c in range(0x4E00, 0x4F00)]
    + list("a1!\u3002\uff01"),
    [chr(c) for c in range(0xF900, 0xFFF0)],
    [chr(c) for c in range(0x1F300, 0x1FA00)] + ["\u200d", "\ufe0f", "\U0001f3fb", " ", "a"],
    [chr(c) for c in range(0x10000, 0x1F300)],
    [
        "\t",
        "\n",
        "\x0b",
        "\x0c",
        "\r",
        "\x1c",
        "\x1f",
        "\x85",
        "\xa0",
        "\u1680",
        "\u180e",
        "\u2003",
        "\u200b",
        "\u2028",
        "\u2029",
        "\u202f",
        "\u205f",
        "\u2060",
        "\u3000",
        "\ufeff",
        "a",
        "1",
        "!",
        "b",
    ],
    [chr(c) for c in range(0x300, 0x370)] + list("aeiouncs"),
    ["<|startoftext|>", "<|endoftext|>", "<|", "|>", "endoftext", "ENDOFTEXT", "!", " ", "a", "'s", "<", "\u00e9"],
]


# The tables of Unicode 15 are common to all implementations; what later versions add is left out.
def ASSIGNED(c):
    return unicodedata.category(c) != "Cn" or ord(c) in (0x378, 0x1FFFE, 0xFFFE, 0xFFFF, 0x10FFFF)


def texts():
    random.seed(1)
    out = list(SENTENCES)
    for text in SENTENCES:
        out += [
            form
            for form in (
                unicodedata.normalize("NFD", text),
                unicodedata.normalize("NFC", text),
                text.upper(),
                text.title(),
            )
            if form not in out
        ]
    while len(out) < 2600:
        pool = random.choice(POOLS)
        if random.random() < 0.15:
            pool = pool + random.choice(POOLS)
        text = "".join(random.choices(pool, k=random.choice([1, 2, 3, 5, 8, 13, 21, 34])))
        if all(map(ASSIGNED, text)):
            out.append(text)
    return out


def token(content, **flags):
    return {"content": content, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False} | flags


def settings(folder):
    """Small files of several ages of transformers, and what they make of a few texts."""

    def typed(content, **flags):
        return {"__type": "AddedToken"} | token(content, **flags)

    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 16}
    published = config | {
        "bos_token": typed("<|startoftext|>"),
        "eos_token": typed("<|endoftext|>"),
        "unk_token": typed("<|endoftext|>"),
        "pad_token": "<|endoftext|>",
    }
    published_map = {
        "bos_token": token("<|startoftext|>"),
        "eos_token": token("<|endoftext|>"),
        "pad_token": "<|endoftext|>",
        "unk_token": token("<|endoftext|>"),
    }
    decoder = {
        "49406": token("<|startoftext|>", special=True),
        "49407": token("<|endoftext|>", special=True, normalized=False),
    }
    cases = [
        {"tokenizer_config.json": config},
        {"tokenizer_config.json": published},
        {"tokenizer_config.json": published, "special_tokens_map.json": published_map},
        {"tokenizer_config.json": published, "special_tokens_map.json": published_map | {"pad_token": "!"}},
        {"tokenizer_config.json": config | {"pad_token": "!"}},
        {"tokenizer_config.json": config, "special_tokens_map.json": published_map | {"pad_token": token("!")}},
        {
            "tokenizer_config.json": config | {"added_tokens_decoder": decoder, "pad_token": "!"},
            "special_tokens_map.json": published_map,
        },
        {"tokenizer_config.json": config | {"eos_token": "<|endoftext|>", "pad_token": typed("<|endoftext|>")}},
        {"tokenizer_config.json": config | {"model_max_length": 5}},
    ]
    samples = [
        "",
        "a cat",
        "Wow! Hi!! !",
        "a<|endoftext|>b",
        "A <|ENDOFTEXT|> !<|endoftext|>!! it's",
        "<|STARTOFTEXT|>x",
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen",
    ]
    out = []
    for case in cases:
        with tempfile.TemporaryDirectory() as temporary:
            for name in ("vocab.json", "merges.txt"):
                shutil.copy(os.path.join(folder, name), temporary)
            for name, content in case.items():
                with open(os.path.join(temporary, name), "w") as file:
                    json.dump(content, file)
            tokenizer = CLIPTokenizer.from_pretrained(temporary)
            ids = [tokenizer(text, padding="max_length", truncation=True).input_ids for text in samples]
        out.append([{name: json.dumps(content) for name, content in case.items()}, samples, ids])
    return out


def main(folder):
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    every = texts()
    with open(os.path.join(HERE, "tokenizer-texts.json"), "w") as file:
        json.dump(every, file)
    ids = [tokenizer(text).input_ids for text in every]
    flat = np.array([value for row in ids for value in [len(row), *row]], dtype="<u2")
    flat.tofile(os.path.join(HERE, "tokenizer-tokens.bin"))
    with open(os.path.join(HERE, "tokenizer-settings.json"), "w") as file:
        json.dump(settings(folder), file)
    print(len(every), "texts,", len(flat), "values")


if __name__ == "__main__":
    main(os.path.join(HERE, "../../../Models/cartoonizer-mini/tokenizer"))
