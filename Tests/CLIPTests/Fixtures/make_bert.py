"""Features of random CLIP models with a BERT or a custom text tower, by open_clip 3.3, transformers 5.24 and timm 1.0.

Run: python make_bert.py   (needs torch, transformers, open_clip, timm, safetensors; make_wordpiece.py before)
Weights are numbers by formula that the Swift side repeats (reference.py); only outputs are stored.
"""
import json
import tempfile
from copy import deepcopy

from reference import HERE, fill, uniform  # first: it makes torchvision importable
import torch
from open_clip.model import CustomTextCLIP, CLIPTextCfg, CLIPVisionCfg
from open_clip.tokenizer import HFTokenizer
from safetensors.torch import save_file
from transformers import BertConfig, CLIPConfig, CLIPModel

torch.set_num_threads(1)
TEXTS = ["A flat polyp, 3 mm, in the ascending colon.", "Barrett's mucosa (NBI)", "", "severe " * 40 + "ulcer"]
VOCABULARY = len((HERE / "wordpiece/vocab.txt").read_text().split("\n")) - 1
WINDOW = 24
OWN_VISION = dict(layers=2, width=64, head_width=16, patch_size=16, image_size=32)
TIMM_VISION = dict(timm_model_name="vit_tiny_patch16_224", timm_model_pretrained=False, timm_pool="", timm_proj="linear", image_size=224)


def bert(width, heads, layers=2, inner=None, positions=40):
    return dict(hidden_size=width, num_attention_heads=heads, num_hidden_layers=layers, intermediate_size=inner or 2 * width,
                vocab_size=VOCABULARY, max_position_embeddings=positions, type_vocab_size=2)


# Name: joint width, quick_gelu, image tower, text settings, BERT's settings, whether the file states them.
BERTS = {
    "biomedclip": (20, False, TIMM_VISION, dict(hf_proj_type="mlp", hf_pooler_type="cls_last_hidden_state_pooler"), bert(48, 4, inner=100), True),
    "unimedclip": (24, True, OWN_VISION, dict(hf_proj_type="mlp", hf_pooler_type="cls_last_hidden_state_pooler"), bert(128, 2), False),
    "linear-mean": (24, False, OWN_VISION, dict(hf_proj_type="linear", hf_pooler_type="mean_pooler"), bert(36, 3), True),
    "pooler": (24, False, OWN_VISION, dict(hf_proj_type="linear", hf_pooler_type="cls_pooler"), bert(36, 2, layers=1), True),
    "no-projection": (32, False, OWN_VISION, dict(hf_proj_type=None, hf_pooler_type="cls_last_hidden_state_pooler"), bert(32, 2, layers=1), True),
}
SMALL = dict(context_length=20, vocab_size=514, width=32, heads=4, layers=2)
CUSTOM = {
    "custom": (24, True, OWN_VISION, dict(SMALL)),
    "bidirectional-last": (24, False, OWN_VISION, dict(SMALL, no_causal_mask=True, pool_type="last", proj_bias=True, pad_id=1)),
    "bidirectional-first": (32, False, OWN_VISION, dict(SMALL, no_causal_mask=True, pool_type="first", proj_type="none")),
    "eos": (24, False, OWN_VISION, dict(SMALL, pool_type="eos", eos_id=511)),
}
# PubMedCLIP: Hugging Face's form as transformers 4.2x wrote it.
OLD_TOWER = {
    "_name_or_path": "", "add_cross_attention": False, "architectures": None, "attention_dropout": 0.0, "bad_words_ids": None,
    "chunk_size_feed_forward": 0, "cross_attention_hidden_size": None, "decoder_start_token_id": None, "diversity_penalty": 0.0,
    "do_sample": False, "dropout": 0.0, "early_stopping": False, "finetuning_task": None, "forced_bos_token_id": None,
    "hidden_act": "quick_gelu", "id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "initializer_factor": 1.0, "initializer_range": 0.02,
    "is_decoder": False, "is_encoder_decoder": False, "label2id": {"LABEL_0": 0, "LABEL_1": 1}, "layer_norm_eps": 1e-05,
    "length_penalty": 1.0, "max_length": 20, "num_beams": 1, "output_attentions": False, "prefix": None, "problem_type": None,
    "pruned_heads": {}, "return_dict": True, "sep_token_id": None, "tf_legacy_loss": False, "tie_word_embeddings": True,
    "tokenizer_class": None, "top_k": 50, "torch_dtype": None, "torchscript": False, "transformers_version": "4.24.0",
    "typical_p": 1.0, "use_bfloat16": False,
}
PUBMED = {
    "_commit_hash": None, "architectures": ["CLIPModel"], "initializer_factor": 1.0, "logit_scale_init_value": 2.6592, "model_type": "clip",
    "projection_dim": 24, "text_config_dict": None, "vision_config_dict": None, "torch_dtype": "float32", "transformers_version": None,
    "text_config": dict(OLD_TOWER, bos_token_id=0, eos_token_id=2, pad_token_id=1, hidden_size=32, intermediate_size=128, num_hidden_layers=2,
                        num_attention_heads=4, vocab_size=514, max_position_embeddings=77, model_type="clip_text_model", projection_dim=24),
    "vision_config": dict(OLD_TOWER, hidden_size=48, intermediate_size=192, num_hidden_layers=2, num_attention_heads=4, num_channels=3,
                          patch_size=16, image_size=32, model_type="clip_vision_model", projection_dim=24),
}


