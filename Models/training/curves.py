"""The log of a training as a picture: python curves.py OUT.png TRAINED"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SHOWN = {"psnr": "PSNR, dB", "error": "absolute error", "slopes": "error of slopes", "dissimilar": "1 - SSIM"}


def main():
    out, folder = sys.argv[1:]
    with open(f"{folder}/log.jsonl") as file:
        log = [json.loads(line) for line in file]
    figure, axes = plt.subplots(1, 4, figsize=(15, 3.2))
    for axis, (key, title) in zip(axes, SHOWN.items(), strict=True):
        axis.plot([r["minutes"] for r in log], [r[key] for r in log], lw=1)
        axis.set(title=title, xlabel="minutes")
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(out, dpi=80)


if __name__ == "__main__":
    main()
