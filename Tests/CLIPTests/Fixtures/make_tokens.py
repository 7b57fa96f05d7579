"""Trains a small byte-level vocabulary in CLIP's format and tokenizes 2,000 strings with both references.

Run: python make_tokens.py   (needs transformers, tokenizers, open_clip, ftfy)
`python make_tokens.py --real FOLDER` takes open_clip's own vocabulary instead and writes to that folder only.
"""
import gzip
import json
import random
import sys
import tempfile

import ftfy
from reference import HERE  # first: it makes torchvision importable
from open_clip.tokenizer import SimpleTokenizer, bytes_to_unicode
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

MERGES = 1500
random.seed(7)
ENGLISH = """a an the in of with and or not is are seen near far under over polyp tumour inflammation nodule cyst lesion mucosa
endoscopic endoscopy image view frame bronchoscopy laryngoscopy colonoscopy blood mucus bubbles specular reflection blur bright dark
uneven lighting narrow band white light surface distance field artefact artefacts instrument smooth red pale swollen ulcer bleeding
sessile flat pedunculated adenoma carcinoma vocal cord trachea bronchus bronchi stomach oesophagus normal healthy tissue patient
photo picture showing large small multiple single round irregular border vessels pattern it's don't we're I'm they'll I'd I've""".split()
OTHER = """naïve café élève garçon über straße größe Ärzte señor niño coração ação żółć łódź čeština příliš žluťoučký İstanbul ışık
ΩΜΕΓΑ ΟΔΥΣΣΕΥΣ λόγος Москва полип слизистая оболочка 内視鏡 画像 ポリープ ﾎﾟﾘｰﾌﾟ 息肉 图像 内窥镜 용종 내시경 한국어 แผล ติ่งเนื้อ ورم زائدة שלום גידול हिन्दी पॉलीप
ﬁbrosis ﬂow oﬃce ĳs ǆep ŉ ſhort Ⅳ ½ ² ① ٣٤ ५ ʼn œuvre æther Å ångström e\u0301 n\u0303 A\u030a o\u0308 q\u0307\u0323""".split()
EMOJI = "😀 🎉 👩‍⚕️ 👨‍👩‍👧‍👦 🏳️‍🌈 🇯🇵 ❤️ ☠ 🩺 🫁 👍🏽 ✅ ™ © ® ⚠️".split()
ENTITIES = """&amp; &lt; &gt; &quot; &#39; &apos; &nbsp; &eacute; &Eacute; &EACUTE; &SZLIG; &szlig; &amp;amp; &amp;lt; &amp;amp;amp; &copy &notit;
&hellip; &mdash; &#8217; &#x2019; &#x1F600; &#150; &#0; &#xD800; &#1114112; &CounterClockwiseContourIntegral; &fjlig; &bogus; & &; &#; &#x;
&ampere &ltimes; &alpha;&beta; &frac12; &deg;C &times;3 &AMP; &rarr; &#32; &#9; &NTILDE; &nTILDE; &amp;eacute; &#160; &euro;20 &acE;""".split()
PUNCTUATION = """. , ; : ! ? ' " - -- — … ( ) [ ] { } / \\ | _ + = * & ^ % $ # @ ~ ` < > ... ?!? :-) ’ “x” ‘y’ « » 's 't 'S 'LL n't it’s
don't DON'T <|endoftext|> <|startoftext|> <|ENDOFTEXT|> <start_of_text> <end_of_text> <|pad|> 3.5mm 10x 2024-01-02 1,000 a_b c++ e=mc² ''' ''s""".split()
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u2003", "\u2028", "\u200b", "\u200d", "\x0b", "\x0c", "\x1c", "\x1f", "\x85",
          "\ufeff", "\u00ad", "\x00", "\x7f", "\u180e", "\u1680"]


def made_up() -> str:
    parts = ["ba", "co", "di", "fer", "gal", "hy", "is", "kel", "lo", "mu", "ne", "oph", "pa", "qui", "ro", "sta", "tion", "us", "vex", "itis", "oma"]
    return "".join(random.choice(parts) for _ in range(random.randint(2, 4)))


def corpus() -> list[str]:
    rows = []
    for _ in range(4000):
        words = [random.choice(ENGLISH) for _ in range(random.randint(3, 14))]
        if random.random() < 0.3:
            words.insert(random.randrange(len(words)), random.choice(OTHER + EMOJI))
        if random.random() < 0.4:
            words.append(made_up())
        rows.append(" ".join(words).lower())
    return rows


