"""Stage 3, the UNet and the text encoder: python train_unet.py PAIRS VAE OUT [--minutes 75].

Goes on where it was interrupted.

InstructPix2Pix (Brooks et al. 2023): noise latents beside the photo's latents, an instruction by cross-attention, both
dropped at times. The network predicts the clean latents ("sample"): the pair is nearly deterministic. The schedule ends
at pure noise (Lin et al. 2024, zero terminal SNR), so that few steps suffice; a part of each batch is trained on what the
network itself predicted in a first step, since that is what a second step will see.

Without an instruction the target is the photo itself, so that guidance above 1 leads away from the photo.
"""
import argparse, pathlib
import numpy as np, torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from common import Run, residual_as_identity
from instructions import STYLES, for_training, framed
from pairs import LAYERS, Pairs, colours, edges, images

TOKENIZER = pathlib.Path(__file__).resolve().parents[1] / "cartoonizer-mini/tokenizer"
SHARE = {"cartoon": 0.52, "sketch": 0.24, "watercolor": 0.24}
CROPS = ((112, 6, 0.6), (160, 3, 0.25), (256, 1, 0.15))  # pixels, batch, how often
SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", rescale_betas_zero_snr=True)
FRAMED = 0.5  # how many of the instructions are a name in a frame
SECOND = 499  # the second of two steps, trailing


# Words that tell nothing of the style: a phrasing means the same without them.
FILLERS = set("""a an the this these that it me them of to in into as on with and at by for out make made turn give render
generate create transform convert apply draw redraw show produce image picture photo photograph natural following version
look style effect filter like please can you want i""".split())


def spoken(phrase, rng):
    """One way to write a phrasing; one in four is cut to some of its words, those that tell the style among them."""
    if rng.random() < 0.25:
        words = [w for w in phrase.split() if w.lower().strip(",.?") not in FILLERS or rng.random() < 0.4]
        phrase = " ".join(words) or phrase
    r = rng.random()
    if r < 0.2: phrase = phrase.lower()
    elif r < 0.3: phrase = phrase[0].lower() + phrase[1:]
    return phrase + "." if rng.random() < 0.25 and phrase[-1].isalpha() else phrase


