"""Outputs of timm's EfficientNets with weights that a formula gives, so that no weights are stored.

    python make_efficientnet.py    writes efficientnet.json; made with torch 2.13.0 and timm 1.0.31

The n-th tensor by name has the elements s(i) = sin(0.37 i + n), scaled by its kind; see `value`.
"""
import json
import math
import os

import timm
import torch

torch.set_num_threads(1)
WIDTH = 8


def value(name, shape, n):
    count = math.prod(shape)
    wave = torch.sin(0.37 * torch.arange(count, dtype=torch.float64) + n).reshape(shape)
    if name.endswith("running_var"):
        wave = 1 + 0.5 * wave * wave
    elif len(shape) == 1:
        wave = 0.1 * wave + (1 if name.endswith("weight") else 0)
    else:
        wave = wave * math.sqrt(2 / math.prod(shape[1:]))
    return wave.float()


def outputs(name):
    model = timm.create_model(name, pretrained=False, num_classes=0).eval()
    state = {f"visual.trunk.{k}": v for k, v in model.state_dict().items() if "num_batches" not in k}
    state["visual.head.proj.weight"] = torch.zeros(WIDTH, model.num_features)
    state = {k: value(k, tuple(v.shape), n) for n, (k, v) in enumerate(sorted(state.items()))}
    model.load_state_dict(
        {k[len("visual.trunk."):]: v for k, v in state.items() if k.startswith("visual.trunk.")}, strict=False)
    # Sides that 32 does not divide, so that the padding matters.
    pixels = torch.sin(0.01 * torch.arange(3 * 50 * 44, dtype=torch.float64)).float().reshape(1, 3, 50, 44)
    with torch.no_grad():
        x = model.bn1(model.conv_stem(pixels))
        stages = []
        for stage in model.blocks:
            x = stage(x)
            stages.append({"shape": list(x.permute(0, 2, 3, 1).shape), "mean": x.mean().item(), "norm": x.norm().item()})
        features = model.forward_features(pixels)
        image = features.mean((2, 3)) @ state["visual.head.proj.weight"].T
    return {"stages": stages, "image": image[0].tolist()}


names = ["tf_efficientnet_lite0", "efficientnet_lite1", "efficientnet_b0", "tf_efficientnet_b2"]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "efficientnet.json"), "w") as file:
    json.dump({name: outputs(name) for name in names}, file, indent=1)
    file.write("\n")
