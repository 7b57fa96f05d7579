"""The memory that reading takes must not grow with the length of a video."""
import subprocess
import sys

import build

minutes = (2, 120)


def make(folder, length, suffix):
    """A video of so many minutes: one minute, again and again."""
    minute, path = folder / f"minute.{suffix}", folder / f"long-{length}.{suffix}"
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "250", "-bf", "2"]
    if suffix == "avi":
        codec = ["-c:v", "mpeg4", "-q:v", "10", "-g", "250"]
    if not minute.exists():
        build.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=60", "-threads", "1", *codec, minute)
    build.ffmpeg("-stream_loop", length - 1, "-i", minute, "-c", "copy", path)
    return path


def check(folder):
    program, faults = folder / "read-plain", 0
    subprocess.run(
        [build.compiler(), "-O2", f"-I{build.root}/Sources/CVideo/include", f"-I{folder}/parts",
         str(build.root / "Tests/Video/read.c"), *map(str, sorted((build.root / "Sources/CVideo").glob("*.c"))),
         "-o", str(program), *build.libraries], check=True)
    for suffix in ("mp4", "mkv", "ts", "avi"):
        peaks = []
        for length in minutes:
            path = make(folder, length, suffix)
            run = subprocess.run([str(program), str(path)], capture_output=True, text=True, check=True)
            code, frames, damaged, peak = map(int, run.stdout.split()[:4])
            wanted = length * 1500
            if (code, damaged) != (1, 0) or abs(frames - wanted) > wanted / 500:
                print(f"FAULT {path.name}: {frames} frames, {damaged} damaged, wanted {wanted}", file=sys.stderr)
                faults += 1
            peaks.append(peak / 1024)
            path.unlink()
        print(f"  {suffix}: peak {peaks[0]:.1f} MB in {minutes[0]} minutes, {peaks[1]:.1f} MB in {minutes[1]} minutes")
        # The index of MP4 has some bytes for each frame.
        if peaks[1] > peaks[0] + 40:
            print(f"FAULT {suffix}: memory grows with the length")
            faults += 1
    return faults
