"""The logs of the trainings as a picture: python curves.py OUT.png AUTOENCODER UNET DECODER"""
import json, sys
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt

if __name__ == "__main__":
    out, *folders = sys.argv[1:]
    logs = [[json.loads(line) for line in open(f"{f}/log.jsonl")] for f in folders]
    figure, axes = plt.subplots(1, 4, figsize=(15, 3.2))
    for axis, log, key, title in zip(
            axes, (logs[0], logs[1], logs[1], logs[2]), ("psnr", "latent", "dissimilar", "dissimilar"),
            ("autoencoder: PSNR, dB", "UNet: latents, squared error", "UNet: 1 - SSIM of pixels", "decoder: 1 - SSIM of pixels")):
        axis.plot([r["minutes"] for r in log], [r[key] for r in log], lw=1)
        axis.set(title=title, xlabel="minutes")
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(out, dpi=80)
