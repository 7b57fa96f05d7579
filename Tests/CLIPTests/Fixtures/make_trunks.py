"""Outputs of small ConvNeXts and vision transformers of timm, with weights that depend on their names only.

    python make_trunks.py    writes trunks.safetensors and trunks.json; made with torch 2.13.0 and timm 1.0.31

Swift makes the same weights; see `TrunkParityTests`. Keys of attention are those before rotary positions.
The second of two images is stored. trunks.json has the number of tensors, the number of weights and the side of
images of every trunk by its name in timm.
"""
import json
import math

import reference  # before timm: it declares the operators that torchvision lacks
import timm
import torch
from functools import partial
from safetensors.torch import save_file
from timm.models.convnext import ConvNeXt
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer

torch.set_num_threads(1)
WIDTH = 6


def rule(name, shape):
    """Scale and offset of a parameter."""
    if name.endswith("bias"):
        return 0.1, 0.0
    if "gamma" in name:
        return 0.3, 0.6
    if name.endswith("grn.weight"):
        return 0.5, 0.0
    if len(shape) == 1:
        return 0.2, 1.0
    if len(shape) == 3:
        return 0.5, 0.0
    return math.sqrt(3.0 / math.prod(shape[1:])), 0.0


def value(name, shape):
    scale, offset = rule(name, shape)
    return reference.uniform(name, tuple(shape), scale, offset)


def filled(model):
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            tensor.copy_(value(f"visual.trunk.{name}", tensor.shape))
    return model.eval()


def projected(x, kind="linear"):
    """The end that OpenCLIP adds."""
    width = x.shape[-1]
    if kind == "linear":
        return x @ value("visual.head.proj.weight", (WIDTH, width)).T
    inner = x @ value("visual.head.mlp.fc1.weight", (2 * WIDTH, width)).T
    inner = torch.nn.functional.gelu(inner + value("visual.head.mlp.fc1.bias", (2 * WIDTH,)))
    x = inner @ value("visual.head.mlp.fc2.weight", (WIDTH, 2 * WIDTH)).T
    return x + value("visual.head.mlp.fc2.bias", (WIDTH,))


def convnext(kind, **arguments):
    model = filled(ConvNeXt(num_classes=0, depths=(1, 2, 1, 1), dims=(8, 12, 16, 24), **arguments))
    # Sides that 32 does not divide.
    pixels = reference.uniform("pixels", (2, 3, 70, 44), 2)
    last, stages = model.forward_intermediates(pixels)
    out = {f"layer{index + 1}": stage.permute(0, 2, 3, 1) for index, stage in enumerate(stages)}
    out["image"] = projected(model.forward_head(last), kind)
    out["dense"] = projected(model.head.norm(last).permute(0, 2, 3, 1), kind)
    return out


