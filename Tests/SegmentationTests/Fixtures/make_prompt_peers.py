"""Writes prompt_peers.safetensors: the mathematics of the peers that learn prompts, by PyTorch 2.13.0 and NumPy 2.3.4.

BiomedCoOp's scores and medians go prompt by prompt, its divergence through torch.nn.functional.kl_div. StyLIP's cosines are
those of explicit sums, position by position. Run with `python make_prompt_peers.py` (torch, numpy, safetensors); the file is
committed, so the tests need no Python.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(55)
out: dict[str, torch.Tensor] = {}


def keep(part, **tensors):
    for key, value in tensors.items():
        out[f"{part}.{key}"] = value.detach().clone().contiguous()


def unit(*shape):
    return F.normalize(torch.randn(*shape), dim=-1)


# --- The cross-entropy of positions: a 2×3 grid, masks of 8×12 ---------------------------------------------------
logits = torch.randn(2, 6, 4, requires_grad=True)
masks = (torch.rand(2, 1, 8, 12) > 0.5).float()
entropies = []
for image in range(2):
    for row in range(2):
        for column in range(3):
            share = masks[image, 0, row * 4 : row * 4 + 4, column * 4 : column * 4 + 4].mean()
            p = F.softmax(logits[image, row * 3 + column], dim=0)
            lesion = p[:3].sum()
            entropies.append(-(share * torch.log(lesion) + (1 - share) * torch.log(p[3])))
loss = torch.stack(entropies).mean()
loss.backward()
keep("similarity", logits=logits, masks=masks, loss=loss, gradient=logits.grad)

# --- BiomedCoOp: 7 prompts, 3 classes, width 8 --------------------------------------------------------------------
features, ensemble = unit(2, 5, 8), unit(7, 3, 8)
classes = unit(3, 8).requires_grad_()
sccm = F.mse_loss(classes, F.normalize(ensemble.mean(0), dim=-1))
sccm.backward()
flat = features.reshape(-1, 8)
scores = torch.stack([(flat @ prompt.T).max(dim=1).values.mean() for prompt in ensemble])
distance = np.abs(scores.numpy() - np.median(scores.numpy()))
kept = torch.from_numpy(distance <= 1.5 * np.median(distance))
assert 0 < kept.sum() < 7 and np.abs(distance - 1.5 * np.median(distance)).min() > 0.005
temperature = 0.1
student = torch.randn(2, 5, 3, requires_grad=True)
teacher = flat @ F.normalize(ensemble[kept].mean(0), dim=-1).T / temperature
kdsp = F.kl_div(
    F.log_softmax(student.reshape(-1, 3), dim=1), F.log_softmax(teacher, dim=1), reduction="sum", log_target=True
) / student.numel()
kdsp.backward()
keep(
    "biomedcoop", features=features, ensemble=ensemble, classes=classes, sccm=sccm, gradient=classes.grad, scores=scores,
    kept=kept.float(), student=student, kdsp=kdsp, studentgradient=student.grad,
)

# --- StyLIP: a layer of 4×6 positions on a grid of the same size, three classes ------------------------------------
layer = torch.randn(2, 4, 6, 5) * torch.rand(2, 1, 1, 5) * 3 + torch.randn(2, 1, 1, 5)
statistics, content = [], torch.empty_like(layer)
for image in range(2):
    values = layer[image].reshape(-1, 5).numpy().astype(float)
    mean, deviation = values.mean(0), np.sqrt(values.var(0) + 1e-6)
    statistics.append(np.concatenate([mean, deviation]))
    content[image] = torch.from_numpy((values - mean) / deviation).reshape(4, 6, 5)
keep("stylip", layer=layer, statistics=torch.tensor(np.stack(statistics)).float(), content=content.reshape(2, 24, 5))
features, classes, added = unit(2, 24, 8), unit(2, 3, 8), torch.randn(2, 24, 8) * 0.5
fused = classes[:, None] + added[:, :, None]
keep(
    "stylip", features=features, classes=classes, added=added,
    cosines=F.cosine_similarity(features[:, :, None].expand_as(fused), fused, dim=-1),
)

save_file(
    out, Path(__file__).parent / "prompt_peers.safetensors",
    metadata={"torch": torch.__version__, "numpy": np.__version__},
)
