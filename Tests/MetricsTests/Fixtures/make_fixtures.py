"""Makes metrics.json: small mask pairs and what MONAI, MedPy, OpenCV, SciPy and NumPy say of them.

    python3 make_fixtures.py      (needs monai, medpy, opencv-python-headless, scipy, numpy; the versions used are noted in
                                   the file)

`expected` is in double precision: boundaries, distances and components by SciPy, percentiles by NumPy, bands by OpenCV's
erosion. `monai` is MONAI's own answer, which it computes in float32; the script stops if the two differ by more than
float32 can explain, or if MedPy measures other distances. `spacing` is millimetres per pixel, across and down, or null.
Masks are strings of 0 and 1, rows separated by "/".
"""

import importlib.metadata
import json
import pathlib
import warnings

import cv2
import medpy.metric.binary as medpy
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
    # New cases come last, so that those above stay what they were.
    yield "full against a hole", boxes(24, 30, (0, 0, 24, 30)), ~boxes(24, 30, (8, 9, 16, 20)), 1
    yield "band of two pixels", disc(50, 60, 24, 30, 15, 20), disc(50, 60, 25, 32, 16, 18), 1
    # A diagonal of 125 pixels, of which 2 % are 2.5.
    yield "band rounded to even", boxes(35, 120, (5, 20, 30, 100)), boxes(35, 120, (6, 20, 30, 103)), 1
    yield "one mark over two lesions", boxes(12, 30, (3, 2, 9, 26)), boxes(12, 30, (3, 2, 9, 10), (3, 18, 9, 26)), 1
    yield "two marks in one lesion", boxes(12, 30, (3, 2, 9, 6), (3, 18, 9, 26)), boxes(12, 30, (3, 2, 9, 26)), 1
    yield "lesions that touch at a corner", boxes(9, 9, (1, 1, 4, 4)), boxes(9, 9, (1, 1, 4, 4), (4, 4, 7, 7)), 1
    yield "too small a mark", boxes(20, 20, (8, 8, 9, 10)), boxes(20, 20, (2, 2, 18, 18)), 1
    for index, share in enumerate([0.1, 0.3]):
        yield f"specks {index}", blobs(26, 30, 0.8, share), blobs(26, 30, 0.8, share), 1.5


SPACINGS = [(0.1, 0.1), (0.25, 0.4), (1.7, 0.3), (0.2, 2.5)]


def double_precision(p, r, tolerance, spacing):
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
        "boundary_iou": boundary_iou(p, r),
    }
    if both:
        return result | {"hd95": 0.0, "hd95_percent": 0.0, "asd": 0.0, "asd_percent": 0.0, "nsd": 1.0}
    if one:
        return result | {"hd95": None, "hd95_percent": None, "asd": None, "asd_percent": None, "nsd": 0.0}
    steps = spacing[::-1]
    pe, re = (m ^ ndimage.binary_erosion(m) for m in (p, r))
    a = ndimage.distance_transform_edt(~re, sampling=steps)[pe]
    b = ndimage.distance_transform_edt(~pe, sampling=steps)[re]
    for own, first, second in [(a, p, r), (b, r, p)]:
        peer = medpy.__surface_distances(first, second, voxelspacing=steps, connectivity=1)
        assert np.allclose(np.sort(own), np.sort(peer), rtol=0, atol=1e-12)
    pooled = np.concatenate([a, b])
    hd95, asd = max(np.percentile(a, 95), np.percentile(b, 95)), pooled.mean()
    diagonal = np.hypot(p.shape[1] * spacing[0], p.shape[0] * spacing[1])
    return result | {
        "hd95": hd95,
        "hd95_percent": 100 * hd95 / diagonal,
        "asd": asd,
        "asd_percent": 100 * asd / diagonal,
        "nsd": float(np.mean(pooled <= tolerance * (1 + 1e-9))),
    }