def learn_styles(text, tokenizer, steps=500):
    """Some seconds of classification, so that the embeddings of different instructions differ from the start."""
    rng = np.random.default_rng(0)
    examples = [(spoken(phrase, rng), label) for label, style in enumerate(STYLES) for phrase in for_training(style)
                for _ in range(4)] + [("", len(STYLES))] * 24
    ids, labels = tokenize(tokenizer, [p for p, _ in examples]), torch.tensor([y for _, y in examples])
    head = torch.nn.Linear(text.config.hidden_size, len(STYLES) + 1)
    optimizer = torch.optim.AdamW([*text.parameters(), *head.parameters()], lr=2e-3)
    for _ in range(steps):
        i = torch.randint(0, len(labels), (24,))
        hidden = text(ids[i]).last_hidden_state
        loss = sum(F.cross_entropy(head(h), labels[i]) for h in (hidden.mean(1), hidden[:, -1], hidden[:, 12]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("styles learnt, loss", round(loss.item(), 4), flush=True)


def tokenize(tokenizer, phrases):
    return tokenizer(phrases, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids


def similarity_loss(a, b, window=7):
    """1 - SSIM with a uniform window, on values in -1...1 (Wang et al. 2004)."""
    mean = lambda v: F.avg_pool2d(v, window, 1)
    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    c1, c2 = 0.02 ** 2, 0.06 ** 2
    return 1 - (((2 * ma * mb + c1) * (2 * cov + c2)) / ((ma * ma + mb * mb + c1) * (va + vb + c2))).mean()


def models():
    unet = UNet2DConditionModel(sample_size=128, in_channels=16, out_channels=8, layers_per_block=1,
                                block_out_channels=(48, 80, 128, 160), norm_num_groups=16,
                                down_block_types=("DownBlock2D",) * 3 + ("CrossAttnDownBlock2D",),
                                up_block_types=("CrossAttnUpBlock2D",) + ("UpBlock2D",) * 3,
                                cross_attention_dim=64, attention_head_dim=4)
    residual_as_identity(unet)
    torch.nn.init.zeros_(unet.conv_out.weight)
    torch.nn.init.zeros_(unet.conv_out.bias)
    text = CLIPTextModel(CLIPTextConfig(vocab_size=49408, hidden_size=64, intermediate_size=256, num_hidden_layers=2,
                                        num_attention_heads=2, max_position_embeddings=77, hidden_act="quick_gelu",
                                        projection_dim=64, bos_token_id=49406, eos_token_id=49407))
    return unet.to(memory_format=torch.channels_last), text


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for n in ("pairs", "vae", "out"): p.add_argument(n)
    p.add_argument("--minutes", type=float, default=75); p.add_argument("--rate", type=float, default=1.2e-3)
    p.add_argument("--start", help="a trained OUT to start from")
    p.add_argument("--words", action="store_true", help="train its text encoder alone, on small crops")
    a = p.parse_args()
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(TOKENIZER)
    vae = AutoencoderKL.from_pretrained(a.vae).eval().requires_grad_(False).to(memory_format=torch.channels_last)
    unet, text = models()
    if a.start:
        unet = UNet2DConditionModel.from_pretrained(a.start, subfolder="unet").to(memory_format=torch.channels_last)
        text = CLIPTextModel.from_pretrained(a.start, subfolder="text_encoder").train()
    if a.words:
        unet.requires_grad_(False)
        CROPS = ((64, 8, 1.0),)
    data = Pairs(a.pairs)
    if not a.start and not (pathlib.Path(a.out) / "state.pt").exists(): learn_styles(text, tokenizer)
    run = Run(a.out, [p for m in (unet, text) for p in m.parameters() if p.requires_grad], a.minutes, a.rate)
    rng = np.random.default_rng(run.step)
    torch.manual_seed(run.step)
    listed, made = ({style: of(style) for style in STYLES} for of in (for_training, framed))
    ways = DDPMScheduler(prediction_type="sample", **SCHEDULE)

    def encode(blocks): return vae.encode(images(blocks)).latent_dist.mean.float()

    fixed = np.random.default_rng(0)
    with torch.no_grad():
        sample = [data.crop(fixed, 128) for _ in range(64)]
        scale = 1 / encode([b[..., LAYERS[n]] for b in sample for n in ("photo", "cartoon")]).std().item()
    (run.folder / "scaling_factor").write_text(repr(scale))
    while True:
        size, batch, _ = CROPS[rng.choice(len(CROPS), p=[c[2] for c in CROPS])]
        blocks = [data.crop(rng, size) for _ in range(batch)]
        words, layers, with_image = [], [], []
        for _ in blocks:
            style, r = str(rng.choice(list(SHARE), p=list(SHARE.values()))), rng.random()
            words.append("" if r < 0.08 else spoken(str(rng.choice((made if rng.random() < FRAMED else listed)[style])), rng))
            layers.append("photo" if r < 0.05 else style)
            with_image.append(float(not 0.05 <= r < 0.11))  # below 0.08 without text either
        precise = run.done > 0.9
        with torch.autocast("cpu", torch.bfloat16, enabled=not precise):
            with torch.no_grad():
                image = encode([b[..., LAYERS["photo"]] for b in blocks]) * torch.tensor(with_image)[:, None, None, None]
                target = images([b[..., LAYERS[n]] for b, n in zip(blocks, layers)])
                clean = vae.encode(target).latent_dist.mean.float() * scale
            hidden = text(tokenize(tokenizer, words)).last_hidden_state
            predict = lambda x, t, i: unet(torch.cat([x, image[i]], 1).contiguous(memory_format=torch.channels_last), t,
                                           encoder_hidden_states=hidden[i]).sample.float()
            noise, t, start = torch.randn_like(clean), torch.full((batch,), 999), clean
            again = torch.rand(batch) < 0.2
            other = ~again & (torch.rand(batch) < 0.25)
            t[other] = torch.randint(0, 999, (int(other.sum()),))
            if again.any():
                with torch.no_grad(): first = predict(noise[again], t[again], again)
                start = clean.clone()
                start[again], t[again] = first, SECOND
            predicted = predict(ways.add_noise(start, noise, t), t, slice(None))
            # Seen as pixels through a window, since the whole picture's decoder would cost more than the UNet.
            y, x = (int(v) for v in rng.integers(size // 2 - 32 + 1, size=2))
            seen = vae.decode(predicted[..., y:y + 32, x:x + 32] / scale).sample.float()
        wanted = target[..., 2 * y:2 * y + 64, 2 * x:2 * x + 64]
        kept = torch.tensor(with_image)[:, None, None, None]  # nothing to be exact about without the photo
        seen, wanted = seen * kept, wanted * kept
        latent, similar = (predicted - clean).pow(2).mean(), similarity_loss(seen, wanted)
        loss = latent + (seen - wanted).abs().mean() + 0.7 * edges(seen, wanted) + colours(seen, wanted) + 0.3 * similar
        if run.descend(loss, {"latent": latent.item(), "dissimilar": similar.item()}): break
    run.averaged()
    unet.save_pretrained(run.folder / "unet")
    text.save_pretrained(run.folder / "text_encoder")
