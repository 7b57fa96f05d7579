"""Decoding a JPEG and preparing it for CLIP, by Pillow (or Pillow-SIMD), OpenCV and torchvision."""

import os
import sys

import numpy as np

MEAN = np.array([0.48145466, 0.4578275, 0.40821073], dtype=np.float32).reshape(3, 1, 1)
DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711], dtype=np.float32).reshape(3, 1, 1)


def read_square(path, side, draft=False):
    """The whole image squeezed into a square by Pillow's bicubic: uint8 S×S×3."""
    from PIL import Image

    with Image.open(path) as image:
        if draft:
            image.draft("RGB", (side, side))
        image = image.convert("RGB")
        if image.size != (side, side):
            image = image.resize((side, side), Image.Resampling.BICUBIC)
        return np.array(image)


def read_mask(path, side):
    """A mask at S×S, bool."""
    from PIL import Image

    with Image.open(path) as image:
        image = image.convert("L").point(lambda value: 255 if value > 127 else 0)
        if image.size != (side, side):
            image = image.resize((side, side), Image.Resampling.BILINEAR)
        return np.array(image) > 127


def normalised(square):
    """uint8 S×S×3 → float32 3×S×S as CLIP wants it."""
    return (square.transpose(2, 0, 1).astype(np.float32) / 255 - MEAN) / DEVIATION


def pillow(path, side, draft=False):
    return normalised(read_square(path, side, draft))


def opencv(path, side, reduced=False):
    import cv2

    flag = cv2.IMREAD_REDUCED_COLOR_4 if reduced else cv2.IMREAD_COLOR
    image = cv2.cvtColor(cv2.imread(path, flag), cv2.COLOR_BGR2RGB)
    return normalised(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA))


def torchvision(path, side):
    """Pillow decodes, torchvision's antialiased bicubic resizes: torchvision's decoder wants a build of its own."""
    import torch
    from PIL import Image

    from torchvision_import import import_torchvision

    import_torchvision()
    from torchvision.transforms.v2 import functional

    with Image.open(path) as image:
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    small = functional.resize(pixels, [side, side], interpolation=functional.InterpolationMode.BICUBIC, antialias=True)
    return normalised(small.permute(1, 2, 0).numpy())


WAYS = {
    "pillow": pillow,
    "pillow-draft": lambda path, side: pillow(path, side, draft=True),
    "pillow-simd": pillow,
    "pillow-simd-draft": lambda path, side: pillow(path, side, draft=True),
    "opencv": opencv,
    "opencv-reduced": lambda path, side: opencv(path, side, reduced=True),
    "torchvision": torchvision,
}


def use_pillow_simd():
    """Puts Pillow-SIMD in Pillow's place; only before Pillow is loaded."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".venv", "pillow-simd")
    if not os.path.isdir(os.path.join(folder, "PIL")):
        raise ModuleNotFoundError("pillow-simd is not installed")
    if "PIL" in sys.modules:
        raise ImportError("Pillow is loaded already")
    sys.path.insert(0, folder)


def prepare(request):
    """Decodes the files that were named, one after the other."""
    way, files, side = request["way"], request["files"], request["size"]
    if way.startswith("pillow-simd"):
        if "PIL" not in sys.modules:
            use_pillow_simd()
    if way == "torchvision":
        import torch

        torch.set_num_threads(request["threads"])
    if way.startswith("opencv"):
        import cv2

        cv2.setNumThreads(request["threads"])
    read = WAYS[way]
    output = np.stack([read(path, side) for path in files[:2]])
    facts = {}
    if "tensors" in request:
        from safetensors.numpy import load_file

        reference = load_file(request["tensors"])["reference"][: len(output)]
        facts = {
            "difference": float(np.abs(output - reference).max()),
            "scale": float(np.abs(reference).max()),
        }

    def run(_):
        for path in files:
            read(path, side)

    return run, facts
