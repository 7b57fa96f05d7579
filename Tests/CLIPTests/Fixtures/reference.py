"""What the fixture scripts share: numbers by formula, and torchvision without its compiled operators."""
import importlib.util
import pathlib
import re

import numpy as np
import torch

HERE = pathlib.Path(__file__).parent

# A torchvision wheel for CUDA beside a CPU torch lacks its operators; none is used, so empty declarations do.
# This must stand before transformers or open_clip are imported.
_source = pathlib.Path(importlib.util.find_spec("torchvision").origin).with_name("_meta_registrations.py")
_library = torch.library.Library("torchvision", "FRAGMENT")
_text = _source.read_text()
# Later versions declare the operators themselves.
_names = [] if "torch.library.define(" in _text else set(re.findall(r'register_fake\("torchvision::(\w+)"\)', _text))
for _name in _names:
    if not hasattr(torch.ops.torchvision, _name):
        _library.define(f"{_name}(Tensor x) -> Tensor")


def seed_of(name: str) -> int:
    """FNV-1a, 32 bits."""
    value = 0x811C9DC5
    for byte in name.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def uniform(name: str, shape, scale: float = 1.0, offset: float = 0.0) -> torch.Tensor:
    """Numbers between offset − scale and offset + scale that depend on name and index only."""
    count = int(np.prod(shape))
    x = (np.arange(count, dtype=np.uint64) * 2654435761 + seed_of(name)) & 0xFFFFFFFF
    x ^= x >> np.uint64(16)
    x = (x * 0x45D9F3B) & 0xFFFFFFFF
    x ^= x >> np.uint64(16)
    x = (x * 0x45D9F3B) & 0xFFFFFFFF
    x ^= x >> np.uint64(16)
    values = (x.astype(np.float64) / 2**31 - 1.0) * scale + offset
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def rule(name: str, shape) -> tuple[float, float]:
    """Scale and offset of a parameter: norms near 1, small biases, products that keep the variance."""
    if name.endswith("running_var"):
        return 0.4, 1.0
    if name.endswith("running_mean") or name.endswith("bias"):
        return 0.1, 0.0
    if name.endswith("logit_scale"):
        return 0.0, 2.6592
    if len(shape) == 1 and name.endswith("weight"):
        return 0.2, 1.0
    if "token_embedding" in name or "position" in name or "class_embedding" in name:
        return 0.3, 0.0
    fan_in = int(np.prod(shape[1:]))
    if name in ("text_projection", "visual.proj"):
        fan_in = shape[0]
    return float(np.sqrt(3.0 / fan_in)), 0.0


def fill(model) -> list[dict]:
    """Fills all parameters and buffers; returns what the Swift side needs to do the same."""
    spec = []
    for name, tensor in model.state_dict().items():
        if name.endswith(("position_ids", "num_batches_tracked", "attn_mask")):
            continue
        scale, offset = rule(name, tensor.shape)
        tensor.copy_(uniform(name, tuple(tensor.shape), scale, offset))
        spec.append({"name": name, "shape": list(tensor.shape), "scale": scale, "offset": offset})
    return spec
