"""Videos that the door writes, read back by ffmpeg and by the door."""
import hashlib
import pathlib
import random
import subprocess
import sys

import build
import door


def noise(random_source, count):
    return random_source.randbytes(count)


def smooth(width, height, step):
    """A picture of slow colours, which a codec with loss keeps well."""
    return bytes(
        value
        for y in range(height)
        for x in range(width)
        for value in ((x * 2 + step * 5) % 256 // 2 + 60, (y * 2 + step) % 200, 90 + (x + y) % 80)
    )


def check_lossless(video, folder, unit, times, size=(45, 33)):
    """Masks come back bit for bit, at their times to the millisecond that Matroska counts."""
    path, source = folder / "mask.mkv", random.Random(5)
    masks = [noise(source, size[0] * size[1]) for _ in times]
    with video.writer(path, kind=door.LOSSLESS, width=size[0], height=size[1], unit=unit) as writer:
        for mask, time in zip(masks, times):
            writer.append(mask, time)
        writer.finish()
    unit_read, frames = build.truth(path, "", "gray")
    wanted = [hashlib.md5(mask).hexdigest() for mask in masks]
    faults = [digest for _, digest in frames] != wanted
    with video.reader(path) as reader:
        faults += [digest for _, digest in reader.hashes()] != wanted
    base = min(0, times[0])
    for (pts, _), time in zip(frames, times):
        seconds = (time - base) * unit[0] / unit[1]
        faults += abs(pts * unit_read[0] / unit_read[1] - seconds) > 0.0006
    if faults:
        print(f"FAULT {path.name} at units of {unit}: masks or times differ")
    return int(bool(faults))


def check_overlay(video, folder, unit, times, without_h264, size=(48, 32)):
    """Times come back exactly, colours nearly."""
    path = folder / f"overlay{without_h264}.mp4"
    pictures = [smooth(*size, step) for step in range(len(times))]
    with video.writer(
        path, kind=door.OVERLAY, width=size[0], height=size[1], unit=unit, without_h264=without_h264) as writer:
        codec = writer.codec
        for picture, time in zip(pictures, times):
            writer.append(picture, time)
        writer.finish()
    unit_read, frames = build.truth(path)
    base = min(0, times[0])
    wanted = [(time - base) * unit[0] / unit[1] for time in times]
    exact = 1e-6 if unit[1] / unit[0] > 2_000_000 else 1e-9
    faults = []
    if len(frames) != len(times):
        faults.append(f"{len(frames)} frames of {len(times)}")
    late = max(abs(pts * unit_read[0] / unit_read[1] - time) for (pts, _), time in zip(frames, wanted))
    if late > exact:
        faults.append(f"times differ by {late} s")
    with video.reader(path) as reader:
        padded = (size[0] + size[0] % 2, size[1] + size[1] % 2)
        if (reader.properties.width, reader.properties.height) != padded:
            faults.append("its size differs")
        for picture in pictures:
            reader.next()
            found = reader.pixels()
            error = sum(
                abs(picture[(y * size[0] + x) * 3 + c] - found[(y * padded[0] + x) * 3 + c])
                for y in range(size[1]) for x in range(size[0]) for c in range(3)) / len(picture)
            if error > 6:
                faults.append(f"colours differ by {error:.1f}")
                break
    for fault in faults:
        print(f"FAULT {path.name} ({codec}) at units of {unit}: {fault}")
    return len(faults)


def check_full_disk(folder):
    """A file that may not grow further gives the system's error, and no crash."""
    code = f"""
import resource, signal, sys
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
import door, random
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (150000, 150000))
video = door.Door({str(folder / "libdoor.so")!r})
for kind, channels in ((door.OVERLAY, 3), (door.LOSSLESS, 1)):
    try:
        with video.writer({str(folder / "full.video")!r}, kind=kind, width=128, height=96, unit=(1, 25)) as writer:
            for i in range(400):
                writer.append(random.randbytes(128 * 96 * channels), i)
            writer.finish()
        sys.exit("no error")
    except door.DoorError as error:
        if error.code != door.SYSTEM or error.message != "File too large":
            sys.exit(str(error))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if run.returncode:
        print(f"FAULT a full disk: {run.returncode} {run.stderr[-300:]}")
    return int(run.returncode != 0)


def check(video, folder):
    faults = 0
    steady = list(range(0, 60))
    variable = [0, 3003, 6006, 9100, 20000, 20001, 90000, 400000, 400900, 9000000]
    units = [((1, 25), steady), ((1, 90000), variable), ((1, 1000), [7 * t + t % 3 for t in range(5, 70)]),
             ((1001, 30000), steady), ((1, 1000000000), [t * 40_000_000 for t in range(20)]),
             ((1, 12800), [t * 512 for t in range(-2, 20)]), ((1, 25), [1_000_000 + t for t in range(5)])]
    for unit, times in units:
        for without_h264 in (0, 1):
            faults += check_overlay(video, folder, unit, times, without_h264)
        # Matroska counts milliseconds, so frames at 20000/90000 and 20001/90000 s move apart by one.
        faults += check_lossless(video, folder, unit, [t for t in times if t != 20001])
    faults += check_overlay(video, folder, (1, 25), steady[:5], 0, size=(47, 31))
    faults += check_overlay(video, folder, (1, 25), steady[:5], 1, size=(47, 31))
    faults += check_overlay(video, folder, (1, 25), steady[:2], 0, size=(1281, 7))
    faults += check_overlay(video, folder, (1, 25), steady[:2], 0, size=(2, 2))
    faults += check_overlay(video, folder, (1, 25), [3], 0)
    for size in ((1, 1), (2, 2), (1, 40), (900, 1), (15, 15), (16, 16), (17, 400), (500, 16), (401, 301)):
        faults += check_lossless(video, folder, (1, 25), [3, 4], size=size)
    faults += check_full_disk(folder)
    print("writing: FFV1 bit for bit, H.264 and MPEG-4 at their times, a full disk")
    return faults