def token_ids(rows, size, window, end, start, filler):
    """Made-up sentences of several lengths."""
    out = []
    for index in range(rows):
        length = min(window, 3 + index * 7)
        body = [(7 + 13 * index + 31 * j) % (size - 4) for j in range(length - 2)]
        out.append([start] + body + [end] + [filler] * (window - length))
    return torch.tensor(out)


def run(name, model, config, size, ids, models):
    spec = fill(model)
    pixels = uniform("pixels", (1, 3, size, size), 2.0)
    models.append(dict(name=name, config=config, size=[size, size], step=1, tensors=spec))
    return {"ids": ids, "image_features": model.encode_image(pixels), "text_features": model.encode_text(ids)}


def bert_model(name, setting, models, tokenizer):
    joint, quick, vision, text, sizes, states = setting
    text = dict(context_length=WINDOW, hf_model_pretrained=False, **text)
    with tempfile.TemporaryDirectory() as folder:
        BertConfig(**sizes).save_pretrained(folder)
        model = CustomTextCLIP(joint, CLIPVisionCfg(**vision), CLIPTextCfg(hf_model_name=folder, **text), quick_gelu=quick).eval()
    text.update(hf_model_name="microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract", hf_tokenizer_name="microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract")
    if states:
        text["hf_model_config"] = sizes
    config = dict(model_cfg=dict(embed_dim=joint, quick_gelu=quick, vision_cfg=vision, text_cfg=text))
    return run(name, model, config, vision["image_size"], tokenizer(TEXTS), models)


def custom_model(name, setting, models):
    joint, quick, vision, text = setting
    model = CustomTextCLIP(joint, CLIPVisionCfg(**vision), CLIPTextCfg(**text), quick_gelu=quick).eval()
    config = dict(model_cfg=dict(embed_dim=joint, quick_gelu=quick, custom_text=True, vision_cfg=vision, text_cfg=text))
    end = 511 if name == "eos" else 513
    return run(name, model, config, vision["image_size"], token_ids(3, 514, 20, end, 512, 0), models)


def pubmed_model(models):
    model = CLIPModel(CLIPConfig.from_dict(deepcopy(PUBMED))).eval()
    spec = fill(model)
    ids = token_ids(3, 514, 77, 513, 512, 513)
    models.append(dict(name="pubmedclip", config=PUBMED, size=[32, 32], step=1, tensors=spec))
    return {"ids": ids, "image_features": model.get_image_features(uniform("pixels", (1, 3, 32, 32), 2.0)).pooler_output,
            "text_features": model.get_text_features(ids).pooler_output}


if __name__ == "__main__":
    models, outputs = [], {}
    tokenizer = HFTokenizer(str(HERE / "wordpiece/whole"), context_length=WINDOW)
    with torch.no_grad():
        for name, setting in BERTS.items():
            outputs[name] = bert_model(name, setting, models, tokenizer)
        for name, setting in CUSTOM.items():
            outputs[name] = custom_model(name, setting, models)
        outputs["pubmedclip"] = pubmed_model(models)
    for name, out in outputs.items():
        print(name, {k: (tuple(v.shape), round(float(v.float().std()), 3)) for k, v in out.items()})
    save_file({f"{name}/{key}": value.contiguous() for name, out in outputs.items() for key, value in out.items()}, HERE / "bert.safetensors")
    (HERE / "bert.json").write_text(json.dumps(dict(texts=TEXTS, models=models), separators=(",", ":")))
