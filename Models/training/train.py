"""Stage 2: python train.py PAIRS START OUT [--minutes 100] [--threads 1]. Goes on where it was interrupted.

InstructPix2Pix (Brooks et al. 2023) as one network from photo to drawing: the frozen encoder's latents of the photo
beside noise, the instruction by cross-attention, one step from pure noise (zero terminal SNR, Lin et al. 2024) to the
predicted clean latents, the decoder. The losses are on the pixels, through the whole decoder: a pair is nearly
deterministic, and what an eye sees is not what a latent's squared error weighs. UNet, text encoder and decoder learn
together, from START's weights.

A part of the batches is of other steps (more than one step, dual guidance) and of the drawings' own latents (so that
the decoder remains the autoencoder's). Both conditionings are dropped at times. In the last part a small discriminator
of patches (Isola et al. 2017; hinge loss) sees photo and drawing: it takes the blur of what is uncertain by a pixel.
"""

import argparse
import json
import math
import pathlib
import shutil
import time

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from common import SCHEDULE, Run
from fused import fuse
from instructions import DEFAULT, UNKNOWN, phrase
from styles import ATTRIBUTES, STYLES, held_out, random_request

CROPS = ((160, 3), (256, 1))  # pixels, batch
GROUP = 160, 4  # the same of a group: one crop, drawn in ways that differ by one thing alone
CONTRAST = 0.5  # the weight of what differs within a group
KINDS = {
    "style": 0.35,
    "line": 0.15,
    "colour": 0.1,
    "tones": 0.4,
}  # how often a group is of each; colours are learnt first
GROUPED = 0.7  # how often a batch is a group
MARGIN = 16  # a crop's side that is no side of the picture: what is drawn there depends on what is outside
SECOND = 499  # the second of two steps, trailing


