"""Writes peers.safetensors: the mathematics of the peers, computed by PyTorch 2.13.0, NumPy 2.3.4 and SciPy 1.17.1 in their own
way.

CLIPSeg's blocks are torch.nn.TransformerEncoderLayer, IRM's penalty goes through two backward passes, Fourier mixing through
NumPy's complex, shifted spectra. Run with `python make_peers.py` (torch, numpy, scipy, safetensors); the file is committed, so
the tests need no Python.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.interpolate import BSpline
from safetensors.torch import save_file

torch.manual_seed(31)
out: dict[str, torch.Tensor] = {}


def keep(part, **tensors):
    for key, value in tensors.items():
        out[f"{part}.{key}"] = value.detach().clone().contiguous()


# --- MixStyle: normalise, then renormalise by mixed statistics ------------------------------------------------
x = torch.randn(4, 5, 3, 6) * torch.rand(4, 5, 1, 1) * 3 + torch.randn(4, 5, 1, 1)
partners = torch.tensor([2, 3, 1, 0])
share = torch.tensor([0.0, 1.0, 0.25, 0.9])
mixed = torch.empty_like(x)
for i in range(4):
    for c in range(5):
        own, other = x[i, c].flatten(), x[partners[i], c].flatten()
        s = [(v.var(unbiased=True) + 1e-6).sqrt() for v in (own, other)]
        mean = share[i] * own.mean() + (1 - share[i]) * other.mean()
        mixed[i, c] = (x[i, c] - own.mean()) / s[0] * (share[i] * s[0] + (1 - share[i]) * s[1]) + mean
keep("mixstyle", x=x, partners=partners, share=share.reshape(4, 1, 1, 1), mixed=mixed)


# --- Fourier amplitude mixing: centred spectra, a square window around the lowest frequency ----------------------
def fourier(image, other, share, band):
    height, width = image.shape[-2:]
    centred = [np.fft.fftshift(np.fft.fft2(v, axes=(-2, -1)), axes=(-2, -1)) for v in (image, other)]
    amplitude, phase = np.abs(centred[0]), np.angle(centred[0])
    half = int(band * min(height, width))
    row, column = height // 2, width // 2
    window = np.zeros((height, width), bool)
    if band == 0.5:
        window[:] = True
    else:
        window[row - half : row + half + 1, column - half : column + half + 1] = True
    mix = (1 - share) * amplitude + share * np.abs(centred[1])
    amplitude = np.where(window, mix, amplitude)
    back = np.fft.ifftshift(amplitude * np.exp(1j * phase), axes=(-2, -1))
    return np.clip(np.fft.ifft2(back, axes=(-2, -1)).real, 0, 1)


for name, (height, width), band in [("whole", (12, 12), 0.5), ("odd", (9, 11), 0.5), ("low", (12, 10), 0.2)]:
    images = torch.rand(2, 3, height, width) * 0.6 + 0.2
    others = torch.rand(2, 3, height, width)
    share = torch.tensor([0.7, 1.0])
    mixed = np.stack(
        [fourier(images[i].double().numpy(), others[i].double().numpy(), share[i].item(), band) for i in range(2)]
    )
    keep(
        f"fourier.{name}", images=images, others=others, share=share.reshape(2, 1, 1, 1),
        mixed=torch.from_numpy(mixed).float(),
    )

# --- CORAL: three sites of unequal size ---------------------------------------------------------------------------
sites = [torch.randn(n, 4) * (1 + n / 10) + n / 10 for n in (6, 3, 5)]
for site in sites:
    site.requires_grad_()
total = 0
for i in range(3):
    for j in range(i + 1, 3):
        a, b = sites[i], sites[j]
        total = total + F.mse_loss(a.mean(0), b.mean(0)) + F.mse_loss(torch.cov(a.T), torch.cov(b.T))
loss = total / 3
loss.backward()
keep("coral", loss=loss, **{f"site{i}": s for i, s in enumerate(sites)})
keep("coral", **{f"gradient{i}": s.grad for i, s in enumerate(sites)})

# --- IRM: a scale of 1 that the loss is differentiated by, twice -----------------------------------------------------
logits = torch.randn(7, 1, 4, 4, requires_grad=True)
masks = (torch.rand(7, 1, 4, 4) > 0.6).float()
labels = torch.tensor([0, 2, 0, 2, 2, 1, 0])
penalties = []
for site in (0, 1, 2):
    scale = torch.tensor(1.0, requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(logits[labels == site] * scale, masks[labels == site])
    penalties.append(torch.autograd.grad(loss, scale, create_graph=True)[0] ** 2)
penalty = torch.stack(penalties).mean()
penalty.backward()
keep("irm", logits=logits, masks=masks, sites=labels, penalty=penalty, gradient=logits.grad)

# --- CLIPSeg: two layers of different width and size, deepest first -----------------------------------------------------
width, inner, heads, text, stride = 8, 12, 2, 6, 4
projections = [torch.nn.Linear(w, width) for w in (7, 5)]
scale, shift = torch.nn.Linear(text, width), torch.nn.Linear(text, width)
blocks = [
    torch.nn.TransformerEncoderLayer(width, heads, dim_feedforward=inner, batch_first=True).eval() for _ in range(2)
]
patch = torch.nn.ConvTranspose2d(width, 1, stride, stride=stride)
words = F.normalize(torch.randn(text), dim=0)
layers = [torch.randn(2, 2, 3, 5), torch.randn(2, 2, 3, 7)]
for block in blocks:
    for parameter in block.parameters():
        parameter.data += torch.randn_like(parameter) * 0.05
a = projections[0](layers[1].reshape(2, 6, 7))
a = blocks[0](scale(words) * a + shift(words))
a = blocks[1](a + projections[1](layers[0].reshape(2, 6, 5)))
logits = patch(a.permute(0, 2, 1).reshape(2, width, 2, 3))
keep("clipseg", layer0=layers[0], layer1=layers[1], logits=logits)
p = {"words": words, "patch.weight": patch.weight, "patch.bias": patch.bias}
for name, module in [("scale", scale), ("shift", shift)] + [(f"projections.{i}", m) for i, m in enumerate(projections)]:
    p |= {f"{name}.{key}": value for key, value in module.named_parameters()}
for i, block in enumerate(blocks):
    for key, value in block.named_parameters():
        if key.startswith("self_attn.in_proj"):
            kind = key.split("_")[-1]
            for part, rows in zip("qkv", value.chunk(3)):
                p[f"blocks.{i}.self_attn.{part}_proj.{kind}"] = rows
        else:
            p[f"blocks.{i}.{key}"] = value
keep("clipseg", **{f"parameters.{key}": value for key, value in p.items()})


# --- RandConv: sums over shifted, padded copies ----------------------------------------------------------------
images = torch.rand(2, 3, 9, 7)
w = torch.randn(3, 3, 5, 5) / 75**0.5
centred = np.pad((images.numpy() - 0.5) / 0.25, ((0, 0), (0, 0), (2, 2), (2, 2)))
filtered = np.zeros((2, 3, 9, 7))
for i in range(5):
    for j in range(5):
        filtered += np.einsum("oi,bihw->bohw", w[:, :, i, j].numpy(), centred[:, :, i : i + 9, j : j + 7])
filtered = torch.from_numpy(filtered * 0.25 + 0.5).float()
keep("randconv", images=images, filter=w, filtered=filtered, mixed=0.3 * images + 0.7 * filtered)

# --- GIN: one image after the other; IPA's map by SciPy's B-splines --------------------------------------------
x = torch.randn(2, 3, 8, 6)
share = torch.tensor([0.2, 0.9])
sizes = [(3, 2, 3), (2, 2, 1), (2, 2, 3), (2, 3, 1)]
weights = [torch.randn(2, o, i, k, k) for i, o, k in sizes]
offsets = [torch.randn(2, o) for _, o, _ in sizes]
changed = []
for n in range(2):
    y = x[n : n + 1]
    for layer in range(4):
        y = F.conv2d(y, weights[layer][n], offsets[layer][n], padding="same")
        y = F.leaky_relu(y, 0.01) if layer < 3 else y
    y = share[n] * y + (1 - share[n]) * x[n : n + 1]
    changed.append(y / (torch.linalg.vector_norm(y) + 1e-5) * torch.linalg.vector_norm(x[n]))
keep("gin", x=x, share=share.reshape(2, 1, 1, 1), changed=torch.cat(changed))
keep("gin", **{f"filter{i}": w.flatten(0, 1) for i, w in enumerate(weights)})
keep("gin", **{f"shift{i}": b.reshape(1, -1, 1, 1) for i, b in enumerate(offsets)})
points = torch.rand(2, 5, 5)
knots = np.arange(-3, 6)  # uniform, so that 5 control points have the segments 0…1 and 1…2
at = [(np.arange(size) + 0.5) / size * 2 for size in (10, 7)]
fields = [
    BSpline(knots, BSpline(knots, p.numpy().astype(float), 3)(at[0]).T, 3)(at[1]).T for p in points
]
maps = [(f - f.min()) / (f.max() - f.min()) for f in fields]
keep("gin", points=points, map=torch.from_numpy(np.stack(maps)).float().unsqueeze(1))

save_file(
    out, Path(__file__).parent / "peers.safetensors",
    metadata={"torch": torch.__version__, "numpy": np.__version__},
)
