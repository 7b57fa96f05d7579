"""Token ids of texts with added tokens by transformers' CLIPTokenizer, for folders of several forms.

Run: python make_added_tokens.py   (needs transformers)
Each case holds the files that stand beside the small vocabulary of Fixtures/tokenizer, texts and ids.
"""
import json
import random
import tempfile
from pathlib import Path

from reference import HERE  # first: it makes torchvision importable
from transformers import CLIPTokenizer

random.seed(3)
SIZE = len(json.loads((HERE / "tokenizer/vocab.json").read_text()))
WORDS = ["polyp", "<lesion>", "<LESION>", " ", "\t", "x<lesion>y", "hello!", ".<lesion>.", "é<lesion>", "_", "lesion", "Lesions", "adenoma",
         "the adenoma ", "<|endoftext|>", "<|EndOfText|>", "<|STARTOFTEXT|> ", "<lesion><lesion>", "les", "\u0301", "\u00a0", "12 3"]
PLAIN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False}


def token(content, **flags):
    return {"content": content, **PLAIN, **flags}


def named(content, **flags):
    return {**token(content, **flags), "__type": "AddedToken"}


def whole(*tokens):
    return {"added_tokens": [dict(t, id=SIZE + i) for i, t in enumerate(tokens)]}


def listed(*tokens):
    return {"added_tokens_decoder": {str(SIZE + i): t for i, t in enumerate(tokens)}}


CASES = [
    {"tokenizer.json": whole(token("<lesion>"), token("Adenoma"))},
    {"tokenizer.json": whole(token("<lesion>", special=True, normalized=False), token("<les", lstrip=True))},
    {"tokenizer_config.json": listed(token("lesion", single_word=True), token("adenoma", rstrip=True))},
    {"tokenizer_config.json": listed(token("<lesion>", lstrip=True, rstrip=True), token("lesion", normalized=False))},
    {"tokenizer_config.json": listed(token("les", single_word=True, lstrip=True, normalized=False))},
    {"tokenizer_config.json": {"pad_token": "!"}},
    {"tokenizer_config.json": {"unk_token": "<lesion>", "extra_special_tokens": ["adenoma", named("polyp", rstrip=True)]}},
    {"tokenizer_config.json": {"bos_token": named("<|startoftext|>"), "eos_token": named("<|endoftext|>", lstrip=True), "pad_token": "!"}},
    {"special_tokens_map.json": {"eos_token": {"content": "<|endoftext|>", "lstrip": True, "rstrip": True, "normalized": True, "single_word": False}}},
    {"added_tokens.json": {"<lesion>": SIZE, "Adenoma": SIZE + 1, "lesion": SIZE + 2}},
    {"added_tokens.json": {"<lesion>": SIZE}, "tokenizer_config.json": {"additional_special_tokens": ["<lesion>", "polyp"]}},
]


def ids(files, texts):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vocabulary = (HERE / "tokenizer/vocab.json").read_text()
        merges = (HERE / "tokenizer/merges.txt").read_text()
        if "tokenizer.json" in files:
            model = {"type": "BPE", "vocab": json.loads(vocabulary), "merges": merges.strip().split("\n")[1:], "unk_token": "<|endoftext|>",
                     "continuing_subword_prefix": "", "end_of_word_suffix": "</w>"}
            files = {**files, "tokenizer.json": {**files["tokenizer.json"], "version": "1.0", "model": model}}
        else:
            (folder / "vocab.json").write_text(vocabulary)
            (folder / "merges.txt").write_text(merges)
        for file, content in files.items():
            (folder / file).write_text(json.dumps(content))
        tokenizer = CLIPTokenizer.from_pretrained(folder)
        return [tokenizer(text)["input_ids"] for text in texts]


if __name__ == "__main__":
    out = []
    for files in CASES:
        texts = [random.choice(["", " "]).join(random.choices(WORDS, k=random.randint(2, 6))) for _ in range(12)]
        out.append({"files": files, "texts": texts, "ids": ids(files, texts)})
    (HERE / "added-tokens.json").write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")) + "\n")
