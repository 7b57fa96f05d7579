"""A good Python pipeline from a video to an overlay and a mask track: OpenCV reads and writes, PyTorch segments.

    python video.py RUN VIDEO OUT [--threads N] [--tracks overlay,mask|none]

RUN is a run folder of mcdrl with the paper's settings (segmentation.py). One thread reads ahead, one writes behind, and
the network runs in float32 on one frame at a time. It prints a JSON object: frames, seconds, the quantiles of the
latencies in milliseconds, and the share of lesion pixels of all frames.
"""

import argparse
import json
import os
import queue
import threading
import time

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch.nn import functional

from segmentation import Model

AHEAD = 4


def quantiles(values):
    """Milliseconds of p50, p95, p99 and the longest."""
    values = np.array(values) * 1000
    found = {f"p{share}": round(float(np.percentile(values, share)), 2) for share in (50, 95, 99)}
    return found | {"max": round(float(values.max()), 2)}


def load(run):
    """The model of a run folder, and the side of its input."""

    def read(name):
        with open(os.path.join(run, name), encoding="utf-8") as file:
            return json.load(file)

    clip, settings = read("clip.json"), read("config.json")
    weights = load_file(os.path.join(run, "model.safetensors"))
    model = Model(clip["geometry"], settings["model"], clip["preparation"], weights).eval()
    return model, settings["imageSize"]


def reading(path, side, frames):
    """Decodes and scales the frames of a video, a few ahead."""
    video = cv2.VideoCapture(path)
    while True:
        start = time.perf_counter()
        found, picture = video.read()
        if not found:
            break
        moment = video.get(cv2.CAP_PROP_POS_MSEC) / 1000
        decoded = time.perf_counter()
        small = cv2.cvtColor(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
        frames.put((picture, small, moment, start, decoded))
    frames.put(None)


def writing(out, tracks, size, rate, results, spent):
    """Draws and writes the results, a few behind."""
    overlay = mask_track = None
    if "overlay" in tracks:
        overlay = cv2.VideoWriter(os.path.join(out, "overlay.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), rate, size)
    if "mask" in tracks:
        code = cv2.VideoWriter_fourcc(*"FFV1")
        mask_track = cv2.VideoWriter(os.path.join(out, "mask.mkv"), code, rate, size, isColor=False)
    with open(os.path.join(out, "frames.jsonl"), "w", encoding="utf-8") as lines:
        for index, (picture, mask, moment, start) in enumerate(iter(results.get, None)):
            begin = time.perf_counter()
            if overlay is not None:
                outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
                cv2.drawContours(picture, outlines, -1, (0, 221, 255), 5)
                overlay.write(picture)
            if mask_track is not None:
                mask_track.write(mask * 255)
            area = float(mask.mean())
            lines.write(json.dumps({"index": index, "time": moment, "area_raw": area}) + "\n")
            end = time.perf_counter()
            spent["write"].append(end - begin)
            spent["total"].append(end - start)
            spent["area"].append(area)
    for track in (overlay, mask_track):
        if track is not None:
            track.release()


def main():
    """Segments a video and prints what it took."""
    parser = argparse.ArgumentParser()
    for name in ("run", "video", "out"):
        parser.add_argument(name)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tracks", default="overlay,mask")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(arguments.threads)
    os.makedirs(arguments.out, exist_ok=True)
    model, side = load(arguments.run)
    with torch.inference_mode():
        model(torch.zeros(1, 3, side, side))
    video = cv2.VideoCapture(arguments.video)
    size = (int(video.get(cv2.CAP_PROP_FRAME_WIDTH)), int(video.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    rate = video.get(cv2.CAP_PROP_FPS) or 25
    video.release()
    frames, results = queue.Queue(AHEAD), queue.Queue(AHEAD)
    spent = {part: [] for part in ("decode", "predict", "write", "total", "area")}
    begin = time.perf_counter()
    reader = threading.Thread(target=reading, args=(arguments.video, side, frames), daemon=True)
    tracks = arguments.tracks.split(",")
    writer = threading.Thread(target=writing, args=(arguments.out, tracks, size, rate, results, spent), daemon=True)
    reader.start()
    writer.start()
    for picture, small, moment, start, decoded in iter(frames.get, None):
        first = time.perf_counter()
        with torch.inference_mode():
            pixels = torch.from_numpy(small).permute(2, 0, 1).float().unsqueeze(0) / 255
            logits = model(pixels)[0].float()
            large = functional.interpolate(logits.sigmoid(), size=picture.shape[:2], mode="bilinear")[0, 0]
            mask = (large >= 0.5).to(torch.uint8).numpy()
        spent["decode"].append(decoded - start)
        spent["predict"].append(time.perf_counter() - first)
        results.put((picture, mask, moment, start))
    results.put(None)
    writer.join()
    seconds = time.perf_counter() - begin
    area = spent.pop("area")
    print(
        json.dumps(
            {
                "frames": len(area),
                "seconds": round(seconds, 3),
                "latency_ms": {part: quantiles(values) for part, values in spent.items()},
                "area": round(float(np.mean(area)), 6),
                "versions": {"torch": torch.__version__, "opencv": cv2.__version__},
            }
        )
    )


if __name__ == "__main__":
    main()
