"""A good Python pipeline from image files to mask files: decode, tower and head in batches, mask as PNG."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch.nn import functional

from images import read_square
from segmentation import Model


def read(path, side, way):
    """An image file → uint8 S×S×3 and the image's own size."""
    if way == "opencv":
        import cv2

        image = cv2.imread(path, cv2.IMREAD_COLOR)
        small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(small, cv2.COLOR_BGR2RGB), image.shape[:2]
    from PIL import Image

    with Image.open(path) as image:
        size = (image.height, image.width)
    return read_square(path, side), size


def write(mask, path, way):
    """A bool mask H×W → a PNG of one channel."""
    if way == "opencv":
        import cv2

        cv2.imwrite(path, mask.astype(np.uint8) * 255, [cv2.IMWRITE_PNG_BILEVEL, 1, cv2.IMWRITE_PNG_COMPRESSION, 1])
    else:
        from PIL import Image

        Image.fromarray(mask).save(path, compress_level=1)


def prepare(request):
    """A model in evaluation mode, and the files that it is run on."""
    import json

    from safetensors.torch import load_file

    torch.set_num_threads(request["threads"])
    if request["way"] == "opencv":
        import cv2

        cv2.setNumThreads(request["threads"])
    with open(request["settings"], encoding="utf-8") as file:
        settings = json.load(file)
    model = Model(
        settings["clip"], settings["configuration"]["model"], settings["preparation"], load_file(request["weights"])
    ).eval()
    low = request["precision"] == "bfloat16"
    side, way, files = settings["configuration"]["imageSize"], request["way"], request["files"]
    os.makedirs(request["folder"], exist_ok=True)
    pool = ThreadPoolExecutor(2)

    def target(path):
        return os.path.join(request["folder"], os.path.splitext(os.path.basename(path))[0] + ".png")

    def probabilities(items):
        pixels = torch.from_numpy(np.stack([item[0] for item in items])).permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=low):
            return model(pixels)[0].float().sigmoid()

    def finish(small, size, path):
        with torch.inference_mode():
            found = functional.interpolate(small, size=size, mode="bilinear")[0, 0] >= 0.5
        write(found.numpy(), target(path), way)

    def run(_):
        size = request["batch"]
        groups = [files[i : i + size] for i in range(0, len(files), size)]
        ahead = pool.map(lambda path: read(path, side, way), files)
        writing = []
        for group in groups:
            items = [next(ahead) for _ in group]
            small = probabilities(items)
            writing += [
                pool.submit(finish, small[i : i + 1], items[i][1], path) for i, path in enumerate(group)
            ]
        for one in writing:
            one.result()

    first = read(files[0], side, way)
    small = probabilities([first])
    facts = {}
    if "tensors" in request:
        reference = load_file(request["tensors"])["reference"]
        facts = {
            "difference": (small[0, 0] - reference).abs().max().item(),
            "scale": reference.abs().max().item(),
        }
    return run, facts