def strings() -> list[str]:
    rows = ["", " ", "\n\t ", "a", "'", "<|endoftext|>", "&", "\u0301", "a" * 200, "ab" * 120, "!" * 90, "1234567890" * 10, "😀" * 40, "内視鏡" * 60]
    pools = [ENGLISH, OTHER, EMOJI, ENTITIES, PUNCTUATION]
    while len(rows) < 2000:
        kind = random.random()
        if kind < 0.04:
            words = [random.choice(ENGLISH) for _ in range(200)]
        elif kind < 0.10:
            points = [random.choice([(0x20, 0x7F), (0xA0, 0x17F), (0x370, 0x400), (0x400, 0x460), (0x600, 0x700), (0x900, 0x980), (0x1E00, 0x2000),
                                     (0x2000, 0x2100), (0x2460, 0x2500), (0x3040, 0x3100), (0x4E00, 0x4E80), (0xAC00, 0xAC80), (0xFB00, 0xFB50),
                                     (0xFF00, 0xFFF0), (0x1F300, 0x1F400)]) for _ in range(random.randint(2, 14))]
            words = ["".join(chr(random.randrange(low, high)) for low, high in points)]
        else:
            weights = random.choice([(9, 1, 1, 1, 2), (1, 6, 1, 1, 1), (2, 1, 5, 1, 1), (3, 1, 1, 6, 1), (3, 1, 1, 1, 6), (1, 0, 0, 0, 0)])
            words = [random.choice(random.choices(pools, weights)[0]) for _ in range(random.randint(1, 16))]
            words = [random.choice([w, w, w, w.upper(), w.title()]) for w in words]
        text = ""
        for word in words:
            text += word + (random.choice(SPACES) if random.random() < 0.06 else " " if random.random() < 0.93 else "")
        # The one repair of ftfy's that we leave out: decoding what looks as if it was read in a wrong encoding ("É²").
        if ftfy.fix_text(text) == ftfy.fix_text(text, fix_encoding=False):
            rows.append(text)
    return rows


def train() -> list[tuple[str, str]]:
    pattern = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(pattern, behavior="removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trainer = trainers.BpeTrainer(vocab_size=MERGES + 512, end_of_word_suffix="</w>", initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)
    return [tuple(m) for m in json.loads(tokenizer.to_str())["model"]["merges"]][:MERGES]


def vocabulary(merges) -> dict[str, int]:
    symbols = list(bytes_to_unicode().values())
    tokens = symbols + [s + "</w>" for s in symbols] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    assert len(set(tokens)) == len(tokens)
    return {token: index for index, token in enumerate(tokens)}


def write_vocabulary(folder, merges):
    folder.mkdir(exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary(merges), ensure_ascii=False, separators=(",", ":")))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(m) for m in merges) + "\n")


def references(merges):
    with tempfile.NamedTemporaryFile(suffix=".gz") as file:
        # No newline at the end: open_clip would take the empty line for a merge.
        file.write(gzip.compress(("#version: 0.2\n" + "\n".join(" ".join(m) for m in merges)).encode()))
        file.flush()
        simple = SimpleTokenizer(bpe_path=file.name)
    return CLIPTokenizer(vocab=vocabulary(merges), merges=merges), simple


def cases(merges, rows):
    fast, simple = references(merges)
    out = []
    for text in rows:
        hugging = fast(text, truncation=True, max_length=77)["input_ids"]
        opened = [simple.sot_token_id] + simple.encode(text) + [simple.eot_token_id]
        if len(opened) > 77:
            opened = opened[:76] + [simple.eot_token_id]
        case = {"t": text, "h": hugging}
        if opened != hugging:
            case["o"] = opened
        out.append(case)
    return out


if __name__ == "__main__":
    if "--real" in sys.argv:
        from pathlib import Path

        from open_clip.tokenizer import default_bpe
        lines = gzip.open(default_bpe()).read().decode().split("\n")[1:48895]
        merges, folder = [tuple(line.split()) for line in lines], Path(sys.argv[sys.argv.index("--real") + 1])
        folder.mkdir(parents=True, exist_ok=True)
    else:
        merges, folder = train(), HERE / "tokenizer"
    write_vocabulary(folder, merges)
    rows = cases(merges, strings())
    (folder / "cases.json").write_text(json.dumps(rows, ensure_ascii=False, separators=(",", ":")))
    fast, simple = references(merges)
    print(len(rows), "strings;", sum("o" in r for r in rows), "differ between the references;", len(merges), "merges")
    print("padding", fast("a", padding="max_length", max_length=5)["input_ids"], simple("a", context_length=5).tolist())
