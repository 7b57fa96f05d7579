"""Features of randomly initialised CLIP models by transformers and open_clip, for the parity tests.

Run: python make_models.py   (needs torch, transformers, open_clip, safetensors)
Weights are numbers by formula that the Swift side repeats (reference.py); only outputs are stored, large ones in part.
"""
import json
import shutil

from reference import HERE, fill, uniform  # first: it makes torchvision importable
import torch
import torch.nn.functional as F
from open_clip.model import CLIP as OpenCLIP, CLIPTextCfg, CLIPVisionCfg
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from make_tokens import vocabulary, write_vocabulary

torch.set_num_threads(2)
MODES = ["tokens", "maskclip", "sclip"]


def split(x, heads):
    return x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)


def correlative(q, k, v, heads):
    q, k, v = split(q, heads), split(k, heads), split(v, heads)
    scale = q.shape[-1] ** -0.5
    weights = (q @ q.transpose(-1, -2) * scale).softmax(-1) + (k @ k.transpose(-1, -2) * scale).softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2)


def hugging_dense(model, pixels, mode, interpolate):
    vision = model.vision_model
    x = vision.pre_layrnorm(vision.embeddings(pixels, interpolate_pos_encoding=interpolate))
    hidden = []
    for layer in vision.encoder.layers:
        before = x
        y = layer.layer_norm1(x)
        a = layer.self_attn
        x = x + a(y)[0]
        x = x + layer.mlp(layer.layer_norm2(x))
        hidden.append(x[:, 1:])
    last = vision.encoder.layers[-1]
    a, y = last.self_attn, last.layer_norm1(before)
    if mode == "maskclip":
        x = a.out_proj(a.v_proj(y))
    elif mode == "sclip":
        x = a.out_proj(correlative(a.q_proj(y), a.k_proj(y), a.v_proj(y), a.num_heads))
    x = model.visual_projection(vision.post_layernorm(x))[:, 1:]
    size = vision.config.patch_size
    grid = (pixels.shape[2] // size, pixels.shape[3] // size)
    return x.unflatten(1, grid), hidden[0].unflatten(1, grid)


def open_dense(model, pixels, mode):
    v = model.visual
    x = v.conv1(pixels).flatten(2).transpose(1, 2)
    x = torch.cat([v.class_embedding.expand(len(x), 1, -1), x], 1) + v.positional_embedding
    x = v.ln_pre(x)
    for block in v.transformer.resblocks:
        before = x
        x = block(x)
    if mode != "tokens":
        y = block.ln_1(before)
        q, k, value = F.linear(y, block.attn.in_proj_weight, block.attn.in_proj_bias).chunk(3, -1)
        x = block.attn.out_proj(value if mode == "maskclip" else correlative(q, k, value, block.attn.num_heads))
    x = (v.ln_post(x) @ v.proj)[:, 1:]
    return x.unflatten(1, (pixels.shape[2] // v.patch_size[0], pixels.shape[3] // v.patch_size[1]))


def resnet_dense(model, pixels):
    v = model.visual
    x = v.layer4(v.layer3(v.layer2(v.layer1(v.stem(pixels)))))
    x = x.permute(0, 2, 3, 1)
    return v.attnpool.c_proj(v.attnpool.v_proj(x))


def token_ids(texts, size, window, end, start, filler):
    """Made-up sentences of several lengths."""
    rows = []
    for index in range(texts):
        length = min(window, 3 + index * 7)
        body = [(7 + 13 * index + 31 * j) % (size - 2) for j in range(length - 2)]
        rows.append([start] + body + [end] + [filler] * (window - length))
    return torch.tensor(rows)


def part(x, step):
    return x[:, ::step, ::step, ::step].contiguous() if step > 1 else x.contiguous()


def vision(width, layers, heads, patch, image, activation="quick_gelu", eps=1e-5, inner=None):
    return dict(hidden_size=width, intermediate_size=inner or 4 * width, num_hidden_layers=layers, num_attention_heads=heads,
                patch_size=patch, image_size=image, hidden_act=activation, layer_norm_eps=eps)


def text(width, layers, heads, size=514, window=77, end=513, activation="quick_gelu", eps=1e-5):
    return dict(hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers, num_attention_heads=heads, vocab_size=size,
                max_position_embeddings=window, eos_token_id=end, bos_token_id=size - 2, pad_token_id=1, hidden_act=activation, layer_norm_eps=eps)


HUGGING = {
    "tiny": (vision(48, 3, 4, 8, 32), text(40, 2, 4, window=16), 24, (32, 32), 1),
    "tiny-other-grid": (vision(48, 2, 2, 8, 32), text(40, 2, 4, window=16, end=2), 24, (40, 64), 1),
    "gelu": (vision(60, 2, 3, 7, 28, "gelu", 1e-6, 100), text(36, 2, 3, window=20, activation="gelu", eps=1e-6), 20, (28, 28), 1),
    "vit-b-16": (vision(768, 2, 12, 16, 224), text(512, 2, 8), 512, (224, 224), 5),
    "vit-l-14": (vision(1024, 1, 16, 14, 224), text(768, 1, 12), 768, (224, 224), 5),
}
OPEN = {
    "open-vit": (dict(layers=2, width=128, head_width=32, patch_size=16, image_size=64), 32, True, 1),
    "open-vit-gelu": (dict(layers=1, width=128, head_width=64, patch_size=16, image_size=64), 48, False, 1),
    "open-resnet": (dict(layers=[2, 1, 1, 1], width=16, image_size=64), 32, True, 1),
    "rn50": (dict(layers=[3, 4, 6, 3], width=64, image_size=224), 1024, True, 3),
}


def hugging(name, setting, models):
    vision_config, text_config, joint, size, step = setting
    config = dict(model_type="clip", projection_dim=joint, vision_config=vision_config, text_config=text_config)
    model = CLIPModel(CLIPConfig(**config)).eval()
    spec = fill(model)
    pixels = uniform("pixels", (2, 3, *size), 2.0)
    ids = token_ids(4, text_config["vocab_size"], text_config["max_position_embeddings"], 513, 512, 513)
    interpolate = size != (vision_config["image_size"],) * 2
    out = {"ids": ids, "image_features": model.get_image_features(pixels, interpolate_pos_encoding=interpolate).pooler_output,
           "text_features": model.get_text_features(ids).pooler_output}
    for mode in MODES:
        dense, hidden = hugging_dense(model, pixels, mode, interpolate)
        out[mode] = part(dense, step)
        out["hidden"] = part(hidden, step)
    models.append(dict(name=name, config=config, size=size, step=step, tensors=spec))
    return out


def opened(name, setting, models):
    vision_config, joint, quick, step = setting
    text_config = dict(context_length=77, vocab_size=514, width=64, heads=4, layers=2)
    model = OpenCLIP(joint, CLIPVisionCfg(**vision_config), CLIPTextCfg(**text_config), quick_gelu=quick).eval()
    spec = fill(model)
    size = (vision_config["image_size"],) * 2
    pixels = uniform("pixels", (2, 3, *size), 2.0)
    ids = token_ids(4, 514, 77, 513, 512, 0)
    out = {"ids": ids, "image_features": model.encode_image(pixels), "text_features": model.encode_text(ids)}
    if isinstance(vision_config["layers"], list):
        out["maskclip"] = part(resnet_dense(model, pixels), step)
        x = model.visual.layer2(model.visual.layer1(model.visual.stem(pixels)))
        out["hidden"] = part(x.permute(0, 2, 3, 1), 5 if step > 1 else 1)
    else:
        for mode in MODES:
            out[mode] = part(open_dense(model, pixels, mode), step)
    config = dict(model_cfg=dict(embed_dim=joint, quick_gelu=quick, vision_cfg=vision_config, text_cfg=text_config))
    models.append(dict(name=name, config=config, size=size, step=step, tensors=spec))
    return out


def tiny_folders():
    """One model as a Hugging Face folder and, under OpenCLIP's names in float16, as an OpenCLIP folder."""
    merges = [tuple(line.split()) for line in (HERE / "tokenizer/merges.txt").read_text().split("\n")[1:201]]
    size = len(vocabulary(merges))
    config = CLIPConfig(projection_dim=16, vision_config=vision(24, 2, 2, 8, 32), text_config=text(24, 2, 2, size=size, end=size - 1))
    model = CLIPModel(config).eval()
    fill(model)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(tensor.bfloat16().float())
    folder = HERE / "tiny-hf"
    shutil.rmtree(folder, ignore_errors=True)
    write_vocabulary(folder, merges)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    state = model.state_dict()
    names = {"visual.class_embedding": "vision_model.embeddings.class_embedding", "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
             "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight", "logit_scale": "logit_scale",
             "positional_embedding": "text_model.embeddings.position_embedding.weight", "token_embedding.weight": "text_model.embeddings.token_embedding.weight"}
    for p in ("weight", "bias"):
        names |= {f"visual.ln_pre.{p}": f"vision_model.pre_layrnorm.{p}", f"visual.ln_post.{p}": f"vision_model.post_layernorm.{p}",
                  f"ln_final.{p}": f"text_model.final_layer_norm.{p}"}
    out = {ours: state[theirs] for ours, theirs in names.items()}
    out["visual.proj"], out["text_projection"] = state["visual_projection.weight"].T, state["text_projection.weight"].T
    for prefix, tower in (("visual.transformer", "vision_model"), ("transformer", "text_model")):
        for layer in range(2):
            a, b = f"{prefix}.resblocks.{layer}", f"{tower}.encoder.layers.{layer}"
            for p in ("weight", "bias"):
                out[f"{a}.attn.in_proj_{p}"] = torch.cat([state[f"{b}.self_attn.{k}_proj.{p}"] for k in "qkv"])
                for left, right in (("attn.out_proj", "self_attn.out_proj"), ("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"),
                                    ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2")):
                    out[f"{a}.{left}.{p}"] = state[f"{b}.{right}.{p}"]
    folder = HERE / "tiny-openclip"
    shutil.rmtree(folder, ignore_errors=True)
    write_vocabulary(folder, merges)
    save_file({k: v.half().contiguous() for k, v in out.items()}, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps(dict(
        model_cfg=dict(embed_dim=16, quick_gelu=True, vision_cfg=dict(image_size=32, layers=2, width=24, head_width=12, patch_size=8),
                       text_cfg=dict(context_length=77, vocab_size=size, width=24, heads=2, layers=2)),
        preprocess_cfg=dict(mean=[0.48145466, 0.4578275, 0.40821073], std=[0.26862954, 0.26130258, 0.27577711])), indent=1))
    texts = ["A polyp in an endoscopic image", "an endoscopy image with dark lighting", ""]
    from transformers import CLIPTokenizer
    ids = CLIPTokenizer.from_pretrained(folder)(texts, padding="max_length", truncation=True, max_length=77, return_tensors="pt")["input_ids"]
    pixels = uniform("pixels", (2, 3, 32, 32), 2.0)
    save_file({"ids": ids, "image_features": model.get_image_features(pixels).pooler_output,
               "text_features": model.get_text_features(ids).pooler_output}, HERE / "tiny.safetensors")


if __name__ == "__main__":
    with torch.no_grad():
        tiny_folders()
        models, outputs = [], {}
        for name, setting in HUGGING.items():
            outputs[name] = hugging(name, setting, models)
        for name, setting in OPEN.items():
            outputs[name] = opened(name, setting, models)
    for name, out in outputs.items():
        print(name, {k: (tuple(v.shape), round(float(v.float().std()), 3)) for k, v in out.items()})
    save_file({f"{name}/{key}": value.contiguous() for name, out in outputs.items() for key, value in out.items()}, HERE / "models.safetensors")
    (HERE / "models.json").write_text(json.dumps(models, separators=(",", ":")))
