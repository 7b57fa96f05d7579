"""Makes resampling.json: small pictures of noise as Pillow 13.0 resizes them.

Run from anywhere: python make_resampling.py   (needs Pillow 13 and numpy)
The noise is SplitMix64's, which the Swift side repeats from the seed; half of the samples are 0 or 255, so that the
filters overshoot. Outcomes are base64 of C×height×width samples.
"""

import base64
import json
from pathlib import Path

import numpy as np
from PIL import Image

# Channels, height, width, new height, new width: shrinking, growing, tall, wide, one side only, neither, a pixel.
CASES = [(3, 97, 61, 16, 16), (1, 200, 30, 16, 16), (1, 30, 200, 16, 16), (3, 17, 23, 20, 31), (1, 90, 40, 40, 40),
         (1, 40, 90, 40, 33), (1, 24, 24, 24, 24), (1, 1, 1, 3, 5), (1, 60, 50, 9, 70), (1, 50, 60, 70, 9)]


def noise(seed, count):
    out, mask = [], (1 << 64) - 1
    for _ in range(count):
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        z = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        z ^= z >> 31
        out.append(z & 255 if z & 256 else 255 * (z >> 9 & 1))
    return np.array(out, dtype=np.uint8)


if __name__ == "__main__":
    cases = []
    for seed, (channels, height, width, new_height, new_width) in enumerate(CASES):
        planes = noise(seed, channels * height * width).reshape(channels, height, width)
        for name, kind in (("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC)):
            resized = np.stack([np.asarray(Image.fromarray(p).resize((new_width, new_height), kind)) for p in planes])
            cases.append({"seed": seed, "shape": [channels, height, width], "size": [new_height, new_width],
                          "filter": name, "samples": base64.b64encode(resized.tobytes()).decode()})
    text = ",\n".join(json.dumps(case) for case in cases)
    (Path(__file__).parent / "resampling.json").write_text(f"[\n{text}\n]\n")