def boundary_iou(p, r, ratio=0.02):
    """Bands by passes of a 3×3 erosion over the mask within a frame of background."""
    passes = max(1, int(round(ratio * np.sqrt(p.shape[0] ** 2 + p.shape[1] ** 2))))

    def band(mask):
        framed = np.pad(mask, 1).astype(np.uint8)
        kept = cv2.erode(framed, np.ones((3, 3), np.uint8), iterations=passes)
        return mask & ~kept[1:-1, 1:-1].astype(bool)

    a, b = band(p), band(r)
    return float((a & b).sum() / (a | b).sum()) if (a | b).any() else 1.0


def detection(p, r, criterion=0.1):
    """Components by SciPy, compared each with each."""
    marks, lesions = (ndimage.label(m, np.ones((3, 3))) for m in (p, r))
    overlap = np.zeros((marks[1], lesions[1]), bool)
    for i in range(marks[1]):
        for j in range(lesions[1]):
            a, b = marks[0] == i + 1, lesions[0] == j + 1
            overlap[i, j] = (a & b).sum() / (a | b).sum() >= criterion
    found = int(overlap.any(0).sum())
    return {"found": found, "missed": lesions[1] - found, "false": int((~overlap.any(1)).sum())}


def by_monai(p, r, tolerance, spacing):
    steps = {"spacing": spacing[::-1]}
    p, r = (torch.tensor(m.copy())[None, None].float() for m in (p, r))
    tp, fp, tn, fn = get_confusion_matrix(p, r)[0, 0].tolist()
    values = {
        "dice": compute_dice(p, r, ignore_empty=False),
        "iou": compute_iou(p, r, ignore_empty=False),
        "accuracy": (tp + tn) / (tp + fp + tn + fn),
        "hd95": compute_hausdorff_distance(p, r, include_background=True, percentile=95, directed=False, **steps),
        "asd": compute_average_surface_distance(p, r, include_background=True, symmetric=True, **steps),
        "nsd": compute_surface_dice(p, r, [tolerance], include_background=True, **steps),
    }
    finite = {key: float(value) for key, value in values.items()}
    return {key: value if np.isfinite(value) else None for key, value in finite.items()}


def text(mask):
    return "/".join("".join("01"[int(v)] for v in row) for row in mask)


cases = []
every = list(pairs())
asked = [(*pair, None) for pair in every]
# In millimetres as well; tolerances beside those that a pixel's distance can equal, for MONAI's float32 may round across.
asked += [
    (f"{name}, {x}×{y} mm", p, r, tolerance * 0.437, (x, y))
    for index, (name, p, r, tolerance) in enumerate(every)
    if index % 4 == 2 or "random" in name
    for x, y in [SPACINGS[index % len(SPACINGS)]]
]
for name, p, r, tolerance, spacing in asked:
    steps = spacing or (1, 1)
    expected, peer = double_precision(p, r, tolerance, steps), by_monai(p, r, tolerance, steps)
    for key, value in peer.items():
        if value is None:  # MONAI answers nan or inf where the policy rules
            assert not p.any() or not r.any(), (name, key)
        elif p.any() and r.any():
            assert abs(value - expected[key]) <= 1e-6 * max(1, abs(value)), (name, key, value, expected[key])
    cases.append(
        {"name": name, "prediction": text(p), "reference": text(r), "tolerance": tolerance, "spacing": spacing}
        | {"expected": expected, "detection": detection(p, r), "monai": peer}
    )

versions = {
    "monai": monai.__version__,
    "medpy": importlib.metadata.version("medpy"),
    "opencv": cv2.__version__,
    "scipy": scipy.__version__,
    "numpy": np.__version__,
}
out = pathlib.Path(__file__).with_name("metrics.json")
lines = ",\n".join("    " + json.dumps(case) for case in cases)
out.write_text('{\n  "versions": ' + json.dumps(versions) + ',\n  "cases": [\n' + lines + "\n  ]\n}\n")
print(len(cases), "cases,", out.stat().st_size, "bytes")
