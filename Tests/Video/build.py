"""Compiles the video door alone, and runs FFmpeg's program."""
import os
import pathlib
import shutil
import subprocess

import door

root = pathlib.Path(__file__).resolve().parent.parent.parent
libraries = ["-lavformat", "-lavcodec", "-lswscale", "-lavutil", "-lm"]


def compiler():
    swift = shutil.which("swift")
    beside = pathlib.Path(swift).resolve().parent / "clang" if swift else None
    return str(beside) if beside and beside.exists() else shutil.which("clang")


def missing():
    """Why nothing can be checked; None if all is there."""
    if not shutil.which("ffmpeg"):
        return "ffmpeg is missing (apt-get install ffmpeg)"
    if not compiler():
        return "clang is missing"
    probe = subprocess.run(
        [compiler(), "-fsyntax-only", "-x", "c", "-"], input=b"#include <libavformat/avformat.h>\n", capture_output=True)
    if probe.returncode:
        return "the headers of FFmpeg are missing (apt-get install libavformat-dev libswscale-dev)"
    return None


def compile_door(folder, *flags, name="libdoor.so"):
    """Compiles Sources/CVideo as a library of its own."""
    parts = folder / "parts"
    parts.mkdir(exist_ok=True)
    (parts / "mcdrl_has_video.h").write_text("")
    sources = sorted((root / "Sources" / "CVideo").glob("*.c"))
    out = folder / name
    subprocess.run(
        [compiler(), "-shared", "-fPIC", "-O2", "-g", "-Wall", "-Wextra", "-Werror", *flags,
         f"-I{root}/Sources/CVideo/include", f"-I{parts}", *map(str, sources), "-o", str(out), *libraries],
        check=True)
    return out if flags else door.Door(out)


def ffmpeg(*arguments):
    """Runs ffmpeg; gives what it printed, and None if it failed, as it does without an encoder."""
    line = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *map(str, arguments)]
    run = subprocess.run(line, capture_output=True, text=True, env={**os.environ, "AV_LOG_FORCE_NOCOLOR": "1"})
    return run.stdout if run.returncode == 0 else None


def truth(path, scale="", pixel_format="rgb24", options=()):
    """The unit of time, and timestamp and MD5 of each frame, as ffmpeg's framemd5 gives them."""
    text = ffmpeg(
        "-threads", "1", *options, "-copyts", "-i", path, "-map", "0:v:0", "-vsync", "passthrough",
        "-enc_time_base", "-1", "-vf", scale or "null", "-pix_fmt", pixel_format, "-f", "framemd5", "-")
    if text is None:
        return None
    unit, frames = None, []
    for line in text.splitlines():
        if line.startswith("#tb 0:"):
            unit = tuple(int(number) for number in line.split(":")[1].split("/"))
        elif line and not line.startswith("#"):
            fields = [field.strip() for field in line.split(",")]
            frames.append((int(fields[2]), fields[5]))
    return unit, frames