class Pairs:
    """Random crops of the stored pairs; new ones are taken in as they are made."""

    def __init__(self, folder):
        self.folder, self.views, self.known, self.looked = pathlib.Path(folder), [], set(), 0

    def refresh(self):
        if time.monotonic() - self.looked < 60 and self.views:
            return
        self.looked = time.monotonic()
        for p in sorted(self.folder.glob("*.npy")):
            if p.name in self.known:
                continue
            self.known.add(p.name)
            plan = json.loads(p.with_suffix(".json").read_text())
            self.views.append((np.load(p, mmap_mode="r"), plan["asked"], plan["groups"]))

    def view(self, rng, size):
        self.refresh()
        while True:
            view = self.views[rng.integers(len(self.views))]
            if min(view[0].shape[1:3]) >= size:
                return view

    def crop(self, rng, size, drawings, layers):
        """The photo and the drawings of `layers`, uint8 [size, size, 3] each, and the loss's mask [size, size]."""
        # Often at a border of the picture, which has to be learnt.
        places = [(side - size) // 2 for side in drawings.shape[1:3]]
        y, x = (int(rng.choice((0, most, rng.integers(most + 1)), p=(0.15, 0.15, 0.7))) * 2 for most in places)
        mask = np.ones((size, size), np.float32)
        if y > 0:
            mask[:MARGIN] = 0
        if x > 0:
            mask[:, :MARGIN] = 0
        if y + size < drawings.shape[1]:
            mask[-MARGIN:] = 0
        if x + size < drawings.shape[2]:
            mask[:, -MARGIN:] = 0
        cut = [drawings[n, y : y + size, x : x + size] for n in (0, *layers)]
        if rng.random() < 0.5:
            cut, mask = [c[:, ::-1] for c in cut], mask[:, ::-1]
        return cut[0], cut[1:], mask

    def sample(self, rng, size):
        """Photo, drawing, instruction and mask."""
        drawings, asked, _ = self.view(rng, size)
        r = rng.random()
        if r < 0.06:
            layer, words = 0, ""
        elif r < 0.08:
            layer, words = 1, str(rng.choice(UNKNOWN))
        elif r < 0.2:
            layer, words = 1, DEFAULT
        elif r < 0.35:
            layer, words = 1, phrase(rng, "cartoon", {})
        else:
            layer = int(rng.integers(2, 1 + len(STYLES)) if r < 0.55 else rng.integers(1 + len(STYLES), len(drawings)))
            words = phrase(rng, *asked[layer - 1])
        photo, (drawn,), mask = self.crop(rng, size, drawings, [layer])
        return photo, drawn, words, mask

    def group(self, rng, size, count):
        """The same of one crop and at most `count` requests that differ by one thing alone."""
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        while True:
            drawings, asked, groups = self.view(rng, size)
            groups = [group for group in groups if differs_by(asked, group) == kind]
            if len(groups) > 1 or (groups and rng.random() < 0.1):
                break
        layers = [int(n) for n in rng.permutation(groups[rng.integers(len(groups))])]
        # Cartoon and comic, which are nearest, are compared whenever both are there.
        layers.sort(key=lambda n: kind == "style" and asked[n - 1][0] not in ("cartoon", "comic"))
        layers = layers[:count]
        photo, drawn, mask = self.crop(rng, size, drawings, layers)
        return [(photo, d, phrase(rng, *asked[n - 1]), mask) for d, n in zip(drawn, layers, strict=True)]


def differs_by(asked, group):
    """What the requests of a group differ by: "style" or an attribute's name."""
    (style, first), *others = (asked[n - 1] for n in group)
    if any(other != style for other, _ in others):
        return "style"
    return next(name for name in ATTRIBUTES if any(values.get(name) != first.get(name) for _, values in others))


def images(blocks):
    """uint8 [height, width, 3] each, as one float tensor [batch, 3, height, width] in -1...1, channels last."""
    return torch.from_numpy(np.stack(blocks)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def weighted(values, mask):
    return (values * mask).sum() / (mask.sum() * values.shape[1] + 1e-6)


def pixel_loss(made, wanted, mask):
    """Absolute error, differences of neighbours at two scales, hues over 4x4 blocks, 1 - SSIM: a dictionary."""
    d, out = made - wanted, {}
    out["error"] = weighted(d.abs(), mask)
    slopes = 0
    for scale in (1, 2):
        e, m = (d, mask) if scale == 1 else (F.avg_pool2d(d, 2), F.avg_pool2d(mask, 2))
        w = wanted if scale == 1 else F.avg_pool2d(wanted, 2)
        for step in (lambda v: v[..., 1:] - v[..., :-1], lambda v: v[..., 1:, :] - v[..., :-1, :]):
            calm = (step(w).abs().amax(1, keepdim=True) < 0.02).float()  # what the teacher left flat is to be flat
            inside = m[..., 1:] if calm.shape[-1] < m.shape[-1] else m[..., 1:, :]
            slopes = slopes + weighted(step(e).abs() * (1 + 5 * calm), inside)
    out["slopes"] = slopes
    e, m = F.avg_pool2d(d, 4), F.avg_pool2d(mask, 4)
    out["hues"] = weighted((e[:, :1] - e[:, 1:2]).abs(), m) + weighted((e[:, 2:] - (e[:, :1] + e[:, 1:2]) / 2).abs(), m)

    def mean(v):
        return F.avg_pool2d(v, 7, 1)

    ma, mb = mean(made), mean(wanted)
    va, vb, cov = mean(made * made) - ma * ma, mean(wanted * wanted) - mb * mb, mean(made * wanted) - ma * mb
    c1, c2 = 0.02**2, 0.06**2
    ssim = ((2 * ma * mb + c1) * (2 * cov + c2)) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
    out["dissimilar"] = weighted(1 - ssim, mask[..., 3:-3, 3:-3])
    return out


def total(parts):
    return parts["error"] + 0.6 * parts["slopes"] + parts["hues"] + 0.35 * parts["dissimilar"]


def contrast_loss(made, wanted, mask):
    """How far what one thing asked changes in the drawings of one crop is from what it should change.

    For each two of a group: the part of the wanted difference that is there (1 is right; what a model is unsure of it
    draws too weakly), and the squared error of the difference, relative to its own size: thin lines count as much as
    sepia. The error that both drawings share, which is larger than most of these differences, plays no part.
    """
    losses = []
    for i in range(len(made)):
        for j in range(i):
            got, due = ((d[i] - d[j]) * mask[i] for d in (made, wanted))
            size = (due * due).mean()
            if size < 4e-5:
                continue  # nothing to tell them apart by here
            losses.append((1 - (got * due).mean() / size) ** 2 + 0.4 * ((got - due) ** 2).mean() / (size + 4e-4))
    return torch.stack(losses).mean() if losses else made.sum() * 0


def critic():
    norm = torch.nn.utils.parametrizations.spectral_norm
    layers, channels = [], 6
    for out, stride in ((32, 1), (48, 2), (64, 2), (64, 1)):
        layers += [norm(torch.nn.Conv2d(channels, out, 4 if stride == 2 else 3, stride, 1)), torch.nn.LeakyReLU(0.2)]
        channels = out
    return torch.nn.Sequential(*layers, norm(torch.nn.Conv2d(channels, 1, 3, 1, 1))).to(
        memory_format=torch.channels_last
    )


def with_text_everywhere(unet):
    """The instruction also joins the time embedding, and by it every residual block (`addition_embed_type="text"`):
    styles, lines and colours are properties of the whole picture, and cross-attention alone reaches only the lowest
    resolution."""
    if unet.config.addition_embed_type:
        return unet
    grown = UNet2DConditionModel.from_config(
        {**unet.config, "addition_embed_type": "text", "addition_embed_type_num_heads": 4}
    )
    missing = grown.load_state_dict(unet.state_dict(), strict=False).missing_keys
    assert all(key.startswith("add_embedding.") for key in missing), missing
    torch.nn.init.zeros_(grown.add_embedding.norm2.weight)  # nothing is added at first
    return grown


def tokenize(tokenizer, phrases):
    return tokenizer(phrases, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids


class Words:
    """Instructions with what they ask for, and one linear classifier per kind (style, line, colour, tones) that reads
    it off a text's vector: as a loss beside the pixels' it keeps what sounds alike and is drawn apart (cartoon, comic)
    apart."""

    kinds = {"style": (*STYLES, ""), **{name: (*values, "") for name, values in ATTRIBUTES.items()}}

    def __init__(self, tokenizer, width):
        self.tokenizer = tokenizer
        self.heads = torch.nn.ModuleDict(
            {name: torch.nn.Linear(width, len(values)) for name, values in self.kinds.items()}
        )

    def examples(self, rng, count, test=False):
        texts, labels = [], {name: [] for name in self.kinds}
        for _ in range(count):
            style, asked = random_request(rng, lambda *request: held_out(*request) == test)
            if not test and rng.random() < 0.4:
                style, asked = str(rng.choice(STYLES)), {}
            words = phrase(rng, style, asked, test)
            r = rng.random()
            if not test and r < 0.06:
                words, style, asked = (str(rng.choice(UNKNOWN)), "cartoon", {}) if r < 0.04 else ("", "", {})
            texts.append(words)
            for name, values in self.kinds.items():
                labels[name].append(values.index(style if name == "style" else asked.get(name, "")))
        return tokenize(self.tokenizer, texts), {name: torch.tensor(v) for name, v in labels.items()}

    def loss(self, vectors, labels):
        return sum(F.cross_entropy(head(vectors), labels[name]) for name, head in self.heads.items())

    def right(self, vectors, labels):
        return {
            name: (head(vectors).argmax(1) == labels[name]).float().mean().item() for name, head in self.heads.items()
        }


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for n in ("pairs", "start", "out"):
        p.add_argument(n)
    p.add_argument("--minutes", type=float, default=100)
    p.add_argument("--rate", type=float, default=7e-4)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument(
        "--critic-from", type=float, default=0.55, help="the share of the time from which the discriminator counts"
    )
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    start, folder = pathlib.Path(a.start), pathlib.Path(a.out)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = CLIPTokenizer.from_pretrained(start / "tokenizer")
    text = CLIPTextModel.from_pretrained(start / "text_encoder").float()
    last = torch.channels_last
    vae = fuse(AutoencoderKL.from_pretrained(start / "vae").float().to(memory_format=last))
    unet = fuse(
        with_text_everywhere(UNet2DConditionModel.from_pretrained(start / "unet").float()).to(memory_format=last)
    )
    vae.encoder.requires_grad_(False)
    vae.quant_conv.requires_grad_(False)
    scale = vae.config.scaling_factor
    judge = critic()
    judging = torch.optim.AdamW(judge.parameters(), lr=4e-4, betas=(0.5, 0.99))
    data = Pairs(a.pairs)
    words_of = Words(tokenizer, unet.time_embedding.linear_2.out_features)
    # What the text goes through learns faster: it is small, and each of its words is seldom seen.
    fast = {id(q) for m in (text, unet.add_embedding, words_of.heads) for q in m.parameters()}
    fast |= {id(q) for name, q in unet.named_parameters() if "time_emb_proj" in name}
    if (start / "heads.pt").exists():
        words_of.heads.load_state_dict(torch.load(start / "heads.pt", weights_only=True))
    learning = [q for m in (unet, text, vae, words_of.heads) for q in m.parameters() if q.requires_grad]
    run = Run(folder, learning, a.minutes, a.rate, [4 if id(q) in fast else 1 for q in learning])
    if (folder / "critic.pt").exists():
        judge.load_state_dict(torch.load(folder / "critic.pt", weights_only=True))
    rng = np.random.default_rng(run.step)
    torch.manual_seed(run.step)
    ways = DDPMScheduler(prediction_type="sample", **SCHEDULE)

    def encode(x):
        return vae.encode(x).latent_dist.mean.float()

    def predict(latents, image, timestep, hidden):
        both = torch.cat([latents, image], 1).contiguous(memory_format=last)
        return unet(both, timestep, encoder_hidden_states=hidden).sample.float()

    def judged(photo, picture, wanted, mask):
        """What the discriminator says of a picture beside its photo; outside the mask it sees the teacher's drawing."""
        return judge(torch.cat([photo, picture * mask + wanted * (1 - mask)], 1)).float()

    while True:
        grouped = rng.random() < GROUPED
        size, batch = GROUP if grouped else CROPS[rng.integers(len(CROPS))]
        samples = data.group(rng, size, batch) if grouped else [data.sample(rng, size) for _ in range(batch)]
        photos, drawn, words, masks = zip(*samples, strict=True)
        batch, photo, wanted = len(samples), images(photos), images(drawn)
        mask = torch.from_numpy(np.stack(masks))[:, None]
        with_image = torch.from_numpy((grouped | (rng.random(batch) >= 0.08)).astype(np.float32))[:, None, None, None]
        words = [w if i == 1 or rng.random() < 0.5 else "" for w, i in zip(words, with_image.flatten(), strict=True)]
        kind, note = 1 if grouped else rng.random(), {}
        with torch.autocast("cpu", torch.bfloat16, enabled=run.done < 0.93):
            with torch.no_grad():
                image = encode(photo[:1]).expand(batch, -1, -1, -1) if grouped else encode(photo) * with_image
                clean = encode(wanted) * scale if kind < 0.3 else None
            if kind < 0.1:
                predicted = clean + 0.02 * torch.randn_like(clean)  # the drawing's own latents
            else:
                hidden = text(tokenize(tokenizer, list(words))).last_hidden_state
                t, noisy = 999, torch.randn_like(image[:1]).expand_as(image) if grouped else torch.randn_like(image)
                if kind < 0.18:  # the second of two steps
                    with torch.no_grad():
                        before = predict(noisy, image, 999, hidden)
                    t, noisy = SECOND, ways.add_noise(before, torch.randn_like(before), torch.tensor([SECOND]))
                elif kind < 0.3:
                    t = int(rng.integers(0, 999))
                    noisy = ways.add_noise(clean, torch.randn_like(clean), torch.tensor([t]))
                predicted = predict(noisy, image, t, hidden)
            made = vae.decode((predicted / scale).contiguous(memory_format=last)).sample.float()
        sure = mask * with_image
        parts = pixel_loss(made, wanted, sure)
        loss = total(parts) + 0.1 * weighted((made - wanted) ** 2, mask * (1 - with_image))
        if clean is not None and kind >= 0.1:
            loss = loss + 0.05 * F.mse_loss(predicted, clean)
        if grouped:
            contrast = contrast_loss(made, wanted, mask)
            loss = loss + CONTRAST * contrast
            note["contrast"] = contrast.item()
        if kind >= 0.3:
            note.update({k: v.item() for k, v in parts.items()})
            note["psnr"] = -10 * math.log10(weighted((made.detach() - wanted) ** 2, sure).item() / 4 + 1e-9)
        strength = 0.02 * min(1, max(0, (run.done - a.critic_from) / 0.1))
        if run.done > a.critic_from - 0.05 and kind >= 0.18:
            with torch.autocast("cpu", torch.bfloat16):
                judge.requires_grad_(True)
                said = F.relu(1 - judged(photo, wanted, wanted, mask)).mean()
                said = said + F.relu(1 + judged(photo, made.detach(), wanted, mask)).mean()
                judging.zero_grad()
                said.backward()
                judging.step()
                note["judge"] = said.item()
                judge.requires_grad_(False)
                if strength:
                    loss = loss - strength * (judged(photo, made, wanted, mask) * with_image).mean()
        ids, labels = words_of.examples(rng, 24)
        vectors = unet.add_embedding(text(ids).last_hidden_state)
        asked = words_of.loss(vectors, labels)
        note["words"] = asked.item()
        if run.descend(loss + 0.05 * asked, note):
            break
        if run.step % 500 == 0:
            with torch.no_grad():
                ids, labels = words_of.examples(rng, 200, True)
                print(
                    "phrasings and combinations kept out:",
                    words_of.right(unet.add_embedding(text(ids).last_hidden_state), labels),
                    flush=True,
                )
        if run.step % 500 == 0:
            torch.save(judge.state_dict(), folder / "critic.pt")
    run.averaged()
    unet.save_pretrained(folder / "unet")
    text.save_pretrained(folder / "text_encoder")
    torch.save(words_of.heads.state_dict(), folder / "heads.pt")
    vae.save_pretrained(folder / "vae")
    shutil.copytree(start / "tokenizer", folder / "tokenizer", dirs_exist_ok=True)


if __name__ == "__main__":
    main()
