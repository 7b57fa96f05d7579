"""Images of odd sizes prepared by transformers' CLIPImageProcessor (Pillow) and by open_clip's transform.

Run: python make_images.py   (needs torch, torchvision, transformers, open_clip, Pillow)
The images are numbers by formula that the Swift side repeats (reference.py); only a part of each outcome is stored.
"""
from reference import HERE, uniform  # first: it makes torchvision importable
import numpy as np
import torch
from open_clip.transform import image_transform
from PIL import Image
from safetensors.torch import save_file
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

# Height, width, size, shortest edge: shrinking, growing, tall, wide, equal, margins of every remainder, padding.
CASES = [(97, 61, 32, 32), (61, 97, 32, 32), (200, 64, 32, 32), (30, 230, 32, 32), (17, 23, 32, 32), (32, 32, 32, 32), (33, 32, 32, 32),
         (101, 64, 32, 32), (64, 103, 32, 32), (64, 105, 32, 32), (64, 107, 32, 32), (90, 50, 28, 40), (50, 90, 40, 28), (300, 451, 224, 224)]
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def picture(height: int, width: int) -> np.ndarray:
    """Noise over a chequerboard: extreme values make the filter overshoot."""
    noise = uniform(f"image {height}×{width}", (height, width, 3), 127.5, 127.5).numpy()
    rows, columns = np.indices((height, width))
    board = ((rows // 9 + columns // 7) % 2 * 255.0)[..., None]
    return np.floor(np.where((rows + columns)[..., None] % 3 == 0, noise, board)).clip(0, 255).astype(np.uint8)


if __name__ == "__main__":
    out = {}
    for height, width, size, edge in CASES:
        name = f"{height}x{width}-{size}-{edge}"
        image = Image.fromarray(picture(height, width))
        processor = CLIPImageProcessorPil(size={"shortest_edge": edge}, crop_size={"height": size, "width": size})
        step = 8 if size > 100 else 1
        out[f"{name}/hugging"] = torch.as_tensor(np.asarray(processor(image)["pixel_values"][0])).float()[:, ::step, ::step].contiguous()
        if size == edge:
            out[f"{name}/open"] = image_transform(size, is_train=False, mean=MEAN, std=STD)(image)[:, ::step, ::step].contiguous()
            squash = image_transform(size, is_train=False, mean=MEAN, std=STD, resize_mode="squash")(image)
            out[f"{name}/squash"] = squash[:, ::step, ::step].contiguous()
    # As samples, 0 to 255: what was rounded is exact again, and takes a quarter of the space.
    mean, deviation = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    samples = {k: (v * deviation + mean) * 255 for k, v in out.items()}
    assert all((v - v.round()).abs().max() < 1e-3 for v in samples.values())
    save_file({k: v.round().to(torch.uint8) for k, v in samples.items()}, HERE / "images.safetensors")
    print({k: tuple(v.shape) for k, v in out.items()})
