"""Stage 4, the decoder: python train_decoder.py PAIRS VAE TRAINED OUT [--minutes 22]. Goes on where it was interrupted.

The autoencoder's decoder, trained further on the latents that the trained UNet predicts in one step (the rest frozen): it
learns what they lose, colour above all. A fifth of each batch are the latents of the drawing itself, so that it stays the
autoencoder's decoder. The UNet's predictions for some thousand crops are made first and kept (OUT/latents.pt).
"""
import argparse, pathlib
import numpy as np, torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer
from common import Run
from instructions import for_training
from pairs import LAYERS, Pairs, colours, edges, images
from train_unet import SHARE, TOKENIZER, similarity_loss, tokenize

SIZE, BATCH, TRUE = 128, 3, 0.2  # pixels of a crop, crops a step, share of true latents


def predictions(data, vae, trained, count):
    """For `count` crops: the drawing, uint8 [count, SIZE, SIZE, 3], its latents, and those that the UNet predicts."""
    rng, tokenizer = np.random.default_rng(1), CLIPTokenizer.from_pretrained(TOKENIZER)
    unet = UNet2DConditionModel.from_pretrained(trained, subfolder="unet").to(memory_format=torch.channels_last)
    text = CLIPTextModel.from_pretrained(trained, subfolder="text_encoder")
    scale = float((pathlib.Path(trained) / "scaling_factor").read_text())
    drawings, clean, predicted = [], [], []
    torch.manual_seed(1)
    for i in range(0, count, 8):
        blocks, words, drawn = [data.crop(rng, SIZE) for _ in range(8)], [], []
        for block in blocks:
            style = "" if rng.random() < 0.08 else str(rng.choice(list(SHARE), p=list(SHARE.values())))
            words.append(str(rng.choice(for_training(style))) if style else "")
            drawn.append(np.broadcast_to(block[..., LAYERS[style or "photo"]], (SIZE, SIZE, 3)))
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            image, latents = (vae.encode(images(b)).latent_dist.mean.float()
                              for b in ([b[..., LAYERS["photo"]] for b in blocks], drawn))
            hidden = text(tokenize(tokenizer, words)).last_hidden_state
            made = unet(torch.cat([torch.randn_like(image), image], 1), 999, encoder_hidden_states=hidden).sample.float()
        drawings.append(torch.from_numpy(np.stack(drawn)))
        clean.append(latents.half())
        predicted.append((made / scale).half())
        if i % 400 == 0: print(i, "crops", flush=True)
    return torch.cat(drawings), torch.cat(clean), torch.cat(predicted)


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for n in ("pairs", "vae", "trained", "out"): p.add_argument(n)
    p.add_argument("--minutes", type=float, default=22); p.add_argument("--rate", type=float, default=8e-4)
    p.add_argument("--crops", type=int, default=2400)
    a = p.parse_args()
    torch.manual_seed(0)
    vae = AutoencoderKL.from_pretrained(a.vae).requires_grad_(False).to(memory_format=torch.channels_last)
    out = pathlib.Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "latents.pt").exists(): torch.save(predictions(Pairs(a.pairs), vae, a.trained, a.crops), out / "latents.pt")
    drawings, *latents = torch.load(out / "latents.pt", weights_only=True)
    learning = [*vae.decoder.requires_grad_(True).parameters(), *vae.post_quant_conv.requires_grad_(True).parameters()]
    run = Run(out, learning, a.minutes, a.rate)
    rng = np.random.default_rng(run.step)
    while True:
        # Whole crops: a part of one would end where the picture does not, and teach a border that is none.
        chosen = rng.integers(len(drawings), size=BATCH)
        seen = torch.stack([latents[int(rng.random() >= TRUE)][i] for i in chosen]).float()
        wanted = images(drawings[chosen].numpy())
        with torch.autocast("cpu", torch.bfloat16, enabled=run.done < 0.85):
            made = vae.decode(seen.contiguous(memory_format=torch.channels_last)).sample.float()
        error, similar = (made - wanted).abs().mean(), similarity_loss(made, wanted)
        loss = error + 0.7 * edges(made, wanted) + 2 * colours(made, wanted) + 0.5 * similar
        if run.descend(loss, {"error": error.item(), "dissimilar": similar.item()}): break
    run.averaged()
    vae.save_pretrained(out / "vae")
