"""Makes maps.json: small grey maps and what PySODMetrics, scikit-learn, torchmetrics and NumPy say of them.

    python3 make_maps.py      (needs pysodmetrics, scikit-learn, torchmetrics, scipy, numpy; the versions used are noted in
                               the file)

`polyp` is PySODMetrics' answer to the 8-bit map: S-measure, weighted F-measure, MAE, and of the E-measure, Dice and IoU at
thresholds 0/255 to 255/255 the mean, the maximum and every 15th value. The script works S, E, Dice, IoU and MAE out again, threshold by threshold and without
histograms, and stops if they differ. A value is null where PySODMetrics divides by zero.
`calibration` takes level / 255 for a probability: Brier score by scikit-learn, ECE by NumPy over bins lower < p <= upper,
which torchmetrics confirms where no pixel lies on an edge of a bin, and the curve.
Maps are hexadecimal, two digits a pixel; references strings of 0 and 1; rows are separated by "/".
"""

import importlib.metadata
import json
import pathlib
import warnings

import numpy as np
import py_sod_metrics as sod
import torch
from scipy import ndimage
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from torchmetrics.functional.classification import binary_calibration_error

warnings.filterwarnings("ignore")
rng = np.random.default_rng(20240502)
EPS = np.spacing(1)


def disc(height, width, cy, cx, ry, rx):
    y, x = np.mgrid[:height, :width]
    return ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1


def noise(height, width, sigma):
    field = ndimage.gaussian_filter(rng.standard_normal((height, width)), sigma)
    return (field - field.min()) / (field.max() - field.min())


def soft(mask, sigma, strength=0.4):
    field = ndimage.gaussian_filter(mask.astype(float), sigma) + strength * noise(*mask.shape, 1.5)
    return (field - field.min()) / (field.max() - field.min())


def levels(field, low=0, high=255):
    return np.round(low + (high - low) * field).astype(np.uint8)


def cases():
    lesion = disc(22, 26, 9.2, 14.1, 6, 7)
    yield "a good map", levels(soft(lesion, 1.5)), lesion
    yield "a map that was saved unstretched", levels(soft(lesion, 1.5), 13, 231), lesion
    yield "a map of few levels", levels(np.round(soft(lesion, 2) * 4) / 4), lesion
    yield "a map of sixteen levels in a narrow range", levels(np.round(soft(lesion, 2) * 15) / 15, 60, 120), lesion
    yield "noise", levels(noise(22, 26, 0.1)), lesion
    yield "turned round", levels(1 - soft(lesion, 1.5)), lesion
    yield "a mask that fits", levels(lesion), lesion
    yield "a mask that is off", levels(disc(22, 26, 12, 10, 5, 6)), lesion
    yield "two lesions", levels(soft(lesion, 1)), lesion | disc(22, 26, 18, 3, 3, 2)
    yield "centroid between pixels", levels(soft(lesion, 1)), disc(22, 26, 10.5, 12.5, 4, 5)
    yield "centroid between pixels, odd", levels(soft(lesion, 1)), disc(22, 26, 9.5, 11.5, 4, 5)
    yield "touching the border", levels(soft(disc(22, 26, 0, 3, 7, 8), 1.5)), disc(22, 26, 1, 2, 7, 9)
    one = np.zeros((22, 26), bool)
    one[5, 7] = True
    yield "one pixel", levels(soft(one, 1)), one
    yield "all but one pixel", levels(soft(~one, 1)), ~one
    yield "empty reference", levels(soft(lesion, 1.5)), np.zeros_like(lesion)
    yield "full reference", levels(soft(lesion, 1.5)), np.ones_like(lesion)
    yield "constant map", np.full((22, 26), 77, np.uint8), lesion
    yield "empty map, empty reference", np.zeros((22, 26), np.uint8), np.zeros_like(lesion)
    yield "empty map", np.zeros((22, 26), np.uint8), lesion
    yield "full map", np.full((22, 26), 255, np.uint8), lesion
    corner = np.zeros((9, 14), bool)
    corner[-3:, -4:] = True
    yield "in the corner", levels(soft(corner, 1)), corner
    edge = np.zeros((9, 14), bool)
    edge[2:7, -1] = True
    yield "a line on the right edge", levels(soft(edge, 1)), edge
    yield "a single row", levels(noise(1, 19, 1)), disc(1, 19, 0, 7, 1, 4.2)
    yield "confident and right", levels(soft(lesion, 0.6, 0.1), 2, 253), lesion


