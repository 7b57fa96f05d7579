"""Makes the fixtures of CLIPTests: a tiny random CLIP in Hugging Face's form and what transformers computes with it.

Made with transformers 5, torch 2.13, Pillow, safetensors. Run it in this folder; everything is seeded.
"""
import json, random
from pathlib import Path
import numpy as np, torch, transformers
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer

print("transformers", transformers.__version__, "torch", torch.__version__)
here = Path(__file__).parent
folder = here / "tiny-clip"
folder.mkdir(exist_ok=True)
random.seed(0)
torch.manual_seed(0)
words = ("a an the of in with polyp tumour inflammation nodule cyst endoscopic endoscopy image light bright dark uneven "
         "narrow band white imaging near far view mucus blood specular reflection blur artefacts normal mucosa it's we're "
         "don't 2024 café naïve straße").split()

# A vocabulary in CLIP's own form, learned from the words above.
def byte_symbols():
    bs = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    cs, n = bs[:], 0
    for b in range(256):
        if b not in bs:
            bs.append(b); cs.append(256 + n); n += 1
    return dict(zip(bs, [chr(c) for c in cs]))

symbols = byte_symbols()
corpus = []
for w in words:
    parts = [symbols[b] for b in w.encode()]
    parts[-1] += "</w>"
    corpus.append(parts)
merges = []
for _ in range(120):
    counts = {}
    for parts in corpus:
        for pair in zip(parts, parts[1:]):
            counts[pair] = counts.get(pair, 0) + 1
    if not counts:
        break
    best = max(counts, key=lambda p: (counts[p], p))
    merges.append(best)
    for k, parts in enumerate(corpus):
        out, i = [], 0
        while i < len(parts):
            if i + 1 < len(parts) and (parts[i], parts[i + 1]) == best:
                out.append(parts[i] + parts[i + 1]); i += 2
            else:
                out.append(parts[i]); i += 1
        corpus[k] = out
base = list(symbols.values())
vocab = base + [s + "</w>" for s in base] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
(folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(vocab)}, ensure_ascii=False))
(folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(m) for m in merges) + "\n")

tokenizer = CLIPTokenizer.from_pretrained(str(folder))
config = CLIPConfig(
    projection_dim=12,
    vision_config=dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=32,
                       patch_size=8, hidden_act="quick_gelu"),
    text_config=dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3,
                     vocab_size=len(vocab), max_position_embeddings=77, hidden_act="quick_gelu",
                     bos_token_id=len(vocab) - 2, eos_token_id=len(vocab) - 1, pad_token_id=len(vocab) - 1))
model = CLIPModel(config).eval()
with torch.no_grad():
    for name, p in model.named_parameters():
        if p.ndim > 0:
            p.add_(torch.randn_like(p) * (0.1 if "norm" in name or "bias" in name else 0.15))
model.save_pretrained(folder)
processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
processor.save_pretrained(folder)
(folder / "generation_config.json").unlink(missing_ok=True)

out = {}
texts = ["A polyp in an endoscopic image", "an endoscopy image with mucus", "", "blood"]
tok = tokenizer(texts, padding="max_length", max_length=77, truncation=True, return_tensors="pt")

def tensor(x):
    return x if isinstance(x, torch.Tensor) else x.pooler_output

with torch.no_grad():
    out["text_features"] = tensor(model.get_text_features(input_ids=tok["input_ids"]))
    for size in (32, 48):
        x = torch.randn(2, 3, size, size)
        out[f"pixels{size}"] = x
        out[f"image{size}"] = tensor(model.get_image_features(pixel_values=x, interpolate_pos_encoding=size != 32))
        # Dense features, written out from the weights.
        v = model.vision_model
        h = v.pre_layrnorm(v.embeddings(x, interpolate_pos_encoding=size != 32))
        states = [h]
        for layer in v.encoder.layers:
            r = layer(states[-1], attention_mask=None)
            states.append(r if isinstance(r, torch.Tensor) else r[0])
        last, before = v.encoder.layers[-1], states[-2]
        a = last.self_attn
        n = last.layer_norm1(before)
        q, k, val = a.q_proj(n), a.k_proj(n), a.v_proj(n)
        heads = lambda t: t.view(2, -1, 4, 8).transpose(1, 2)
        soft = lambda t: (heads(t) @ heads(t).transpose(-1, -2) * 8 ** -0.5).softmax(-1)
        sclip = a.out_proj(((soft(q) + soft(k)) @ heads(val)).transpose(1, 2).reshape(val.shape))
        g = size // 8
        for name, t in dict(tokens=states[-1], maskclip=a.out_proj(val), sclip=sclip).items():
            out[f"{name}{size}"] = model.visual_projection(v.post_layernorm(t))[:, 1:].reshape(2, g, g, -1)
        out[f"layer1_{size}"] = states[1][:, 1:].reshape(2, g, g, -1)

rng = np.random.default_rng(0)
for i, (w, h) in enumerate([(53, 41), (37, 90), (32, 32)]):
    ramp = np.linspace(0, 255, w)[None, :, None] * np.ones((h, 1, 3))
    pixels = np.clip(ramp * rng.uniform(.3, 1, 3) + rng.normal(0, 40, (h, w, 3)), 0, 255).astype(np.uint8)
    out[f"photo{i}"] = torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
    out[f"prepared{i}"] = torch.as_tensor(np.array(processor(Image.fromarray(pixels))["pixel_values"][0]))
save_file({k: v.contiguous() for k, v in out.items()}, here / "expected.safetensors")
for f in sorted(here.rglob("*")):
    if f.is_file():
        print(f.relative_to(here), f.stat().st_size)
