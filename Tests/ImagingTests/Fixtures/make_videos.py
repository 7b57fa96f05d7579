#!/usr/bin/env python3
"""Makes the videos in video/ with the ffmpeg program (5.1.6 with libx264 made those that are committed).

    python3 make_videos.py

Frame n of the grey videos has the luma 40 + 3 n, so a frame tells its number. The coloured ones have a red, a green, a
blue and a white quarter (top left, top right, bottom left, bottom right).
"""
import pathlib
import struct
import subprocess

folder = pathlib.Path(__file__).resolve().parent / "video"
grey = "color=gray:s={size}:r=25:d={seconds},format=yuv420p,geq=lum='40+3*N':cb=128:cr=128"
quarters = (
    "color=black:s=64x48:r=25:d=0.16,format=gbrp,"
    "geq=r='255*(lt(X,32)*lt(Y,24)+gte(X,32)*gte(Y,24))':g='255*gte(X,32)':b='255*gte(Y,24)'"
)
# Seven frames of nine, and not the last one: 39 of 50 stay.
variable = "select='lt(mod(n\\,9)\\,7)*lt(n\\,49)'"
x264 = ["-c:v", "libx264", "-threads", "1", "-pix_fmt", "yuv420p", "-x264-params", "info=0", "-crf", "10"]


def make(name, source, *arguments, flags=""):
    exact = ["-fflags", "+bitexact", "-flags", "+bitexact" + flags, "-map_metadata", "-1"]
    line = ["ffmpeg", "-loglevel", "error", "-y", "-f", "lavfi", "-i", source, *arguments, *exact, str(folder / name)]
    subprocess.run(line, check=True)


def fixed(numbers):
    a, b, c, d = (number << 16 for number in numbers)
    return struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)


folder.mkdir(exist_ok=True)
make("steady.mp4", grey.format(size="64x48", seconds=0.4), *x264, "-g", "5", "-bf", "2", "-movflags", "+faststart")
make("variable.mkv", grey.format(size="32x32", seconds=2), "-vf", variable, "-vsync", "passthrough", *x264)
make("wide.mp4", quarters, "-vf", "setsar=4/3", *x264)
make("interlaced.mkv", grey.format(size="64x48", seconds=0.2), "-c:v", "mpeg2video", "-top", "1", "-q:v", "2",
     flags="+ildct+ilme")
make("raw.h264", grey.format(size="32x32", seconds=0.2), *x264, "-bf", "0")
make("turned.mp4", quarters, *x264)
content = (folder / "turned.mp4").read_bytes()
place = content.index(fixed((1, 0, 0, 1)), content.index(b"tkhd"))
# The display matrix of a quarter turn to the right.
(folder / "turned.mp4").write_bytes(content[:place] + fixed((0, 1, -1, 0)) + content[place + 36 :])
