"""Makes metrics.json: small mask pairs and what MONAI, SciPy and NumPy say of them.

    python3 make_fixtures.py      (needs monai, scipy, numpy; the versions used are noted in the file)

`expected` is in double precision: boundaries and distances by SciPy, percentiles by NumPy. `monai` is MONAI's own answer,
which it computes in float32; the script stops if the two differ by more than float32 can explain.
Masks are strings of 0 and 1, rows separated by "/".
"""

import json
import pathlib
import warnings

import monai
import numpy as np
import scipy
import torch
from monai.metrics import (
    compute_average_surface_distance,
    compute_dice,
    compute_hausdorff_distance,
    compute_iou,
    compute_surface_dice,
    get_confusion_matrix,
)
from scipy import ndimage

warnings.filterwarnings("ignore")
rng = np.random.default_rng(20240501)


def disc(height, width, cy, cx, ry, rx):
    y, x = np.mgrid[:height, :width]
    return ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1


def blobs(height, width, sigma, share):
    noise = ndimage.gaussian_filter(rng.standard_normal((height, width)), sigma)
    return noise >= np.quantile(noise, 1 - share)


def boxes(height, width, *corners):
    mask = np.zeros((height, width), bool)
    for top, left, bottom, right in corners:
        mask[top:bottom, left:right] = True
    return mask


def pairs():
    yield "both empty", boxes(6, 7), boxes(6, 7), 1
    yield "empty prediction", boxes(6, 7), boxes(6, 7, (1, 1, 4, 5)), 1
    yield "empty reference", boxes(6, 7, (2, 2, 5, 6)), boxes(6, 7), 1
    yield "both full", boxes(5, 8, (0, 0, 5, 8)), boxes(5, 8, (0, 0, 5, 8)), 1
    yield "full against one pixel", boxes(9, 9, (0, 0, 9, 9)), boxes(9, 9, (4, 4, 5, 5)), 2
    yield "one pixel each, opposite corners", boxes(8, 11, (0, 0, 1, 1)), boxes(8, 11, (7, 10, 8, 11)), 3
    yield "same pixel", boxes(4, 4, (1, 2, 2, 3)), boxes(4, 4, (1, 2, 2, 3)), 0
    yield "single row", boxes(1, 20, (0, 2, 1, 9)), boxes(1, 20, (0, 5, 1, 17)), 2
    yield "single column", boxes(20, 1, (3, 0, 11, 1)), boxes(20, 1, (1, 0, 6, 1)), 1
    yield "one by one", boxes(1, 1, (0, 0, 1, 1)), boxes(1, 1, (0, 0, 1, 1)), 0
    yield "touching the left edge", boxes(12, 12, (3, 0, 9, 5)), boxes(12, 12, (2, 0, 8, 6)), 1
    yield "touching two edges", disc(16, 16, 0, 0, 9, 7), disc(16, 16, 1, 2, 8, 8), 1
    yield "shifted discs", disc(24, 28, 12, 13, 7, 9), disc(24, 28, 11, 16, 8, 7), 2
    yield "ring against disc", disc(24, 24, 12, 12, 10, 10) & ~disc(24, 24, 12, 12, 5, 5), disc(24, 24, 12, 12, 10, 10), 1.5
    yield "two lesions, one found", disc(24, 32, 7, 8, 5, 5), disc(24, 32, 7, 8, 5, 6) | disc(24, 32, 17, 25, 4, 4), 2
    yield "far false alarm", disc(24, 32, 10, 8, 6, 5) | boxes(24, 32, (22, 30, 24, 32)), disc(24, 32, 10, 8, 6, 6), 1
    yield "diagonal line", np.eye(18, dtype=bool), np.eye(18, dtype=bool)[:, ::-1], 2
    yield "checkerboard", np.indices((14, 15)).sum(0) % 2 == 0, boxes(14, 15, (4, 4, 10, 11)), 1
    for index, (h, w, sigma, share) in enumerate(
        [(32, 32, 2, 0.3), (30, 25, 3, 0.15), (17, 31, 1, 0.5), (32, 20, 1.5, 0.05), (20, 20, 0.4, 0.4)]
    ):
        yield f"random blobs {index}", blobs(h, w, sigma, share), blobs(h, w, sigma, share), 1.5


def double_precision(p, r, tolerance):
    tp, fp, fn, tn = (int(np.sum(m)) for m in (p & r, p & ~r, ~p & r, ~p & ~r))
    both, one = not p.any() and not r.any(), p.any() != r.any()
    ratio = lambda a, b, otherwise: a / b if b else otherwise
    result = {
        "dice": ratio(2 * tp, 2 * tp + fp + fn, 1.0),
        "iou": ratio(tp, tp + fp + fn, 1.0),
        "accuracy": (tp + tn) / p.size,
        "precision": ratio(tp, tp + fp, 1.0 if both else None),
        "recall": ratio(tp, tp + fn, 1.0 if both else None),
        "specificity": ratio(tn, tn + fp, None),
    }
    if both:
        return result | {"hd95": 0.0, "asd": 0.0, "nsd": 1.0}
    if one:
        return result | {"hd95": None, "asd": None, "nsd": 0.0}
    pe, re = (m ^ ndimage.binary_erosion(m) for m in (p, r))
    a = ndimage.distance_transform_edt(~re)[pe]
    b = ndimage.distance_transform_edt(~pe)[re]
    pooled = np.concatenate([a, b])
    return result | {
        "hd95": max(np.percentile(a, 95), np.percentile(b, 95)),
        "asd": pooled.mean(),
        "nsd": float(np.mean(pooled <= tolerance)),
    }


def by_monai(p, r, tolerance):
    p, r = (torch.tensor(m.copy())[None, None].float() for m in (p, r))
    tp, fp, tn, fn = get_confusion_matrix(p, r)[0, 0].tolist()
    values = {
        "dice": compute_dice(p, r, ignore_empty=False),
        "iou": compute_iou(p, r, ignore_empty=False),
        "accuracy": (tp + tn) / (tp + fp + tn + fn),
        "hd95": compute_hausdorff_distance(p, r, include_background=True, percentile=95, directed=False),
        "asd": compute_average_surface_distance(p, r, include_background=True, symmetric=True),
        "nsd": compute_surface_dice(p, r, [tolerance], include_background=True),
    }
    finite = {key: float(value) for key, value in values.items()}
    return {key: value if np.isfinite(value) else None for key, value in finite.items()}


def text(mask):
    return "/".join("".join("01"[int(v)] for v in row) for row in mask)


cases = []
for name, p, r, tolerance in pairs():
    expected, peer = double_precision(p, r, tolerance), by_monai(p, r, tolerance)
    for key, value in peer.items():
        if value is None:  # MONAI answers nan or inf where the policy rules
            assert not p.any() or not r.any(), (name, key)
        elif p.any() and r.any():
            assert abs(value - expected[key]) <= 1e-6 * max(1, abs(value)), (name, key, value, expected[key])
    cases.append(
        {"name": name, "prediction": text(p), "reference": text(r), "tolerance": tolerance}
        | {"expected": expected, "monai": peer}
    )

versions = {"monai": monai.__version__, "scipy": scipy.__version__, "numpy": np.__version__}
out = pathlib.Path(__file__).with_name("metrics.json")
lines = ",\n".join("    " + json.dumps(case) for case in cases)
out.write_text('{\n  "versions": ' + json.dumps(versions) + ',\n  "cases": [\n' + lines + "\n  ]\n}\n")
print(len(cases), "cases,", out.stat().st_size, "bytes")
