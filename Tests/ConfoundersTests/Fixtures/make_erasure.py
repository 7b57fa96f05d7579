"""Makes erasure.json: what the package concept-erasure of LEACE's authors does to small samples.

    python3 make_erasure.py      (needs torch, concept-erasure, safetensors; the versions used are noted in the file)

Shrinkage and the limit on the trace are off, so that the closed form of the paper remains. One sample has more features than
independent directions.
"""

import json
import pathlib
from importlib.metadata import version

import torch
from concept_erasure import LeaceFitter

torch.manual_seed(20261201)
torch.set_default_dtype(torch.float64)


def sample(name, rows, width, concepts, rank):
    z = torch.randn(rows, concepts)
    x = torch.randn(rows, rank) @ torch.randn(rank, width) + z @ torch.randn(concepts, width) + torch.randn(width)
    if rank < width:
        # The concepts lie in the span of the features, whose covariance has no inverse.
        x = (x - x.mean(0)) @ torch.linalg.qr(torch.randn(width, rank)).Q @ torch.randn(rank, width) + 2
    fitter = LeaceFitter.fit(x, z, shrinkage=False, constrain_cov_trace=False, svd_tol=1e-6)
    asked = torch.randn(5, width) * 3
    if rank < width:
        asked = x[:5]
    return {
        "name": name, "features": x.tolist(), "concepts": z.tolist(), "asked": asked.tolist(),
        "erased": fitter.eraser(asked).tolist(),
    }


cases = [
    sample("one concept", 40, 6, 1, 6), sample("three concepts", 60, 8, 3, 8),
    sample("features of low rank", 50, 7, 2, 4),
]
pathlib.Path(__file__).with_name("erasure.json").write_text(
    json.dumps({"torch": torch.__version__, "concept-erasure": version("concept-erasure"), "cases": cases}) + "\n")
