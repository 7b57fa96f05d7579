"""Learns a small WordPiece vocabulary and tokenizes 2,000 made-up sentences by transformers and open_clip.

Run: python make_wordpiece.py   (needs torch, transformers 5.24, tokenizers 0.23, open_clip 3.3, ftfy)
The Swift side makes the same sentences from the words and forms in wordpiece/sentences.json, so only hashes of ids
are stored, one for each 20 sentences, and the ids of the first 20.
"""
import json
import re
import shutil

from reference import HERE  # first: it makes torchvision importable
from open_clip.tokenizer import HFTokenizer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertTokenizer

COUNT, BLOCK, WINDOW, SIZE = 2000, 20, 64, 900
WORDS = {
    "finding": ["polyp", "Polyp", "sessile adenoma", "flat lesion", "ulcer", "carcinoma in situ", "hyperplastic nodule", "tumour",
                "Barrett's mucosa", "angiodysplasia", "diverticulum", "leukoplakia", "pseudopolyp", "ADENOCARCINOMA", "cyst",
                "erosion", "œdème", "Läsion", "pólipo", "病变", "息肉", "腫瘍", "ポリープ", "용종", "полип"],
    "place": ["ascending colon", "sigmoid colon", "caecum", "terminal ileum", "gastric antrum", "duodenum", "oesophagus", "vocal fold",
              "left main bronchus", "glottis", "rectum", "hepatic flexure", "cæcum", "Kolon", "食管", "結腸"],
    "size": ["3 mm", "12mm", "0.5 cm", "2.5cm", "4×6 mm", "3x4 mm", "≤5 mm", ">10 mm", "½ inch", "1,5 cm", "10–15 mm", "~8 mm", "7 ± 2 mm"],
    "stain": ["H&E", "haematoxylin–eosin", "Ki-67", "p53", "CD20+", "β-catenin", "α-SMA", "TGF-β1", "γδ T-cell", "μ-opioid", "NF-κB",
              "HER2/neu", "IL-6", "COX-2"],
    "device": ["NBI", "narrow-band imaging", "white light", "CT", "MRI (T2*)", "X-ray", "18F-FDG PET/CT", "OCT", "endoscopy", "ultrasound",
               "fundus camera", "4K", "1.5T"],
    "degree": ["mild", "moderate", "severe", "grade II", "Paris 0-IIa", "Paris 0–Is", "Mayo 2", "NICE type 1", "T1N0M0", "pT3", "≥ II", "Ⅳ",
               "stage ³"],
    "odd": ["naïve", "Sjögren's", "Ménière", "Crohn’s", "Köhler", "Guillain–Barré", "São", "Łódź", "İstanbul", "straße", "ﬁbrosis", "ŉ",
            "e\u0301tude", "A\u030angstro\u0308m", "q\u0307\u0323", "ΟΔΥΣΣΕΥΣ", "λόγος", "Москва", "हिन्दी", "שלום", "ورم", "แผล", "한국어",
            "\u4e0d\uf900\u3400", "\U0002070e", "\U0002f800", "😀", "👩‍⚕️", "™", "©", "€20", "37°C", "pH<7", "a_b", "c++",
            "$5", "^", "`x`", "|", "~", "[MASK]", "[mask]", "[SEP]a", "[CLS]", "a[PAD]b", "[UNK]", "##ing", "#1", "don't", "n't", "&amp;", "&lt;3",
            "&eacute;", "&#8217;", "“x”", "‘y’", "«z»", "…", "—", "¿", "¡", "§", "¶", "、", "。", "ａｂｃ", "５", "\ufb05", "x" * 100, "x" * 101,
            "pneumonoultramicroscopicsilicovolcanoconiosis", "esophagogastroduodenoscopy", "hepatosplenomegaly"],
    "space": [" ", " ", " ", " ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u2003", "\u200b", "\u00ad", "\u200d", "\x00", "\x7f", "\ufeff",
              "\ufffd", "\x0b", "\x1c", "\x85", "\u2028", "\ue000"],
    "mark": [".", ".", ".", ";", ",", "!", "?", " -", ":", "/", "·", "•"],
}
FORMS = [
    "A {finding} of {size} in the {place}{mark}", "{device}{space}image of the {place} with {degree} {finding}{mark}",
    "{degree} {finding},{space}{stain} positive{mark}", "no {finding} seen; {place} normal{mark}", "{odd}{space}{odd} {finding}{mark}",
    "Figure {degree}: {device} ({size}) shows {odd}{space}{place}{mark}", "({stain}, ×400){space}{finding}-like area{mark}",
    "{finding}/{finding}: {size}–{size}{mark}", "post-{finding} follow-up at {size}, {odd}{mark}", "{place}{space}{odd}{space}{stain}{mark}",
]
RULE = {"count": COUNT, "words": WORDS, "forms": FORMS}


