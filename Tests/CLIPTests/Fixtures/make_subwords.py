"""Tokens of SigLIP's and SigLIP 2's tokenizers over small vocabularies, for the parity tests.

Run: python make_subwords.py
(made with sentencepiece 0.2.3, tokenizers 0.23.3, transformers 5.24.0, torch 2.13.0)
Sentences are made from templates by a rule that the Swift side repeats. The vocabularies are trained on them:
  canonical    spiece.model with a table of characters, read by transformers' SiglipTokenizer
  fallback     spiece.model with bytes for unknown characters, user-defined pieces and a space before the text
  document     tokenizer.json with the pieces of `canonical`, read by the library tokenizers
  gemma        tokenizer.json of byte pairs with bytes for unknown characters, read by transformers' Siglip2Tokenizer
"""
import base64
import json
import pathlib
import shutil
import tempfile

from reference import HERE  # first: it makes torchvision importable
import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import SiglipTokenizer
from transformers.models.siglip2.tokenization_siglip2 import Siglip2Tokenizer

FOLDER = HERE / "subwords"
COUNT, SHOWN, WINDOW = 2000, 24, 64

# A slot in braces is replaced by one of its phrases.
PHRASES = {
    "templates": [
        "A {size} {lesion} in the {organ}", "{organ}: {lesion}, {size} ({grade})", "no {lesion} seen; {finding}",
        "{Lesion} of {size} with {finding} — {grade}", "an endoscopic image of the {organ} with {finding}",
        "{name}'s {lesion}, {stain}-stained, {grade}", "{zh}{organ}{zh}", "{size}{space}{lesion}{space}{finding}",
        "{greek}-catenin {sign} {number} in {organ} {emoji}", "  {Lesion}\t{finding}{space}", "{lesion}/{lesion} {number}%",
        "H&E, {number}×: {grade} {lesion}…", "“{finding}” <{lesion}> [{number}]", "{accent} {lesion} {accent}",
        "{number} of {number} {lesion}s were {grade}", "{organ}_{number}.{number}_{lesion}", "{emoji}{zh} {greek}{greek}",
    ],
    "size": ["3 mm", "12mm", "0.5 cm", "2–3 mm", "5,5 mm", "½ cm", "10 µm", "4×6 mm", "1.2e-3 m", "> 20 mm", "Ø 8 mm", "６ mm"],
    "lesion": ["polyp", "sessile serrated lesion", "adenoma", "carcinoma in situ", "ulcer", "pseudo-polyp", "haemangioma",
               "angiodysplasia", "lipoma", "flat lesion", "xanthelasma", "leiomyoma", "neuro-endocrine tumour"],
    "Lesion": ["POLYP", "Adenoma", "Ulcer", "SSL", "Ménétrier's disease", "McKittrick–Wheelock syndrome", "İleal lesion"],
    "organ": ["colon", "caecum", "duodenum", "oesophagus", "gastro-oesophageal junction", "rectum", "ileum", "left flexure",
              "vocal folds", "glottis", "fundus"],
    "grade": ["Paris 0-IIa", "low-grade dysplasia", "high grade", "pT1b N0 M0", "Forrest Ib", "NICE type 2", "Mayo 3", "Ki-67 < 5 %",
              "BI-RADS® 4c", "ΤΕΛΙΚΟΣ ΒΑΘΜΟΣ", "G2/G3"],
    "finding": ["erythema", "a bleeding vessel", "clear mucus", "specular highlights", "dark corners", "oedema", "villous pattern",
                "blue dye (indigo-carmine)", "residual stool", "don't know", "it's narrow-band imaging", "Lugol’s iodine"],
    "name": ["Müller", "Nguyễn", "O'Brien", "Žižek", "Ångström", "Crohn", "Barrett", "Peutz-Jeghers", "Straße", "ﬁbrosis"],
    "stain": ["methylene-blue", "PAS", "CD3+", "Giemsa", "anti-CEA", "H₂O₂"],
    "zh": ["息肉", "结肠镜检查", "大腸", "炎症。", "がん", "용종", "３個の", "内視鏡"],
    "greek": ["α", "β", "γδ", "Σ", "ΟΔΟΣ", "μ", "Ω", "λς"],
    "sign": ["<", "≥", "±", "→", "~", "≈", "=", "+/-"],
    "number": ["0", "1", "17", "42", "100", "1234567", "3.14", "٣", "Ⅳ", "²", "1/2", "007"],
    "space": ["  ", "\t", "\n", "\u00a0", "\u3000", " \r\n ", "\u2009", "\u200b", "\u001c"],
    "emoji": ["😀", "🔬", "👩‍⚕️", "❤️", "🇨🇭", "✓", "☢"],
    "accent": ["é", "e\u0301", "Ā", "ñ", "n\u0303", "ç", "œ", "Ł", "ａｂｃ", "ﬃ", "™", "\u0130"],
}
# Written out, because they are rare: specials, marks, empty texts, long ones.
ODD = [
    "", " ", "\n", "▁", "▁▁polyp▁", "</s>", "a</s>b", "polyp </s>", "<unk> polyp", "<pad>", "<eos>", "a <eos> b", "<h1>Polyp</h1>",
    "a\n\nb", "!!!", "¿?", "polyp." * 40, "x" * 300, "息" * 90, "a  b   c    d", "é" * 3 + "e\u0301" * 3, "\u0000", "a\u0000b",
    "İI ı", "ΣΑΣ ΣΑΣ.", "ǅ ǆ", "ß ẞ", "\ufeffpolyp", "<0x41>", "<mask>", "CD3+CD4+ cells", "5µm", "<unk>", "Hello</S>World", "👍🏽👍",
]


