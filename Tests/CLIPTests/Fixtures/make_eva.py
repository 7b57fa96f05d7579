"""Outputs of a small EVA-02 of timm, with weights that depend on their names only.

    python make_eva.py    writes eva.safetensors; made with torch 2.13.0 and timm 1.0.31

It is the architecture of `eva02_base_patch16_clip_224`: learned and rotary positions, a gated feed-forward,
normalisations inside attention and feed-forward. Swift makes the same weights; see `TrunkParityTests`. Keys of
attention are those before rotary positions. The second of two images is stored.
It also adds the sizes of the published models to trunks.json, so run it after make_trunks.py.
"""
import json
import math

import reference  # before timm: it declares the operators that torchvision lacks
import timm
import torch
from safetensors.torch import save_file
from timm.layers import apply_rot_embed_cat
from timm.models.eva import Eva

torch.set_num_threads(1)
WIDTH = 6


def value(name, shape):
    if name.endswith("bias"):
        scale, offset = 0.1, 0.0
    elif len(shape) == 1:
        scale, offset = 0.2, 1.0
    elif len(shape) == 3:
        scale, offset = 0.5, 0.0
    else:
        scale, offset = math.sqrt(3.0 / math.prod(shape[1:])), 0.0
    return reference.uniform(name, tuple(shape), scale, offset)


def projected(x):
    """The end that OpenCLIP adds."""
    return x @ value("visual.head.proj.weight", (WIDTH, x.shape[-1])).T


def outputs(size):
    model = Eva(num_classes=0, img_size=40, patch_size=8, embed_dim=32, depth=3, num_heads=2, dynamic_img_size=True,
                qkv_fused=False, mlp_ratio=4 * 2 / 3, swiglu_mlp=True, scale_mlp=True, scale_attn_inner=True,
                use_rot_pos_emb=True, ref_feat_shape=(16, 16), global_pool="token").eval()
    for name, tensor in model.state_dict().items():
        tensor.copy_(value(f"visual.trunk.{name}", tensor.shape))
    pixels = reference.uniform("pixels", (2, 3) + size, 2)
    grid = (size[0] // 8, size[1] // 8)
    inputs = []
    hooks = [block.norm1.register_forward_hook(lambda _, __, y: inputs.append(y)) for block in model.blocks]
    last, layers = model.forward_intermediates(pixels, output_fmt="NLC")
    for hook in hooks:
        hook.remove()

    def cells(x):
        return x[:, 1:].unflatten(1, grid)
    out = {f"layer{index + 1}": x.unflatten(1, grid) for index, x in enumerate(layers)}
    for index, (block, y) in enumerate(zip(model.blocks, inputs)):
        out[f"keys{index + 1}"] = cells(block.attn.k_proj(y))
    out["image"] = projected(model.forward_head(model.forward_features(pixels)))
    rope = model.rope.get_embed(shape=grid)
    attention, y = model.blocks[-1].attn, inputs[-1]

    def heads(x, turns):
        x = x.reshape(2, -1, attention.num_heads, x.shape[-1] // attention.num_heads).transpose(1, 2)
        return torch.cat([x[:, :, :1], apply_rot_embed_cat(x[:, :, 1:], rope)], 2) if turns else x

    def read(x):
        return projected(cells(model.norm(attention.proj(attention.norm(x)))))
    q, k, v = heads(attention.q_proj(y), True), heads(attention.k_proj(y), True), heads(attention.v_proj(y), False)
    scale = q.shape[-1] ** -0.5
    x = ((q @ q.mT * scale).softmax(-1) + (k @ k.mT * scale).softmax(-1)) @ v
    out["tokens"] = projected(cells(last))
    out["maskclip"] = read(attention.v_proj(y))
    out["sclip"] = read(x.transpose(1, 2).flatten(2))
    return out


with torch.no_grad():
    found = {f"eva02/{key}": tensor[1:].float().contiguous() for key, tensor in outputs((48, 32)).items()}
    save_file(found, reference.HERE / "eva.safetensors")
    print({key: (tuple(x.shape), round(float(x.std()), 2)) for key, x in found.items()})

sizes = json.loads((reference.HERE / "trunks.json").read_text())
for name in ("eva02_base_patch16_clip_224", "eva02_large_patch14_clip_224", "eva02_large_patch14_clip_336"):
    model = timm.create_model(name, num_classes=0, device="meta")
    state = model.state_dict()
    sizes[name] = [len(state), sum(tensor.numel() for tensor in state.values()), model.pretrained_cfg["input_size"][1]]
(reference.HERE / "trunks.json").write_text(
    "{\n" + ",\n".join(f'"{name}": {json.dumps(sizes[name])}' for name in sorted(sizes)) + "\n}\n")