class Dice:
    """A linear congruential generator, which the Swift side repeats."""

    def __init__(self):
        self.state = 20

    def pick(self, count: int) -> int:
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 8) % count


def sentences() -> list[str]:
    dice, rows = Dice(), []
    for index in range(COUNT):
        parts = []
        for _ in range(1 + dice.pick(3)):
            form = FORMS[dice.pick(len(FORMS))]
            parts.append(re.sub(r"\{(\w+)\}", lambda match: (words := WORDS[match[1]])[dice.pick(len(words))], form))
        # Some are longer than the window.
        rows.append(" ".join(parts * (12 if index % 50 == 49 else 1)))
    return rows


def train(rows: list[str]) -> list[str]:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    # Most sentences are left out, so that some characters and words are unknown.
    tokenizer.train_from_iterator(rows[:150], trainers.WordPieceTrainer(vocab_size=SIZE, special_tokens=special, show_progress=False))
    vocabulary = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.get)


def hash_of(rows: list[list[int]]) -> str:
    """FNV-1a, 64 bits, over the ids in decimal, a row a line."""
    value = 0xCBF29CE484222325
    for byte in "".join(" ".join(map(str, row)) + "\n" for row in rows).encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


if __name__ == "__main__":
    rows = sentences()
    tokens = train(rows)
    folder = HERE / "wordpiece"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "vocab.txt").write_text("".join(token + "\n" for token in tokens))
    vocabulary = {token: index for index, token in enumerate(tokens)}
    plain, cased = BertTokenizer(vocab=vocabulary), BertTokenizer(vocab=vocabulary, do_lower_case=False, tokenize_chinese_chars=False)
    plain.save_pretrained(folder / "whole")
    # open_clip reads its tokenizer from a folder.
    opened = HFTokenizer(str(folder / "whole"), context_length=WINDOW)
    results = {"hugging": plain, "cased": cased, "openclip": opened}
    ids = {}
    for name, tokenizer in results.items():
        if name == "openclip":
            found = tokenizer(rows)
        else:
            found = tokenizer(rows, max_length=WINDOW, padding="max_length", truncation=True, return_tensors="pt")["input_ids"]
        ids[name] = found.tolist()
    out = {**RULE, "window": WINDOW, "block": BLOCK, "ids": {name: found[:BLOCK] for name, found in ids.items()},
           "hashes": {name: [hash_of(found[i:i + BLOCK]) for i in range(0, COUNT, BLOCK)] for name, found in ids.items()}}
    # Plain ASCII, so that no editor changes a character.
    (folder / "sentences.json").write_text(json.dumps(out, separators=(",", ":")))
    unknown = sum(row.count(1) for row in ids["hugging"]) / sum(len([t for t in row if t]) for row in ids["hugging"])
    full = sum(row[-1] == 3 for row in ids["hugging"])
    print(len(rows), "sentences,", len(tokens), "tokens,", f"{unknown:.1%} unknown,", full, "fill the window; e.g.", rows[:2])
    print("differ between open_clip and transformers:", sum(a != b for a, b in zip(ids["hugging"], ids["openclip"])))