class Draw:
    """Whole numbers by a rule: the upper bits of a linear congruence."""

    def __init__(self):
        self.state = 20

    def __call__(self, count):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % count


def sentences():
    draw, made = Draw(), []
    for _ in range(COUNT):
        rest = PHRASES["templates"][draw(len(PHRASES["templates"]))]
        text = ""
        while "{" in rest:
            before, rest = rest.split("{", 1)
            slot, rest = rest.split("}", 1)
            text += before + PHRASES[slot][draw(len(PHRASES[slot]))]
        made.append(text + rest)
    return made


def summary(rows):
    """FNV-1a, 64 bits, over all ids as four bytes with a mark after each row."""
    value = 0xCBF29CE484222325
    for row in rows:
        for number in row + [0xFFFFFFFF]:
            for shift in (0, 8, 16, 24):
                value = ((value ^ (number >> shift & 255)) * 0x100000001B3) % 2**64
    return f"{value:016x}"


def train_pieces(folder, lines, **options):
    with tempfile.TemporaryDirectory() as place:
        corpus = pathlib.Path(place) / "corpus.txt"
        corpus.write_text("\n".join(" ".join(line.lower().split()) for line in lines))
        spm.SentencePieceTrainer.train(
            input=str(corpus), model_prefix=str(pathlib.Path(place) / "spiece"), model_type="unigram",
            pad_id=0, eos_id=1, unk_id=2, bos_id=-1, num_threads=1, minloglevel=2, hard_vocab_limit=False, **options)
        folder.mkdir(parents=True)
        shutil.copy(pathlib.Path(place) / "spiece.model", folder / "spiece.model")


def rules(place):
    """A small table of replacements, in place of one of 200 kB: some compatibility forms, white space, accents."""
    table = {"\u00a0": " ", "\u3000": " ", "\u2009": " ", "\t": " ", "\n": " ", "\r": " ", "\u200b": "", "ﬁ": "fi", "ﬃ": "ffi",
             "½": "1\u20442", "²": "2", "™": "tm", "…": "...", "Ⅳ": "IV", "e\u0301": "é", "n\u0303": "ñ", "e": "e", "µ": "μ"}
    table |= {chr(0xFF10 + i): str(i) for i in range(10)} | {chr(0xFF41 + i): chr(97 + i) for i in range(26)}
    lines = ["\t".join(" ".join(f"{ord(c):X}" for c in text) for text in pair) for pair in table.items() if pair[0] != pair[1]]
    place.write_text("\n".join(lines) + "\n")


def write(file, value):
    file.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def spiece(name, lines, settings, **options):
    folder = FOLDER / name
    train_pieces(folder, lines, **options)
    write(folder / "tokenizer_config.json", dict(tokenizer_class="SiglipTokenizer", model_max_length=64, **settings))
    tokenizer = SiglipTokenizer(vocab_file=str(folder / "spiece.model"), model_max_length=64,
                                **{k: v for k, v in settings.items() if k in ("do_lower_case",)})
    return lambda text: tokenizer(text, truncation=True, max_length=WINDOW)["input_ids"], lambda text: tokenizer(
        text, truncation=True, padding="max_length", max_length=WINDOW)["input_ids"]


