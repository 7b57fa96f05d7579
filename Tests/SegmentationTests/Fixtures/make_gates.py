"""Writes gates.safetensors: the mathematics of MedCLIPSeg and CausalCLIPSeg, computed by PyTorch 2.13.0 in its own way.

Attention goes from query to query over explicit means and variances, the mask's convolutions through torch.nn, the min-max
through two losses in place of a reversal. Run with `python make_gates.py` (torch, safetensors); the file is committed, so the
tests need no Python.
"""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(47)
out: dict[str, torch.Tensor] = {}


def keep(part, **tensors):
    for key, value in tensors.items():
        out[f"{part}.{key}"] = value.detach().clone().contiguous()


# --- Attention to Gaussian keys and values -----------------------------------------------------------------------
def attention_parameters(width):
    p = {}
    for name, outputs in [("q_proj", width), ("k_proj", 2 * width), ("v_proj", 2 * width), ("out_proj", width)]:
        p[f"{name}.weight"] = torch.randn(outputs, width) / width**0.5
        p[f"{name}.bias"] = torch.randn(outputs) * 0.3
    for name in ("norm_k", "norm_v"):
        p[f"{name}.weight"] = 1 + torch.randn(width) * 0.2
        p[f"{name}.bias"] = torch.randn(width) * 0.2
    p["gate"] = torch.randn(1)
    return p


def attend(p, x, context, beta, noise=None):
    width = x.shape[-1]
    mixed = torch.zeros_like(x)
    for image in range(x.shape[0]):
        projected = {}
        for name in ("k", "v"):
            rows = context[image] @ p[f"{name}_proj.weight"].T + p[f"{name}_proj.bias"]
            mean = F.layer_norm(rows[:, :width], [width], p[f"norm_{name}.weight"], p[f"norm_{name}.bias"])
            projected[name] = (mean, F.softplus(rows[:, width:]) + 1e-6)
        values = projected["v"][0]
        if noise is not None:
            values = values + projected["v"][1].sqrt() * noise[image]
        for position in range(x.shape[1]):
            q = p["q_proj.weight"] @ x[image, position] + p["q_proj.bias"]
            scores = []
            for mean, variance in zip(*projected["k"]):
                # The mean and the variance of q·k / √w for a Gaussian k.
                expected = (q * mean).sum() / math.sqrt(width)
                spread = (q.square() * variance).sum() / width
                scores.append(expected - beta * spread.sqrt())
            weights = torch.stack(scores).exp()
            mixed[image, position] = (weights / weights.sum()) @ values
    attended = mixed @ p["out_proj.weight"].T + p["out_proj.bias"]
    share = 1 / (1 + torch.exp(-p["gate"]))
    return share * attended + (1 - share) * x


p = attention_parameters(4)
x, context, noise = torch.randn(2, 5, 4), torch.randn(2, 3, 4), torch.randn(2, 3, 4)
keep(
    "attention", x=x, context=context, noise=noise, mean=attend(p, x, context, 2.35),
    drawn=attend(p, x, context, 2.35, noise), plain=attend(p, x, context, 0),
)
keep("attention", **{f"parameters.{key}": value for key, value in p.items()})

# --- MedCLIPSeg: two adapters on a grid of 2×3, three classes and the normal prompt ----------------------------------
features, width = 6, 4
words = F.normalize(torch.randn(4, features), dim=-1)
dense = torch.randn(3, 2, 3, features)
p = {"words": words}
patches = F.normalize(dense.reshape(3, 6, features), dim=-1) * math.sqrt(features)
tokens = words.expand(3, -1, -1) * math.sqrt(features)
for n in range(2):
    down = [torch.randn(width, features) / features**0.5 for _ in range(2)]
    up = [torch.randn(features, width) / width**0.5 for _ in range(2)]
    vision, text = attention_parameters(width), attention_parameters(width)
    seen = attend(vision, patches @ down[0].T, tokens @ down[1].T, 2.35)
    read = attend(text, tokens @ down[1].T, seen, 2.35)
    patches, tokens = patches + seen @ up[0].T, tokens + read @ up[1].T
    own = f"pvl_adapters.{n}"
    for index, name in enumerate(("vis", "txt")):
        p[f"{own}.proj_{name}_down.weight"], p[f"{own}.proj_{name}_up.weight"] = down[index], up[index]
    p |= {f"{own}.two_way.cross_attn_img_to_txt.{key}": value for key, value in vision.items()}
    p |= {f"{own}.two_way.cross_attn_txt_to_img.{key}": value for key, value in text.items()}
grid = F.normalize(patches, dim=-1)
keep("medclipseg", dense=dense, grid=grid, tokens=tokens)
keep("medclipseg", **{f"parameters.{key}": value for key, value in p.items()})

