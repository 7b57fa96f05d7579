"""The segmentation model in plain PyTorch: image tower, region selection, causal intervention, head.

The weights come from the file that mcdrl bench writes, so that both sides start from the same model. Only the paper's
settings are here: MaskCLIP features, hard selection that leaves the features elsewhere, softmax attention.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from tower import Tower


class CrossAttention(nn.Module):
    """One layer of the intervention network."""

    def __init__(self, width, heads):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.dictionary_norm = nn.LayerNorm(width)
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, width), "fc2": nn.Linear(width, width)})
        self.heads = heads

    def split(self, x):
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(self, x, dictionary):
        entries = self.dictionary_norm(dictionary).unsqueeze(0)
        mixed = functional.scaled_dot_product_attention(
            self.split(self.q_proj(self.norm(x))),
            self.split(self.k_proj(entries)).expand(x.shape[0], -1, -1, -1),
            self.split(self.v_proj(entries)).expand(x.shape[0], -1, -1, -1),
        )
        x = x + self.out_proj(mixed.transpose(1, 2).flatten(2))
        return x + self.mlp["fc2"](functional.gelu(self.mlp["fc1"](self.mlp_norm(x))))


class Block(nn.Module):
    """One or two 3×3 convolutions with batch normalisation and leaky ReLU; two have a residual."""

    def __init__(self, inputs, outputs, stride, double):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False) if double else None
        self.norm2 = nn.BatchNorm2d(outputs) if double else None
        self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False) if double else None
        self.stride = stride

    def forward(self, x):
        y = functional.leaky_relu(self.norm1(self.conv1(x)))
        if self.conv2 is None:
            return y
        kept = x if self.stride == 1 else x[:, :, :: self.stride, :: self.stride]
        return functional.leaky_relu(self.norm2(self.conv2(y)) + self.shortcut(kept))


class Head(nn.Module):
    """A U-Net on the image, into which the grid, and tower layers if the skips go by level, enter at their resolution.

    `layers` holds the channels and the stride of each tower layer that enters.
    """

    def __init__(self, settings, width, stride, layers=()):
        super().__init__()
        grid, widths = settings["gridWidth"], settings["detailWidths"]
        self.grid_norm = nn.LayerNorm(width)
        self.grid_proj = nn.Linear(width, grid)
        first = settings["detailStride"]
        levels = settings.get("decoderWidths") or widths or [grid]

        def nearest(stride):
            return min(range(len(levels)), key=lambda i: abs((first << i) - stride))

        self.level = nearest(stride)
        self.layer_levels = [nearest(stride) for _, stride in layers]
        skips = [sum(c for (c, _), at in zip(layers, self.layer_levels) if at == i) for i in range(len(levels))]
        self.encoders = nn.ModuleList(
            Block(3 if i == 0 else widths[i - 1], widths[i], first if i == 0 else 2, i > 0)
            for i in range(len(widths))
        )
        self.decoders = nn.ModuleList(
            Block(
                (levels[i] if i + 1 < len(levels) else 0)
                + (widths[i] if i < len(widths) else 0)
                + skips[i]
                + (grid if i == self.level else 0),
                levels[i],
                1,
                i > 0 or not widths,
            )
            for i in range(len(levels))
        )
        self.reducers = nn.ModuleList(
            nn.Conv2d(levels[i + 1], levels[i], 1) for i in range(len(levels) - 1)
        )
        self.classifier = nn.Conv2d(levels[0], 1, 1)

    @staticmethod
    def fit(x, size):
        return x if x.shape[2:] == size else functional.interpolate(x, size=size, mode="bilinear")

    def forward(self, image, grid, layers=()):
        features = self.grid_proj(self.grid_norm(grid)).permute(0, 3, 1, 2)
        x, skips = image.contiguous(memory_format=torch.channels_last), []
        for encoder in self.encoders:
            x = encoder(x)
            skips.append(x)
        deeper = None
        for index in reversed(range(len(self.decoders))):
            own = skips[index : index + 1] + [x for x, at in zip(layers, self.layer_levels) if at == index]
            size = own[0].shape[2:] if own else features.shape[2:]
            parts = []
            if deeper is not None:
                parts.append(self.fit(self.reducers[index](deeper), size))
            parts += [self.fit(x, size) for x in own]
            if index == self.level:
                parts.append(self.fit(features, size))
            deeper = self.decoders[index](parts[0] if len(parts) == 1 else torch.cat(parts, 1))
        return self.fit(self.classifier(deeper), image.shape[2:])


class Intervention(nn.Module):
    """The intervention network, with projections in and out where its width is its own."""

    def __init__(self, settings, width):
        super().__init__()
        inner = settings["width"] or width
        if inner != width:
            raise ValueError("an intervention of another width than the features is not written here")
        self.layers = nn.ModuleList(CrossAttention(width, settings["heads"]) for _ in range(settings["depth"]))

    def forward(self, x, dictionary):
        for layer in self.layers:
            x = layer(x, dictionary)
        return x


class Model(nn.Module):
    """Images B×3×S×S from 0 to 1 → logits, F_ca at the selected positions, F_vis."""

    def __init__(self, clip, settings, preparation, tensors):
        super().__init__()
        width = clip["projection_dim"]
        self.tower = Tower(clip["vision_config"], width)
        self.tower.load(tensors, "tower.")
        options = settings["options"]
        self.intervention = Intervention(options["intervention"], width)
        self.head = Head(settings["head"], width, clip["vision_config"]["patch_size"])
        self.fraction = options["region"]["fraction"]
        for name in ("classes", "normal", "confounders", "joint"):
            self.register_buffer(name, tensors["text." + name].float())
        self.register_buffer("mean", torch.tensor(preparation["mean"]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(preparation["deviation"]).view(1, 3, 1, 1))
        for part, prefix in (("intervention", "model.method.intervention."), ("head", "model.head.")):
            found = {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
            missing, unexpected = getattr(self, part).load_state_dict(found, strict=False)
            missing = [key for key in missing if not key.endswith("num_batches_tracked")]
            if missing or unexpected:
                raise ValueError(f"{part}: missing {missing[:3]}, unexpected {unexpected[:3]}")
        self.head.to(memory_format=torch.channels_last)
        self.frozen = True

    def forward(self, images):
        pixels = (images - self.mean) / self.deviation
        if self.frozen:
            with torch.no_grad():
                dense, image = self.tower(pixels, dense=True)
        else:
            dense, image = self.tower(pixels, dense=True)
        features = functional.normalize(dense.flatten(1, 2), dim=-1, eps=1e-12)
        score = (features @ self.classes.T.to(features.dtype)).amax(-1) - features @ self.normal.to(features.dtype)
        count = max(1, min(features.shape[1], math.ceil(self.fraction * features.shape[1] - 1e-9)))
        positions = score.detach().sort(dim=1, descending=True, stable=True).indices[:, :count]
        wide = positions.unsqueeze(-1).expand(-1, -1, features.shape[2])
        intervened = self.intervention(features.gather(1, wide), self.confounders)
        grid = features.scatter(1, wide, intervened.to(features.dtype)).reshape(dense.shape)
        return self.head(pixels, grid), intervened, image