def document():
    folder = FOLDER / "document"
    folder.mkdir()
    model = proto.ModelProto()
    model.ParseFromString((FOLDER / "canonical/spiece.model").read_bytes())
    tokenizer = Tokenizer(models.Unigram([(p.piece, round(p.score, 5)) for p in model.pieces], unk_id=2))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap), normalizers.Lowercase(),
        normalizers.Replace(Regex(r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]"""), ""), normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip(), normalizers.Replace("ß", "ss"), normalizers.NFC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    tokenizer.add_special_tokens([AddedToken("</s>", lstrip=True, rstrip=True), AddedToken("<unk>")])
    tokenizer.add_tokens([AddedToken("xanthelasma", normalized=True, single_word=True)])
    tokenizer.enable_padding(pad_id=1, pad_token="</s>", length=WINDOW)
    tokenizer.enable_truncation(WINDOW)
    write(folder / "tokenizer.json", json.loads(tokenizer.to_str()))
    write(folder / "tokenizer_config.json", dict(tokenizer_class="SiglipTokenizer"))
    plain = Tokenizer.from_str(tokenizer.to_str())
    plain.no_padding()
    return lambda text: plain.encode(text).ids, lambda text: tokenizer.encode(text).ids


def gemma(lines):
    folder = FOLDER / "gemma"
    folder.mkdir()
    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    learner = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    learner.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(" ", "▁")])
    learner.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    more = ["\n", "\n\n", "▁▁", "▁▁▁", "<h1>", "</h1>"]
    # Rare characters are left out, so that they become bytes.
    frequent = [line for index, line in enumerate(lines) if index % 4 == 0 and line.isascii()] + ["息肉 息肉 α é 大腸"] * 3
    learner.train_from_iterator(frequent, trainers.BpeTrainer(
        vocab_size=1400, special_tokens=specials + more + bytes_, show_progress=False, min_frequency=2))
    data = json.loads(learner.to_str())
    merges = data["model"]["merges"]
    # Joins of spaces, as in Gemma's vocabulary.
    merges += [["▁", "▁"], ["▁▁", "▁"]]
    data["model"]["merges"] = merges
    data["normalizer"] = json.loads(normalizers.Replace(" ", "▁").__getstate__())
    data["pre_tokenizer"] = dict(type="Split", pattern=dict(String=" "), behavior="MergedWithPrevious", invert=False)
    data["post_processor"] = dict(
        type="TemplateProcessing", single=[dict(Sequence=dict(id="A", type_id=0)), dict(SpecialToken=dict(id="<eos>", type_id=0))],
        pair=[dict(Sequence=dict(id="A", type_id=0)), dict(Sequence=dict(id="B", type_id=1))],
        special_tokens={"<eos>": dict(id="<eos>", ids=[1], tokens=["<eos>"])})
    data["added_tokens"] = [dict(id=data["model"]["vocab"][text], content=text, single_word=False, lstrip=False, rstrip=False,
                                 normalized=False, special=text in specials) for text in specials + more]
    write(folder / "tokenizer.json", data)
    write(folder / "tokenizer_config.json", dict(
        tokenizer_class="Siglip2Tokenizer", add_bos_token=False, add_eos_token=True, padding_side="right", model_max_length=64,
        bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>", mask_token="<mask>",
        added_tokens_decoder={str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in data["added_tokens"]}))
    tokenizer = Siglip2Tokenizer.from_pretrained(folder)
    return lambda text: tokenizer(text, truncation=True, max_length=WINDOW)["input_ids"], lambda text: tokenizer(
        text, truncation=True, padding="max_length", max_length=WINDOW)["input_ids"]


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    made = sentences()
    with tempfile.TemporaryDirectory() as place:
        table = pathlib.Path(place) / "rules.tsv"
        rules(table)
        readers = {
            "canonical": spiece("canonical", made[:1200], {}, vocab_size=900, character_coverage=0.995,
                                normalization_rule_tsv=str(table), add_dummy_prefix=False),
            "fallback": spiece("fallback", made[:800], dict(do_lower_case=False), vocab_size=800, character_coverage=0.99,
                               byte_fallback=True, normalization_rule_name="identity", user_defined_symbols=["息肉", "lesion", "▁mm"],
                               add_dummy_prefix=True, split_digits=True),
            "document": document(),
            "gemma": gemma(made),
        }
    expected = {}
    for name, (ids, padded) in readers.items():
        rows = [ids(text) for text in made]
        expected[name] = dict(hash=summary(rows), first=rows[:SHOWN], odd=[ids(text) for text in ODD], padded=padded(made[0]))
        print(name, summary(rows), max(map(len, rows)), rows[0][:12])
    write(FOLDER / "expected.json", dict(phrases=PHRASES, odd=ODD, sentences=made[:SHOWN], models=expected))
