"""Writes method.safetensors: the method rendered a second time, from its specification, in float64 PyTorch.

Attention, layer normalisation, GELU and the losses are written out, not taken from torch.nn. Run with
`python make_fixtures.py` (torch, numpy, safetensors); the file is committed, so the tests need no Python.
"""

from math import ceil, sqrt
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(20)
D = torch.float64
out: dict[str, torch.Tensor] = {}


def draw(*shape, scale=1.0):
    """Values that float32 holds exactly, so that both sides start from the same numbers."""
    return (torch.randn(*shape) * scale).to(torch.float32).to(D)


def keep(prefix, tensors):
    for key, value in tensors.items():
        out[f"{prefix}.{key}"] = value


def layer_norm(x, p, key):
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt() * p[f"{key}.weight"] + p[f"{key}.bias"]


def linear(x, p, key):
    return x @ p[f"{key}.weight"].T + p[f"{key}.bias"]


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / sqrt(2)))


def norm_parameters(key, width):
    return {f"{key}.weight": 1 + draw(width, scale=0.2), f"{key}.bias": draw(width, scale=0.2)}


def linear_parameters(key, inputs, outputs):
    return {
        f"{key}.weight": draw(outputs, inputs, scale=1 / sqrt(inputs)),
        f"{key}.bias": draw(outputs, scale=0.2),
    }


# --- The intervention network -------------------------------------------------------------------------------


def intervention_parameters(width, inner, depth):
    p = {}
    if inner != width:
        p |= linear_parameters("input", width, inner) | linear_parameters("output", inner, width)
    for i in range(depth):
        k = f"layers.{i}"
        p |= norm_parameters(f"{k}.norm", inner) | norm_parameters(f"{k}.dictionary_norm", width)
        p |= linear_parameters(f"{k}.q_proj", inner, inner)
        p |= linear_parameters(f"{k}.k_proj", width, inner)
        p |= linear_parameters(f"{k}.v_proj", width, inner)
        p |= linear_parameters(f"{k}.out_proj", inner, inner)
        p |= norm_parameters(f"{k}.mlp_norm", inner)
        p |= linear_parameters(f"{k}.mlp.fc1", inner, inner) | linear_parameters(f"{k}.mlp.fc2", inner, inner)
    return p


def cross_attention(x, z, p, k, heads, log_prior):
    """One layer; also its attention map, mean over heads. One head and one image at a time."""
    q = linear(layer_norm(x, p, f"{k}.norm"), p, f"{k}.q_proj")
    normed = layer_norm(z, p, f"{k}.dictionary_norm")
    key, value = linear(normed, p, f"{k}.k_proj"), linear(normed, p, f"{k}.v_proj")
    width = q.shape[-1] // heads
    mixed, maps = [], []
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        logits = torch.einsum("bnc,mc->bnm", q[..., part], key[:, part]) / sqrt(width)
        if log_prior is not None:
            logits = logits + log_prior
        weights = torch.exp(logits - logits.max(-1, keepdim=True).values)
        weights = weights / weights.sum(-1, keepdim=True)
        maps.append(weights)
        mixed.append(torch.einsum("bnm,mc->bnc", weights, value[:, part]))
    x = x + linear(torch.cat(mixed, -1), p, f"{k}.out_proj")
    hidden = gelu(linear(layer_norm(x, p, f"{k}.mlp_norm"), p, f"{k}.mlp.fc1"))
    return x + linear(hidden, p, f"{k}.mlp.fc2"), torch.stack(maps).mean(0)


def network(f, z, p, depth, heads, log_prior=None):
    x = linear(f, p, "input") if "input.weight" in p else f
    maps = []
    for i in range(depth):
        x, weights = cross_attention(x, z, p, f"layers.{i}", heads, log_prior)
        maps.append(weights)
    y = f + linear(x, p, "output") if "output.weight" in p else x
    return y, torch.stack(maps).mean(0)


for name, inner in (("intervention", 16), ("projected", 8)):
    p = intervention_parameters(16, inner, 2)
    f, z = draw(2, 5, 16), F.normalize(draw(3, 16), dim=-1).float().to(D)
    prior = torch.tensor([0.125, 0.625, 0.25], dtype=D)
    keep(f"{name}.parameters", p)
    expected = {"features": f, "dictionary": z, "prior": prior}
    expected["attention"], expected["attention_map"] = network(f, z, p, 2, 4)
    expected["prior_adjusted"], expected["prior_map"] = network(f, z, p, 2, 4, prior.log())
    expected["exact"] = sum(prior[m] * network(f, z[m : m + 1], p, 2, 4)[0] for m in range(3))
    keep(name, expected)

# --- Region selection ---------------------------------------------------------------------------------------


def unit(x):
    return x / (x * x).sum(-1, keepdim=True).sqrt()


features = draw(2, 9, 8)
classes, normal = unit(draw(4, 8)).float().to(D), unit(draw(8)).float().to(D)
score = torch.empty(2, 9, dtype=D)
plain = torch.empty(2, 9, dtype=D)
for b in range(2):
    for n in range(9):
        c = unit(features[b, n])
        plain[b, n] = max(float(c @ e) for e in classes)
        score[b, n] = plain[b, n] - float(c @ normal)
