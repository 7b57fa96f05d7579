"""Dice, IoU, HD95 and surface Dice by MONAI."""

import numpy as np
import torch


def all_scores(prediction, reference, tolerance):
    """The four scores of a pair of bool masks H×W."""
    from monai import metrics

    found = torch.from_numpy(np.ascontiguousarray(prediction))[None, None].float()
    wanted = torch.from_numpy(np.ascontiguousarray(reference))[None, None].float()
    return {
        "dice": metrics.compute_dice(found, wanted, include_background=True).item(),
        "iou": metrics.compute_iou(found, wanted, include_background=True).item(),
        "hd95": metrics.compute_hausdorff_distance(found, wanted, include_background=True, percentile=95).item(),
        "nsd": metrics.compute_surface_dice(found, wanted, [tolerance], include_background=True).item(),
    }


def prepare(request):
    """Scores the pairs of a file of masks, n×H×W each."""
    from safetensors.numpy import load_file

    torch.set_num_threads(request["threads"])
    tensors = load_file(request["tensors"])
    pairs = list(zip(tensors["prediction"] > 0, tensors["reference"] > 0))
    wanted = tensors["scores"]
    found = [all_scores(*pair, request["tolerance"]) for pair in pairs]
    table = np.array([[scores[name] for name in ("dice", "iou", "hd95", "nsd")] for scores in found])

    def run(_):
        for pair in pairs:
            all_scores(*pair, request["tolerance"])

    return run, {"difference": float(np.abs(table - wanted).max()), "scale": float(np.abs(wanted).max())}
