#!/usr/bin/env python3
"""Trains a U-Net on an ImageNet encoder at all sites but one and scores it there: what a practitioner starts with.

    Benchmarks/.venv/bin/python Benchmarks/accuracy/unet.py --data polypgen --hold-out c3 \\
        --trunk trunks/efficientnet-lite2 --size 128 --epochs 60 --bfloat16 --seed 0 --out unet-c3.json

The encoder is timm's, with the weights that scripts/get-trunk wrote. The decoder is hand-written:
bilinear enlargement, concatenation with the encoder's stage, two 3x3 convolutions with batch
normalisation. Images are squeezed into the square. Flips, rotation by up to 45 degrees, scale and
colour as augmentation; AdamW, cosine, cross-entropy + Dice; the epoch is the last one, so that no
image of any site chooses it. Dice is measured at the images' own size, threshold 0.5; two empty
masks score 1. Both are reported: the Dice of one pass, and that of the mean over four flips.

DATA is a folder of sites, SITE/images and SITE/masks, with equal stems; no sites.json5 is read.
Values above 127 in a mask are lesion. docs/guides/real-hospitals.md compares with mcdrl.
"""
import argparse
import json
import math
import os
import random
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers"))
from torchvision_import import import_torchvision  # noqa: E402

import_torchvision()  # timm imports it
import timm  # noqa: E402


def pairs(data, site):
    """The image and mask files of a site, by stem."""
    folder = os.path.join(data, site)
    masks = {}
    for name in sorted(os.listdir(os.path.join(folder, "masks"))):
        stem = os.path.splitext(name)[0]
        if stem in masks:
            sys.exit(f"{folder}/masks: {masks[stem]} and {name} have one name; leave one of them out")
        masks[stem] = name
    found = []
    for name in sorted(os.listdir(os.path.join(folder, "images"))):
        stem = os.path.splitext(name)[0]
        if stem not in masks:
            sys.exit(f"{folder}/images/{name}: no mask of the same name in {folder}/masks")
        found.append((os.path.join(folder, "images", name), os.path.join(folder, "masks", masks[stem])))
    return found


def read(pair, size):
    """An image, uint8 3xSxS, and its mask at its own size and, uint8, at SxS."""
    image = Image.open(pair[0]).convert("RGB").resize((size, size), Image.BICUBIC)
    mask = np.asarray(Image.open(pair[1]).convert("L")) > 127
    small = np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).resize((size, size), Image.BOX)) >= 128
    return np.asarray(image).transpose(2, 0, 1).copy(), mask, small


class Block(torch.nn.Sequential):
    """Two 3x3 convolutions with batch normalisation and ReLU."""

    def __init__(self, inputs, outputs):
        layers = []
        for width in (inputs, outputs):
            layers += [torch.nn.Conv2d(width, outputs, 3, padding=1, bias=False),
                       torch.nn.BatchNorm2d(outputs), torch.nn.ReLU(inplace=True)]
        super().__init__(*layers)


class UNet(torch.nn.Module):
    """timm's encoder and a decoder of five levels."""

    widths = (256, 128, 64, 32, 16)

    def __init__(self, trunk):
        super().__init__()
        with open(os.path.join(trunk, "config.json")) as file:
            settings = json.load(file)
        self.encoder = timm.create_model(settings["architecture"], features_only=True, pretrained=False)
        weights = load_file(os.path.join(trunk, "model.safetensors"))
        missing, _ = self.encoder.load_state_dict(weights, strict=False)
        if missing:
            sys.exit(f"{trunk}/model.safetensors: lacks {missing[0]} and {len(missing) - 1} more")
        mean, deviation = (torch.tensor(settings["pretrained_cfg"][key]) for key in ("mean", "std"))
        self.register_buffer("mean", mean.view(1, 3, 1, 1))
        self.register_buffer("deviation", deviation.view(1, 3, 1, 1))
        stages = self.encoder.feature_info.channels()[::-1] + [0]
        blocks, inputs = [], stages[0]
        for skip, width in zip(stages[1:], self.widths):
            blocks.append(Block(inputs + skip, width))
            inputs = width
        self.decoder = torch.nn.ModuleList(blocks)
        self.last = torch.nn.Conv2d(inputs, 1, 1)

    def forward(self, images):
        stages = self.encoder((images - self.mean) / self.deviation)[::-1]
        x = stages[0]
        for index, block in enumerate(self.decoder):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            if index + 1 < len(stages):
                x = torch.cat([x, stages[index + 1]], 1)
            x = block(x)
        return self.last(x)


def augmented(images, masks, generator):
    """Flips, rotation, scale, shift and colour, as mcdrl's defaults."""
    count = len(images)

    def uniform(low, high, *shape):
        return torch.rand(count, *shape, generator=generator) * (high - low) + low

    angle, zoom = uniform(-45, 45) * math.pi / 180, torch.exp(uniform(-math.log(1.3), math.log(1.3)))
    signs = (torch.rand(count, 2, generator=generator) < 0.5).float() * 2 - 1
    shift = uniform(-0.2, 0.2, 2)
    cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    theta = torch.stack([
        torch.stack([cosine * signs[:, 0], -sine * signs[:, 1], shift[:, 0]], 1),
        torch.stack([sine * signs[:, 0], cosine * signs[:, 1], shift[:, 1]], 1)], 1)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    images = F.grid_sample(images, grid, align_corners=False)
    masks = (F.grid_sample(masks, grid, align_corners=False) >= 0.5).float()
    images = images * uniform(0.75, 1.25, 1, 1, 1) * uniform(0.9, 1.1, 3, 1, 1)
    level = images.mean((1, 2, 3), keepdim=True)
    images = (images - level) * uniform(0.75, 1.25, 1, 1, 1) + level
    grey = images.mean(1, keepdim=True)
    images = (images - grey) * uniform(0.65, 1.35, 1, 1, 1) + grey
    return images.clamp(0, 1), masks