def polyp(grey, mask):
    measures = [sod.Smeasure(), sod.WeightedFmeasure(), sod.MAE(), sod.Emeasure()]
    options = {"with_dynamic": True, "with_adaptive": False}
    curves = sod.FmeasureV2({"dice": sod.DICEHandler(**options), "iou": sod.IOUHandler(**options)})
    for measure in measures + [curves]:
        measure.step(grey, mask.astype(np.uint8) * 255)
    s, f, m, e = measures
    overlap = curves.get_results()
    return {
        "s_measure": s.get_results()["sm"],
        "weighted_f": f.get_results()["wfm"],
        "mae": m.get_results()["mae"],
        "e_measure": e.get_results()["em"]["curve"][::-1],
        "dice": overlap["dice"]["dynamic"][::-1],
        "iou": overlap["iou"]["dynamic"][::-1],
    }


def again(grey, mask):
    """S, MAE and the curves, each threshold's mask on its own."""
    x = grey / 255
    if x.max() > x.min():
        x = (x - x.min()) / (x.max() - x.min())
    truth = mask.astype(float)
    curves = {"e_measure": [], "dice": [], "iou": []}
    for k in range(256):
        marked = (np.floor(x * 255) >= k).astype(float)
        hit = (marked * truth).sum()
        curves["dice"].append(2 * hit / (marked.sum() + truth.sum()) if hit else 0.0)
        curves["iou"].append(hit / (marked.sum() + truth.sum() - hit) if hit else 0.0)
        if not mask.any():
            enhanced = 1 - marked
        elif mask.all():
            enhanced = marked
        else:
            a, b = marked - marked.mean(), truth - truth.mean()
            enhanced = (2 * a * b / (a * a + b * b + EPS) + 1) ** 2 / 4
        curves["e_measure"].append(enhanced.sum() / (mask.size - 1 + EPS))
    return curves | {"mae": np.abs(x - truth).mean()}


def calibration(grey, mask, bins=15):
    p, y = (grey / 255).ravel(), mask.ravel()
    edges = np.arange(bins + 1) / bins
    index = np.clip(np.searchsorted(edges, p, side="left") - 1, 0, bins - 1)
    counts = np.bincount(index, minlength=bins)
    confidence, positives = (np.bincount(index, v, minlength=bins) for v in (p, y))
    ece = np.abs(confidence - positives).sum() / p.size
    if not np.isin(p, edges).any():
        peer = binary_calibration_error(torch.tensor(p), torch.tensor(y.astype(int)), n_bins=bins, norm="l1")
        assert abs(float(peer) - ece) < 1e-6, (float(peer), ece)
        if y.any() and not y.all():
            share, mean = calibration_curve(y, p, n_bins=bins)
            assert np.allclose(share, (positives / np.maximum(counts, 1))[counts > 0])
            assert np.allclose(mean, (confidence / np.maximum(counts, 1))[counts > 0])
    return {
        "brier": brier_score_loss(y, p, labels=[False, True], pos_label=True),
        "ece": ece,
        "n": counts,
        "mean_confidence": [c / n if n else None for c, n in zip(confidence, counts)],
        "share_positive": [c / n if n else None for c, n in zip(positives, counts)],
    }


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, np.ndarray)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (int, np.integer)):
        return None if value is None else int(value)
    return round(float(value), 12) if np.isfinite(value) else None


def text(rows, digits):
    return "/".join("".join(digits(v) for v in row) for row in rows)


def thinned(curve):
    """A curve's mean and maximum, and its value at every 15th threshold."""
    return {"mean": np.mean(curve), "max": np.max(curve), "every_15th": curve[::15]}


found = []
for name, grey, mask in cases():
    answer, own = polyp(grey, mask), again(grey, mask)
    for key, value in own.items():
        assert np.allclose(answer[key], value, rtol=0, atol=1e-9), (name, key)
    for key in ("e_measure", "dice", "iou"):
        answer[key] = thinned(answer[key])
    found.append(
        {
            "name": name,
            "map": text(grey, lambda v: f"{v:02x}"),
            "reference": text(mask, lambda v: "01"[int(v)]),
            "polyp": plain(answer),
            "calibration": plain(calibration(grey, mask)),
        }
    )

packages = ["pysodmetrics", "scikit-learn", "torchmetrics", "scipy", "numpy"]
versions = {package: importlib.metadata.version(package) for package in packages}
out = pathlib.Path(__file__).with_name("maps.json")
lines = ",\n".join("    " + json.dumps(case) for case in found)
out.write_text('{\n  "versions": ' + json.dumps(versions) + ',\n  "cases": [\n' + lines + "\n  ]\n}\n")
print(len(found), "cases,", out.stat().st_size, "bytes")
