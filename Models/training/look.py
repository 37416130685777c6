"""Figures of a drawing's look beside its photo, BGR bytes of one size: what an eye sees first."""

import cv2
import numpy as np


def grey(image):
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)


def spread(image, side):
    kernel = np.ones((side, side), np.uint8)
    return cv2.dilate(image, kernel).astype(np.int16) - cv2.erode(image, kernel)


def edges(image, low, high):
    return cv2.Canny(cv2.GaussianBlur(grey(image), (0, 0), 1.0).clip(0, 255).astype(np.uint8), low, high) > 0


def near(mask):
    return cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def flat(image):
    """The share of pixels whose 5x5 neighbours span at most 6 levels in every channel: drawn areas, not photo or
    fog."""
    return float((spread(image, 5).max(2) <= 6).mean())


def recall(photo, drawing):
    """The share of the photo's salient edges that the drawing has within 2 pixels: eyes, text, folds kept."""
    wanted, found = edges(photo, 60, 150), edges(drawing, 60, 150)
    return float((wanted & near(found)).sum() / max(wanted.sum(), 1))


def precision(photo, drawing):
    """The share of the drawing's edges that the photo has, if faint, within 2 pixels: nothing invented."""
    found = edges(drawing, 60, 150)
    return float((found & near(edges(photo, 20, 60))).sum() / max(found.sum(), 1))


def specks(image):
    """Dark crumbs of fewer than 25 pixels, per 10,000 pixels."""
    values = grey(image)
    dark = (values < cv2.GaussianBlur(values, (0, 0), 6) - 35).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    return float((stats[1:, cv2.CC_STAT_AREA] < 25).sum() / values.size * 1e4)


def colour_change(photo, drawing):
    """The mean CIE76 difference after a Gaussian of 4 pixels."""

    def lab(image):
        return cv2.GaussianBlur(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2Lab), (0, 0), 4)

    return float(np.linalg.norm(lab(photo) - lab(drawing), axis=2).mean())


def figures(photo, drawing):
    return {
        "flat": flat(drawing),
        "recall": recall(photo, drawing),
        "precision": precision(photo, drawing),
        "specks": specks(drawing),
        "dE": colour_change(photo, drawing),
    }
