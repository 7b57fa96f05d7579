"""Features of randomly initialised SigLIP models by transformers and of OpenCLIP's ConvNeXt models.

Run: python make_siglip.py
(made with torch 2.13.0, transformers 5.24.0, open_clip 3.3.0, timm 1.0.31)
Weights are numbers by formula that the Swift side repeats (reference.py); only outputs are stored, large ones in part.
"""
import json

import reference  # first: it makes torchvision importable
from reference import HERE, fill, uniform
import torch
from open_clip.model import CLIP as OpenCLIP, CLIPTextCfg, CLIPVisionCfg
from safetensors.torch import save_file
from transformers import SiglipConfig, SiglipModel

from make_models import correlative, part

torch.set_num_threads(1)
plain_rule = reference.rule


def rule(name, shape):
    """Layer scale near one half; otherwise the common rule."""
    return (0.3, 0.5) if name.endswith("gamma") else plain_rule(name, shape)


reference.rule = rule


def vision(width, layers, heads, patch, image, **more):
    return dict(hidden_size=width, intermediate_size=3 * width, num_hidden_layers=layers, num_attention_heads=heads,
                patch_size=patch, image_size=image, model_type="siglip_vision_model", **more)


def text(width, layers, heads, window=16, size=600, **more):
    return dict(hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers, num_attention_heads=heads,
                vocab_size=size, max_position_embeddings=window, model_type="siglip_text_model", **more)


SIGLIP = {
    "siglip": (vision(48, 3, 4, 8, 32), text(48, 2, 3), (32, 32)),
    "siglip-other-grid": (vision(32, 2, 2, 8, 32), text(32, 2, 2), (40, 64)),
    "siglip-text-width": (vision(48, 2, 3, 7, 30), text(24, 2, 2, window=20, projection_size=48), (30, 30)),
    "siglip-gelu": (vision(32, 2, 2, 8, 24, hidden_act="gelu", layer_norm_eps=1e-5),
                    text(32, 2, 2, hidden_act="quick_gelu", layer_norm_eps=1e-5), (24, 24)),
}
# The trunk, the projection, the width d, the side of the images, the step of what is stored.
CONVNEXT = {
    "open-convnext": ("convnext_atto", dict(timm_pool="", timm_proj="linear"), 24, 64, 1),
    "open-convnext-mlp": ("convnext_atto", dict(timm_pool="avg", timm_proj="mlp", timm_proj_bias=True), 24, 96, 1),
    "open-convnext-none": ("convnext_atto", dict(timm_pool="avg", timm_proj="none"), 320, 64, 4),
    "open-convnext-tiny": ("convnext_tiny", dict(timm_pool="", timm_proj="linear", timm_drop=0.0, timm_drop_path=0.1), 32, 64, 1),
}


def siglip_dense(model, pixels, interpolate):
    """Every position passes the pool alone: `tokens`, and `sclip` in the last layer before it."""
    tower = model.vision_model
    x = tower.embeddings(pixels, interpolate_pos_encoding=interpolate)
    hidden = []
    for layer in tower.encoder.layers:
        before = x
        x = layer(x, None)
        x = x[0] if isinstance(x, tuple) else x
        hidden.append(x)
    layer = tower.encoder.layers[-1]
    a, y = layer.self_attn, layer.layer_norm1(before)
    other = a.out_proj(correlative(a.q_proj(y), a.k_proj(y), a.v_proj(y), a.num_heads))

    def alone(tokens):
        tokens = tower.post_layernorm(tokens)
        batch, count, width = tokens.shape
        return tower.head(tokens.reshape(batch * count, 1, width)).reshape(batch, count, width)

    size = tower.config.patch_size
    grid = (pixels.shape[2] // size, pixels.shape[3] // size)
    return alone(x).unflatten(1, grid), alone(other).unflatten(1, grid), hidden[0].unflatten(1, grid)


def siglip(name, setting, models):
    vision_config, text_config, size = setting
    config = dict(model_type="siglip", vision_config=vision_config, text_config=text_config)
    model = SiglipModel(SiglipConfig(**config)).eval()
    spec = fill(model)
    pixels = uniform("pixels", (2, 3, *size), 2.0)
    window = text_config["max_position_embeddings"]
    ids = torch.tensor([[(7 + 13 * row + 31 * column) % text_config["vocab_size"] if column < 3 + 4 * row else 1
                         for column in range(window)] for row in range(3)])
    interpolate = size != (vision_config["image_size"],) * 2
    out = model(input_ids=ids, pixel_values=pixels, interpolate_pos_encoding=interpolate)
    tokens, sclip, hidden = siglip_dense(model, pixels, interpolate)
    models.append(dict(name=name, config=config, size=size, step=1, tensors=spec))
    return {"ids": ids, "image_features": model.get_image_features(pixels, interpolate_pos_encoding=interpolate).pooler_output,
            "text_features": model.get_text_features(ids).pooler_output, "logits": out.logits_per_image, "tokens": tokens,
            "sclip": sclip, "hidden": hidden}


def convnext(name, setting, models):
    trunk, more, width, side, step = setting
    vision_config = dict(timm_model_name=trunk, timm_model_pretrained=False, image_size=side, **more)
    text_config = dict(context_length=16, vocab_size=514, width=32, heads=2, layers=1)
    model = OpenCLIP(width, CLIPVisionCfg(**vision_config), CLIPTextCfg(**text_config)).eval()
    spec = fill(model)
    pixels = uniform("pixels", (2, 3, side, side), 2.0)
    ids = torch.tensor([[512] + [(7 + 13 * row + 31 * column) % 500 for column in range(3 + row)] + [513] + [0] * (11 - row)
                        for row in range(2)])
    x = model.visual.trunk.forward_features(pixels)
    dense = model.visual.head(model.visual.trunk.head.norm(x).permute(0, 2, 3, 1))
    hidden = model.visual.trunk.stages[1](model.visual.trunk.stages[0](model.visual.trunk.stem(pixels))).permute(0, 2, 3, 1)
    models.append(dict(name=name, config=dict(model_cfg=dict(embed_dim=width, vision_cfg=vision_config, text_cfg=text_config)),
                       size=(side, side), step=step, tensors=spec))
    return {"ids": ids, "image_features": model.encode_image(pixels), "text_features": model.encode_text(ids),
            "tokens": part(dense, step), "hidden": part(hidden, 4)}


if __name__ == "__main__":
    models, outputs = [], {}
    with torch.no_grad():
        for name, setting in SIGLIP.items():
            outputs[name] = siglip(name, setting, models)
        for name, setting in CONVNEXT.items():
            outputs[name] = convnext(name, setting, models)
    for name, out in outputs.items():
        print(name, {k: (tuple(v.shape), round(float(v.float().std()), 3)) for k, v in out.items()})
    save_file({f"{name}/{key}": value.contiguous() for name, out in outputs.items() for key, value in out.items()}, HERE / "siglip.safetensors")
    (HERE / "siglip.json").write_text(json.dumps(models, separators=(",", ":")))