# --- The soft contrast ----------------------------------------------------------------------------------------------
images = (torch.randn(4, features) / 3).requires_grad_()
texts = torch.randn(4, features).requires_grad_()


def soft_contrast(images, texts, temperature):
    unit = F.normalize(texts, dim=-1)
    with torch.no_grad():
        cosines = torch.stack([(unit[i] * unit).sum(-1) for i in range(len(unit))])
        targets = torch.stack([torch.softmax(row / row.norm(), 0) for row in cosines])
    logits = images @ unit.T / temperature
    to_text = F.cross_entropy(logits, targets)
    # The transposed targets are no distribution, so this is the sum by its definition.
    to_image = sum(-(targets[:, j] * torch.log_softmax(logits[:, j], 0)).sum() for j in range(len(unit)))
    return (to_text + to_image / len(unit)) / 2


loss = soft_contrast(images, texts, 0.2)
loss.backward()
keep(
    "contrast", images=images, texts=texts, loss=loss, image_gradient=images.grad, text_gradient=texts.grad
)

# --- CausalCLIPSeg: six features, a decoder of four channels ----------------------------------------------------------
features, width = 6, 4


class Block(torch.nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = torch.nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm = torch.nn.BatchNorm2d(outputs)
        for tensor in (self.norm.weight, self.norm.bias, self.norm.running_mean):
            tensor.data += torch.randn(outputs) * 0.2
        self.norm.running_var.data *= torch.rand(outputs) + 0.5

    def forward(self, x):
        return self.norm(self.conv(x))


class Causal(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("words", F.normalize(torch.randn(features), dim=0))
        self.masker = torch.nn.Module()
        self.masker.layers = torch.nn.ModuleList(
            [Block(features + extra, features) for extra in (2, 0, 2, 0)]
        )
        self.kernel = torch.nn.Linear(features, 9 * features)
        self.decoder = torch.nn.Module()
        self.decoder.layers = torch.nn.ModuleList([Block(features, width), Block(width, width)])
        self.decoder.out = torch.nn.Conv2d(width, width, 1)
        self.decoder.kernel = torch.nn.Linear(features, 9 * width + 1)

    def mask(self, x):
        height, columns = x.shape[-2:]
        rows = torch.linspace(-1, 1, height).reshape(1, 1, height, 1).expand(len(x), 1, height, columns)
        across = torch.linspace(-1, 1, columns).reshape(1, 1, 1, columns).expand(len(x), 1, height, columns)
        for index, block in enumerate(self.masker.layers):
            x = block(torch.cat([x, across, rows], 1) if index % 2 == 0 else x)
            x = torch.sigmoid(x) if index == 3 else F.relu(x)
        return x

    def grid(self, causal):
        # One channel after the other.
        filters = self.kernel(self.words).reshape(features, 3, 3)
        channels = [
            causal[:, c : c + 1] + F.conv2d(causal[:, c : c + 1], filters[c][None, None], padding=1)
            for c in range(features)
        ]
        return torch.cat(channels, 1).flatten(2).transpose(1, 2)

    def logits(self, rest):
        for block in self.decoder.layers:
            rest = F.relu(block(rest))
        filter = self.decoder.kernel(self.words)
        return F.conv2d(
            self.decoder.out(rest), filter[:-1].reshape(1, width, 3, 3), filter[-1:], padding=1
        )


model = Causal()
dense = torch.randn(2, 3, 4, features, requires_grad=True)
masks = (torch.rand(2, 1, 12, 16) > 0.7).float()
parameters = {key: value.clone() for key, value in model.state_dict().items() if "num_batches" not in key}


def split(dense):
    x = (F.normalize(dense, dim=-1) * math.sqrt(features)).permute(0, 3, 1, 2)
    return x, model.mask(x.detach())


model.eval()
with torch.no_grad():
    x, mask = split(dense)
    keep("causalclipseg", dense=dense, masks=masks, grid=model.grid(x * mask))
model.train()
x, mask = split(dense)
logits = F.interpolate(model.logits(x * (1 - mask)), size=(12, 16), mode="bilinear", align_corners=False)
loss = F.binary_cross_entropy_with_logits(logits, masks)
loss.backward()
keep("causalclipseg", loss=loss, dense_gradient=dense.grad)
for key, value in model.named_parameters():
    if value.grad is not None:
        # Descent on the loss for the decoder, ascent for the masker.
        sign = -1 if key.startswith("masker") else 1
        keep("causalclipseg", **{f"gradients.{key}": sign * value.grad})
keep("causalclipseg", **{f"parameters.{key}": value for key, value in parameters.items()})

save_file(out, Path(__file__).parent / "gates.safetensors", metadata={"torch": torch.__version__})