def correlative(model, block, y, rope):
    attention = block.attn
    batch, count, width = y.shape
    q, k, v = joined(attention, y).reshape(batch, count, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    if rope is not None:
        from timm.layers import apply_rot_embed_cat
        first = model.num_prefix_tokens

        def turn(x):
            return torch.cat([x[:, :, :first], apply_rot_embed_cat(x[:, :, first:], rope, half=True)], 2)
        q, k = turn(q), turn(k)
    scale = q.shape[-1] ** -0.5
    x = ((q @ q.mT * scale).softmax(-1) + (k @ k.mT * scale).softmax(-1)) @ v
    return x.transpose(1, 2).reshape(batch, count, width)


def joined(attention, y):
    bias = attention.qkv.bias
    if getattr(attention, "q_bias", None) is not None:
        bias = torch.cat([attention.q_bias, torch.zeros_like(attention.q_bias), attention.v_bias])
    return torch.nn.functional.linear(y, attention.qkv.weight, bias)


def transformer(kind, size, **arguments):
    model = filled(kind(
        num_classes=0, img_size=40, patch_size=8, embed_dim=32, depth=3, num_heads=2, dynamic_img_size=True,
        **arguments))
    pixels = reference.uniform("pixels", (2, 3) + size, 2)
    grid = (size[0] // 8, size[1] // 8)
    inputs = []
    hooks = [block.norm1.register_forward_hook(lambda _, __, y: inputs.append(y)) for block in model.blocks]
    last, layers = model.forward_intermediates(pixels, output_fmt="NLC")
    for hook in hooks:
        hook.remove()
    first = model.num_prefix_tokens

    def cells(x):
        return x[:, first:].unflatten(1, grid)
    out = {f"layer{index + 1}": x.unflatten(1, grid) for index, x in enumerate(layers)}
    for index, (block, y) in enumerate(zip(model.blocks, inputs)):
        out[f"keys{index + 1}"] = cells(joined(block.attn, y).chunk(3, -1)[1])
    out["image"] = projected(model.forward_head(model.forward_features(pixels)))
    rope = model.rope.get_embed(shape=grid) if getattr(model, "rope", None) is not None else None
    block = model.blocks[-1]

    def read(x):
        x = block.attn.proj(x)
        x = x * block.gamma_1 if hasattr(block, "gamma_1") else block.ls1(x)
        return projected(cells(model.fc_norm(model.norm(x))))
    out["tokens"] = projected(cells(model.fc_norm(last)))
    out["maskclip"] = read(joined(block.attn, inputs[-1]).chunk(3, -1)[2])
    out["sclip"] = read(correlative(model, block, inputs[-1], rope))
    return out


CLIP = partial(torch.nn.LayerNorm, eps=1e-5)
WIDE, TRAINED = (48, 32), (40, 40)
ROTARY = dict(
    init_values=1e-5, rope_type="dinov3", rope_temperature=100, rope_rotate_half=True, use_rot_pos_emb=True,
    use_abs_pos_emb=False, num_reg_tokens=4, use_fc_norm=False, norm_layer=CLIP)
MODELS = {
    "convnext": lambda: convnext("linear"),
    "convnext-small": lambda: convnext("mlp", conv_mlp=True),
    "convnextv2": lambda: convnext("linear", use_grn=True, ls_init_value=None),
    "convnextv2-small": lambda: convnext("linear", conv_mlp=True, use_grn=True, ls_init_value=None),
    "vit": lambda: transformer(VisionTransformer, TRAINED),
    "vit-wide": lambda: transformer(VisionTransformer, WIDE),
    "vit-avg": lambda: transformer(VisionTransformer, WIDE, global_pool="avg"),
    "clip": lambda: transformer(VisionTransformer, WIDE, norm_layer=CLIP, pre_norm=True),
    "dinov2": lambda: transformer(VisionTransformer, WIDE, init_values=1e-5),
    "dinov2-reg4": lambda: transformer(
        VisionTransformer, WIDE, init_values=1e-5, reg_tokens=4, no_embed_class=True),
    "dinov3": lambda: transformer(Eva, WIDE, qkv_bias=False, **ROTARY),
    "dinov3-plus-qkvb": lambda: transformer(
        Eva, WIDE, qkv_bias=True, swiglu_mlp=True, swiglu_align_to=8, global_pool="token", **ROTARY),
}

with torch.no_grad():
    save_file(
        {f"{name}/{key}": tensor[1:].float().contiguous() for name, make in MODELS.items()
         for key, tensor in make().items()},
        reference.HERE / "trunks.safetensors")


def sizes(name):
    model = timm.create_model(name, num_classes=0, device="meta")
    state = model.state_dict()
    return [len(state), sum(tensor.numel() for tensor in state.values()), model.pretrained_cfg["input_size"][1]]


NAMES = [
    f"convnext{version}_{size}" for version in ("", "v2")
    for size in ("atto", "femto", "pico", "nano", "tiny", "small", "base", "large", "xlarge", "xxlarge", "huge")
] + timm.list_models(
    [f"vit_{size}_patch*" for size in ("tiny", "small", "small_plus", "base", "large", "huge_plus")])
KNOWN = [name for name in NAMES if timm.is_model(name) and (name.startswith("convnext") or any(
    name.split("_patch")[1].split("_", 1)[1] == end for end in (
        "224", "384", "clip_224", "clip_256", "clip_336", "clip_384", "clip_448", "dinov2", "reg4_dinov2", "dinov3",
        "dinov3_qkvb")))]
with open(reference.HERE / "trunks.json", "w") as file:
    file.write("{\n" + ",\n".join(f'"{name}": {json.dumps(sizes(name))}' for name in sorted(KNOWN)) + "\n}\n")