def loss(logits, masks):
    """Cross-entropy and soft Dice."""
    probability = logits.sigmoid()
    overlap = (probability * masks).sum((1, 2, 3))
    total = probability.sum((1, 2, 3)) + masks.sum((1, 2, 3))
    dice = 1 - (2 * overlap + 1) / (total + 1)
    return F.binary_cross_entropy_with_logits(logits, masks) + dice.mean()


def train(model, images, masks, arguments):
    generator = torch.Generator().manual_seed(arguments.seed)
    optimizer = torch.optim.AdamW(
        [{"params": model.encoder.parameters(), "lr": arguments.rate},
         {"params": list(model.decoder.parameters()) + list(model.last.parameters()), "lr": arguments.rate}],
        weight_decay=0.01)
    steps = len(images) // arguments.batch
    total = steps * arguments.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (0.03 * total), 0.5 * (1 + math.cos(math.pi * step / total))))
    for epoch in range(arguments.epochs):
        model.train()
        order = torch.randperm(len(images), generator=generator)
        start, losses = time.time(), []
        for step in range(steps):
            rows = order[step * arguments.batch:(step + 1) * arguments.batch]
            x, y = augmented(images[rows].float() / 255, masks[rows].float(), generator)
            x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=arguments.bfloat16):
                logits = model(x)
            value = loss(logits.float(), y)
            optimizer.zero_grad()
            value.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
            optimizer.step()
            schedule.step()
            losses.append(value.item())
        print(f"epoch {epoch + 1}/{arguments.epochs} loss {np.mean(losses):.3f} {time.time() - start:.1f} s",
              file=sys.stderr, flush=True)


@torch.inference_mode()
def probability(model, image, flips):
    x = image[None].float() / 255
    dims = [(), (3,), (2,), (2, 3)] if flips else [()]
    return torch.stack([model(x.flip(d)).sigmoid().flip(d) for d in dims]).mean(0)


def dice(model, images, truths, flips):
    """Dice of each image at its own size."""
    model.eval()
    scores = []
    for image, truth in zip(images, truths):
        large = F.interpolate(probability(model, image, flips), truth.shape, mode="bilinear", align_corners=False)
        found = (large[0, 0] >= 0.5).numpy()
        total = found.sum() + truth.sum()
        scores.append(1.0 if total == 0 else float(2 * (found & truth).sum() / total))
    return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="a folder of sites")
    parser.add_argument("--hold-out", required=True, help="the site that is scored")
    parser.add_argument("--sources", nargs="*", help="the sites to train on (all others)")
    parser.add_argument("--trunk", required=True, help="a folder that scripts/get-trunk wrote")
    parser.add_argument("--out", required=True, help="the JSON file to write")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--bfloat16", action="store_true", help="train in bfloat16 (autocast), as the recipe does")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--also", nargs="*", default=[], help="more folders with images/ and masks/ to score")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    random.seed(arguments.seed)
    sites = sorted(name for name in os.listdir(arguments.data)
                   if os.path.isdir(os.path.join(arguments.data, name, "images")))
    if arguments.hold_out not in sites:
        sys.exit(f"{arguments.data}: no site {arguments.hold_out}; there are {', '.join(sites)}")
    sources = arguments.sources or [name for name in sites if name != arguments.hold_out]
    if arguments.hold_out in sources:
        sys.exit(f"--sources {arguments.hold_out}: the held-out site cannot train")
    names = [arguments.hold_out] + [os.path.basename(os.path.normpath(folder)) for folder in arguments.also]
    if len(set(names)) < len(names):
        sys.exit(f"--also: the scored folders {', '.join(names)} need different names")
    examples = [read(pair, arguments.size) for name in sources for pair in pairs(arguments.data, name)]
    if len(examples) < arguments.batch:
        sys.exit(f"{', '.join(sources)}: {len(examples)} images are less than one batch of {arguments.batch}")
    images = torch.from_numpy(np.stack([example[0] for example in examples]))
    masks = torch.from_numpy(np.stack([example[2] for example in examples]))[:, None]
    model = UNet(arguments.trunk).to(memory_format=torch.channels_last)
    start = time.time()
    train(model, images, masks, arguments)
    result = {"settings": vars(arguments), "sources": sources, "images": len(images),
              "seconds": time.time() - start, "sites": {}}
    scored = [(arguments.hold_out, pairs(arguments.data, arguments.hold_out))]
    scored += [(os.path.basename(os.path.normpath(folder)), pairs(*os.path.split(os.path.normpath(folder))))
               for folder in arguments.also]
    for name, files in scored:
        read_files = [read(pair, arguments.size) for pair in files]
        tensors = [torch.from_numpy(example[0]) for example in read_files]
        truths = [example[1] for example in read_files]
        plain, flips = dice(model, tensors, truths, False), dice(model, tensors, truths, True)
        result["sites"][name] = {"n": len(files), "dice": float(np.mean(plain)), "dice_flips": float(np.mean(flips)),
                                 "images": {os.path.basename(pair[0]): [a, b] for pair, a, b in zip(files, plain, flips)}}
        print(f"{name}: n = {len(files)}, Dice {np.mean(plain):.3f}, with flips {np.mean(flips):.3f}")
    temporary = arguments.out + ".tmp"
    with open(temporary, "w") as file:
        json.dump(result, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, arguments.out)


if __name__ == "__main__":
    main()
