"""Random crops of the stored pairs."""
import pathlib
import numpy as np
import torch

LAYERS = {"photo": slice(0, 3), "cartoon": slice(3, 6), "sketch": slice(6, 7), "watercolor": slice(7, 10)}


class Pairs:
    def __init__(self, folder):
        self.views = [np.load(p, mmap_mode="r") for p in sorted(pathlib.Path(folder).glob("*.npy"))]

    def crop(self, rng, size):
        """All layers of one random square, uint8 [size, size, 10], half of them mirrored."""
        while True:
            view = self.views[rng.integers(len(self.views))]
            if min(view.shape[:2]) >= size: break
        y, x = (rng.integers((side - size) // 2 + 1) * 2 for side in view.shape[:2])
        block = view[y:y + size, x:x + size]
        return block[:, ::-1] if rng.random() < 0.5 else block


def images(blocks):
    """uint8 [height, width, 3 or 1] each, as one float tensor [batch, 3, height, width] in -1...1, channels last."""
    stacked = np.stack([np.broadcast_to(b, (*b.shape[:2], 3)) for b in blocks])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)  # a permuted NHWC: channels last


def edges(a, b):
    """How much two pictures' differences of neighbouring pixels differ, on average."""
    d = a - b
    return (d[..., 1:] - d[..., :-1]).abs().mean() + (d[..., 1:, :] - d[..., :-1, :]).abs().mean()


def colours(a, b):
    """How much two pictures' hues differ over blocks of 4x4 pixels. Without it an autoencoder may settle on losing the
    rarest axis of colour, red to green, and stay there: grass turns brown."""
    d = torch.nn.functional.avg_pool2d(a - b, 4)
    return (d[:, 0] - d[:, 1]).abs().mean() + (d[:, 2] - (d[:, 0] + d[:, 1]) / 2).abs().mean()