count = ceil(0.4 * 9)
positions = torch.tensor(
    [sorted(range(9), key=lambda n: (-float(score[b, n]), n))[:count] for b in range(2)], dtype=torch.int64
)
keep(
    "region",
    {
        "features": features,
        "classes": classes,
        "normal": normal,
        "score": score,
        "score_plain": plain,
        "positions": positions,
    },
)

# --- The objective ------------------------------------------------------------------------------------------

logits, masks = draw(3, 1, 6, 6, scale=2), (torch.rand(3, 1, 6, 6) > 0.7).to(D)
masks[1] = 0
probability = 1 / (1 + torch.exp(-logits))
bce = -(masks * probability.log() + (1 - masks) * (1 - probability).log()).mean()
dice = sum(
    1 - (2 * (probability[b] * masks[b]).sum() + 1) / (probability[b].sum() + masks[b].sum() + 1) for b in range(3)
) / 3
intervened, joint = draw(3, 5, 8), draw(4, 3, 8)
images, labels = draw(3, 8), {0: 2, 2: 1}  # the second image has no class
causal = sum(((intervened[b].mean(0) - joint[k].mean(0)) ** 2).sum() for b, k in labels.items()) / 2
contrast = 0
for b, k in labels.items():
    cosine = torch.stack([unit(images[b]) @ unit(e) for e in classes]) / 0.5
    contrast = contrast - (cosine[k] - torch.log(torch.exp(cosine).sum())) / 2
keep(
    "objective",
    {
        "logits": logits,
        "masks": masks,
        "cross_entropy": bce.reshape(1),
        "with_dice": (bce + 0.5 * dice).reshape(1),
        "intervened": intervened,
        "joint": joint,
        "images": images,
        "classes": classes,
        "causal": causal.reshape(1),
        "contrast": contrast.reshape(1),
    },
)

# --- The head -----------------------------------------------------------------------------------------------
# detailWidths [4, 8], gridWidth 6, one tower layer; grid stride 2, so the grid enters the second level.


def batch_norm_parameters(key, c):
    return norm_parameters(key, c) | {
        f"{key}.running_mean": draw(c, scale=0.3),
        f"{key}.running_var": (0.5 + torch.rand(c)).float().to(D),
    }


def block_parameters(key, inputs, outputs, double):
    p = {f"{key}.conv1.weight": draw(outputs, inputs, 3, 3, scale=0.3)} | batch_norm_parameters(f"{key}.norm1", outputs)
    if double:
        p[f"{key}.conv2.weight"] = draw(outputs, outputs, 3, 3, scale=0.3)
        p |= batch_norm_parameters(f"{key}.norm2", outputs)
        p[f"{key}.shortcut.weight"] = draw(outputs, inputs, 1, 1, scale=0.3)
    return p


def batch_norm(x, p, key):
    column = lambda name: p[f"{key}.{name}"].reshape(1, -1, 1, 1)
    return (x - column("running_mean")) / (column("running_var") + 1e-5).sqrt() * column("weight") + column("bias")


def leaky(x):
    return torch.where(x > 0, x, 0.01 * x)


def block(x, p, key, stride):
    y = leaky(batch_norm(F.conv2d(x, p[f"{key}.conv1.weight"], stride=stride, padding=1), p, f"{key}.norm1"))
    if f"{key}.conv2.weight" not in p:
        return y
    y = batch_norm(F.conv2d(y, p[f"{key}.conv2.weight"], padding=1), p, f"{key}.norm2")
    return leaky(y + F.conv2d(x, p[f"{key}.shortcut.weight"], stride=stride))


def enlarge(x, size):
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def convolution_1x1(x, p, key):
    return F.conv2d(x, p[f"{key}.weight"], p[f"{key}.bias"])


p = norm_parameters("grid_norm", 16) | linear_parameters("grid_proj", 16, 6)
p |= norm_parameters("tower_norms.0", 10) | linear_parameters("tower_projs.0", 10, 6)
p |= block_parameters("encoders.0", 3, 4, False) | block_parameters("encoders.1", 4, 8, True)
p |= block_parameters("decoders.0", 4 + 4, 4, False) | block_parameters("decoders.1", 8 + 6, 8, True)
for key, inputs, outputs in (("reducers.0", 8, 4), ("classifier", 4, 1)):
    p |= {f"{key}.weight": draw(outputs, inputs, 1, 1, scale=0.4), f"{key}.bias": draw(outputs, scale=0.2)}
image, grid, tower = draw(2, 3, 8, 8), draw(2, 3, 3, 16), draw(2, 3, 3, 10)
tokens = linear(layer_norm(grid, p, "grid_norm"), p, "grid_proj")
tokens = tokens + linear(layer_norm(tower, p, "tower_norms.0"), p, "tower_projs.0")
fine = block(image, p, "encoders.0", 1)
coarse = block(fine, p, "encoders.1", 2)
deep = block(torch.cat([coarse, enlarge(tokens.permute(0, 3, 1, 2), (4, 4))], 1), p, "decoders.1", 1)
up = enlarge(convolution_1x1(deep, p, "reducers.0"), (8, 8))
keep("head.parameters", p)
keep(
    "head",
    {
        "image": image,
        "grid": grid,
        "tower": tower,
        "logits": convolution_1x1(block(torch.cat([up, fine], 1), p, "decoders.0", 1), p, "classifier"),
    },
)

path = Path(__file__).parent / "method.safetensors"
save_file({k: (v if v.dtype == torch.int64 else v.float()).contiguous() for k, v in out.items()}, path)
print(path, path.stat().st_size, "bytes")
