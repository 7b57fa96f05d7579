"""The image tower of a CLIP folder as a PyTorch module, written plainly: transformer with or without a stem."""

import json
import os

import torch
from torch import nn
from torch.nn import functional


class Stem(nn.Module):
    """One 3×3 convolution with stride 2, group normalisation, GELU."""

    def __init__(self, inputs, outputs, epsilon):
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        self.norm = nn.GroupNorm(1, outputs, eps=epsilon)

    def forward(self, x):
        return functional.gelu(self.norm(self.convolution(x)))


class Attention(nn.Module):
    """Multi-head self-attention by PyTorch's fused kernel."""

    def __init__(self, width, heads):
        super().__init__()
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)
        self.heads = heads

    def split(self, x):
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(self, x):
        mixed = functional.scaled_dot_product_attention(
            self.split(self.q_proj(x)), self.split(self.k_proj(x)), self.split(self.v_proj(x))
        )
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self, settings):
        super().__init__()
        width, inner = settings["hidden_size"], settings["intermediate_size"]
        epsilon = settings["layer_norm_eps"]
        self.layer_norm1 = nn.LayerNorm(width, eps=epsilon)
        self.self_attn = Attention(width, settings["num_attention_heads"])
        self.layer_norm2 = nn.LayerNorm(width, eps=epsilon)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, inner), "fc2": nn.Linear(inner, width)})
        self.quick = settings["hidden_act"] == "quick_gelu"

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        hidden = self.mlp["fc1"](self.layer_norm2(x))
        hidden = hidden * torch.sigmoid(1.702 * hidden) if self.quick else functional.gelu(hidden)
        return x + self.mlp["fc2"](hidden)


class Tower(nn.Module):
    """Pixels B×3×S×S → embeddings B×d and, where asked for, MaskCLIP's dense features B×h×w×d."""

    def __init__(self, settings, projection):
        super().__init__()
        width, patch = settings["hidden_size"], settings["patch_size"]
        epsilon = settings["layer_norm_eps"]
        channels = [3] + list(settings.get("stem_channels") or [])
        rest = patch >> (len(channels) - 1)
        places = (settings["image_size"] // patch) ** 2 + 1
        self.stem = nn.ModuleList(Stem(a, b, epsilon) for a, b in zip(channels, channels[1:]))
        self.patches = nn.Conv2d(channels[-1], width, rest, stride=rest, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positions = nn.Parameter(torch.zeros(places, width))
        self.pre = nn.LayerNorm(width, eps=epsilon)
        self.layers = nn.ModuleList(Layer(settings) for _ in range(settings["num_hidden_layers"]))
        self.post = nn.LayerNorm(width, eps=epsilon)
        self.projection = nn.Linear(width, projection, bias=False)

    @staticmethod
    def name(key):
        """The name here of a parameter under Hugging Face's name; None for one of the text tower."""
        for old, new in (
            ("vision_model.embeddings.stem.projection.", "patches."),
            ("vision_model.embeddings.stem.", "stem."),
            ("vision_model.embeddings.patch_embedding.", "patches."),
            ("vision_model.embeddings.class_embedding", "class_embedding"),
            ("vision_model.embeddings.position_embedding.weight", "positions"),
            ("vision_model.pre_layrnorm.", "pre."),
            ("vision_model.encoder.layers.", "layers."),
            ("vision_model.post_layernorm.", "post."),
            ("visual_projection.", "projection."),
        ):
            if key.startswith(old):
                return new + key[len(old) :]
        return None

    def load(self, tensors, prefix=""):
        """Takes the weights that stand under Hugging Face's names."""
        found = {}
        for key, tensor in tensors.items():
            name = self.name(key[len(prefix) :]) if key.startswith(prefix) else None
            if name is not None:
                found[name] = tensor.to(torch.float32)
        if "patches.bias" in found:
            self.patches.bias = nn.Parameter(torch.zeros_like(found["patches.bias"]))
        self.load_state_dict(found)

    def forward(self, pixels, dense=False):
        x = pixels
        for layer in self.stem:
            x = layer(x)
        x = self.patches(x)
        height, width = x.shape[2], x.shape[3]
        x = x.flatten(2).transpose(1, 2)
        head = self.class_embedding.to(x.dtype).expand(x.shape[0], 1, -1)
        x = self.pre(torch.cat([head, x], 1) + self.positions)
        before = x
        for layer in self.layers:
            before = x
            x = layer(x)
        image = self.projection(self.post(x[:, 0]))
        if not dense:
            return image
        last = self.layers[-1]
        read = last.self_attn.out_proj(last.self_attn.v_proj(last.layer_norm1(before)))
        features = self.projection(self.post(read))[:, 1:]
        return features.reshape(x.shape[0], height, width, -1), image

    def tuned(self, tune):
        """The parameters that are trained: none, last-N, all."""
        if tune == "none":
            return []
        if tune == "all":
            return list(self.parameters())
        first = max(0, len(self.layers) - int(tune.split("-")[1]))
        parts = [*self.layers[first:], self.post, self.projection]
        return [parameter for part in parts for parameter in part.parameters()]


def configuration(folder):
    """The settings of a CLIP folder."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        return json.load(file)
