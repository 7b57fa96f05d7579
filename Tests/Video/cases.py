"""Videos of many codecs and containers, and how the door must read them."""
import struct

import build
import door

linear = "flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp"
cubic = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
picture = "testsrc2=s=176x144:r=25:d=1.2"
small = ["-g", "8", "-threads", "1"]
x264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p", *small]


class Case:
    """A file, how ffmpeg makes it, and the filter by which ffmpeg shows it as the door does."""

    def __init__(self, name, *arguments, source=picture, view=f"scale={linear}", **expected):
        self.name, self.arguments, self.source, self.view = name, arguments, source, view
        self.expected = expected


# Seven frames of nine, and not the last one: 39 of 50 stay.
variable = "select='lt(mod(n\\,9)\\,7)*lt(n\\,49)'"

cases = [
    Case("h264.mp4", *x264),
    Case("h264-b.mkv", *x264, "-bf", "3"),
    Case("h264.ts", *x264, "-bf", "2"),
    Case("h264.mov", *x264),
    Case("h264.avi", *x264, "-bf", "0"),
    Case("raw.h264", *x264, "-bf", "0"),
    Case("raw-b.h264", *x264, "-bf", "2", pts="as they are"),
    Case("h264-flv.flv", *x264),
    Case("fragmented.mp4", *x264, "-movflags", "frag_keyframe+empty_moov"),
    Case("hevc.mp4", "-c:v", "libx265", "-x265-params", "log-level=none:pools=1", "-pix_fmt", "yuv420p"),
    Case("raw.hevc", "-c:v", "libx265", "-x265-params", "log-level=none:pools=1:bframes=0", "-pix_fmt", "yuv420p"),
    Case("mpeg2.ts", "-c:v", "mpeg2video", "-bf", "2", *small),
    Case("mpeg2.mpg", "-c:v", "mpeg2video", "-bf", "2", *small),
    Case("raw.m2v", "-c:v", "mpeg2video", "-bf", "0", *small, "-f", "mpeg2video", pts="as they are"),
    Case("mpeg4.avi", "-c:v", "mpeg4", "-q:v", "4", *small),
    Case("mpeg4.mp4", "-c:v", "mpeg4", "-bf", "2", "-q:v", "4", *small),
    Case("mjpeg.avi", "-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p"),
    Case("mjpeg.mov", "-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj422p"),
    Case("vp8.webm", "-c:v", "libvpx", "-deadline", "realtime", "-threads", "1"),
    Case("vp9.webm", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-threads", "1"),
    Case("ffv1.mkv", "-c:v", "ffv1", "-pix_fmt", "yuv420p", "-threads", "1"),
    Case("ffv1-rgb.mkv", "-c:v", "ffv1", "-pix_fmt", "bgr0", "-threads", "1"),
    Case("ffv1-grey.mkv", "-c:v", "ffv1", "-pix_fmt", "gray", "-threads", "1", grey=True),
    Case("h264-grey.mp4", "-c:v", "libx264", "-pix_fmt", "gray", "-threads", "1"),
    Case("wmv2.asf", "-c:v", "wmv2", "-q:v", "4", *small),
    Case("yuv422.mkv", "-c:v", "libx264", "-pix_fmt", "yuv422p", "-threads", "1"),
    Case("yuv444.mkv", "-c:v", "libx264", "-pix_fmt", "yuv444p", "-threads", "1"),
    Case("ten-bit.mkv", "-c:v", "libx264", "-pix_fmt", "yuv420p10le", "-threads", "1", bits=10),
    Case("odd.mkv", "-c:v", "ffv1", "-pix_fmt", "yuv420p", source="testsrc2=s=175x143:r=25:d=0.4"),
    Case("tiny.mkv", "-c:v", "ffv1", "-pix_fmt", "yuv420p", source="testsrc2=s=2x2:r=25:d=0.4"),
    # Colours: full range, and matrices that are stated or guessed from the size.
    Case("full.mp4", *x264, "-color_range", "pc", "-vf", "scale=out_range=full", full_range=1),
    Case("bt709.mp4", *x264, "-colorspace", "bt709", matrix="bt709"),
    Case("bt2020.mp4", *x264, "-colorspace", "bt2020nc", matrix="bt2020nc"),
    Case("high.mp4", *x264, "-preset", "ultrafast", source="testsrc2=s=1280x720:r=25:d=0.2",
         view=f"scale=in_color_matrix=bt709:{linear}", matrix="bt709"),
    Case("hdr.mkv", *x264, "-pix_fmt", "yuv420p10le", "-colorspace", "bt2020nc", "-color_trc", "smpte2084",
         "-color_primaries", "bt2020", high_dynamic_range=1, bits=10),
    # Time: variable rate, a start that is not 0, an edit list.
    Case("variable.mkv", "-vf", variable, "-vsync", "passthrough", *x264, source="testsrc2=s=176x144:r=25:d=2",
         frames=39),
    Case("variable.mp4", "-vf", variable, "-vsync", "passthrough", *x264, source="testsrc2=s=176x144:r=25:d=2",
         frames=39),
    Case("late.mkv", *x264, "-output_ts_offset", "7.3"),
    Case("late.mp4", *x264, "-output_ts_offset", "7.3"),
    Case("ntsc.mp4", *x264, source="testsrc2=s=176x144:r=30000/1001:d=1"),
    # Shape: interlaced, pixels that are not square.
    Case("interlaced.ts", "-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-top", "1", *small, interlaced=True),
    Case("wide.mp4", *x264, "-vf", "setsar=16/11", view=f"scale=256:144:{cubic}", width=256, height=144),
    Case("tall.mp4", *x264, "-vf", "setsar=10/11", view=f"scale=176:158:{cubic}", width=176, height=158),
]

# The display matrix (a, b, c, d) of each number of EXIF, and the filters that do the same.
turns = {
    1: ((1, 0, 0, 1), "null"),
    2: ((-1, 0, 0, 1), "hflip"),
    3: ((-1, 0, 0, -1), "hflip,vflip"),
    4: ((1, 0, 0, -1), "vflip"),
    5: ((0, 1, 1, 0), "transpose=cclock_flip"),
    6: ((0, 1, -1, 0), "transpose=clock"),
    7: ((0, -1, -1, 0), "transpose=clock_flip"),
    8: ((0, -1, 1, 0), "transpose=cclock"),
}


def turned(content, matrix):
    """A copy of an MP4 with another display matrix in its track header."""
    def fixed(numbers):
        units = [number << 16 for number in numbers]
        return struct.pack(">9i", units[0], units[1], 0, units[2], units[3], 0, 0, 0, 1 << 30)

    place = content.index(fixed((1, 0, 0, 1)), content.index(b"tkhd"))
    return content[:place] + fixed(matrix) + content[place + 36 :]


# Made of h264.mp4: edit lists, one of which begins between key frames, and pictures on the cover.
derived = {
    "edited.mp4": ["-ss", "0.5", "-i", "h264.mp4", "-c", "copy"],
    "edited.mkv": ["-ss", "0.5", "-i", "h264.mp4", "-c", "copy"],
    "early.mp4": ["-i", "h264.mp4", "-c", "copy", "-output_ts_offset", "-0.2"],
    "covered.mkv": ["-i", "h264.mp4", "-attach", "cover.png", "-metadata:s:t", "mimetype=image/png", "-c", "copy"],
    "covered.mp4": [
        "-i", "cover.png", "-i", "h264.mp4", "-map", "0", "-map", "1", "-c", "copy", "-disposition:v:0", "attached_pic"],
}


def check_derived(video, folder):
    faults = 0
    build.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=640x480:d=0.1", "-frames:v", "1", folder / "cover.png")
    for name, arguments in derived.items():
        line = [folder / word if word in ("h264.mp4", "cover.png") else word for word in arguments]
        if build.ffmpeg(*line, folder / name) is None:
            print(f"  skipped {name}: ffmpeg cannot write it")
            continue
        with video.reader(folder / name) as reader:
            found, streams = list(reader.hashes()), reader.properties.streams
        faults += matches(name, found, build.truth(folder / name, f"scale={linear}"))
        if streams != 1:
            print(f"FAULT {name}: {streams} streams")
            faults += 1
    return faults


def matches(name, found, truth, ignore_times=False):
    """Prints the first difference; returns whether there is one."""
    if truth is None:
        print(f"  {name}: ffmpeg cannot read it")
        return True
    wanted = truth[1]
    if len(found) != len(wanted):
        print(f"FAULT {name}: {len(found)} frames, ffmpeg gives {len(wanted)}")
        return True
    for index, ((frame, digest), (pts, expected)) in enumerate(zip(found, wanted)):
        if digest != expected or (frame.pts != pts and not ignore_times):
            print(f"FAULT {name}: frame {index} at {frame.pts}, {digest}; ffmpeg gives {pts}, {expected}")
            return True
    return False


def check_case(video, case, path):
    with video.reader(path) as reader:
        found, properties = list(reader.hashes()), reader.properties
    is_grey = case.expected.get("grey")
    truth = build.truth(path, case.view, "gray" if is_grey else "rgb24")
    faulty = matches(case.name, found, truth, ignore_times="pts" in case.expected)
    if truth and truth[0] != (properties.time_base_num, properties.time_base_den):
        print(f"FAULT {case.name}: the unit of time is {properties.time_base_num}/{properties.time_base_den}")
        faulty = True
    for field in ("width", "height", "bits", "full_range", "matrix", "high_dynamic_range"):
        value = getattr(properties, field)
        value = value.decode() if isinstance(value, bytes) else value
        if field in case.expected and case.expected[field] != value:
            print(f"FAULT {case.name}: {field} is {value}, wanted {case.expected[field]}")
            faulty = True
    if "frames" in case.expected and len(found) != case.expected["frames"]:
        print(f"FAULT {case.name}: {len(found)} frames, wanted {case.expected['frames']}")
        faulty = True
    if any(frame.is_damaged for frame, _ in found):
        print(f"FAULT {case.name}: a sound frame is marked as damaged")
        faulty = True
    if any(bool(frame.is_interlaced) != bool(case.expected.get("interlaced")) for frame, _ in found):
        print(f"FAULT {case.name}: interlacing is not reported as it is")
        faulty = True
    # The same bytes in memory, and several threads, give the same frames.
    for options in ({"content": path.read_bytes()}, {"path": path, "threads": 3}):
        with video.reader(**options) as reader:
            again = [(frame.pts, digest) for frame, digest in reader.hashes()]
        if again != [(frame.pts, digest) for frame, digest in found]:
            print(f"FAULT {case.name}: other frames by {list(options)}")
            faulty = True
    return faulty


def check(video, folder):
    faults = count = 0
    for case in cases:
        path = folder / case.name
        if build.ffmpeg("-f", "lavfi", "-i", case.source, *case.arguments, path) is None:
            print(f"  skipped {case.name}: ffmpeg cannot write it")
            continue
        count += 1
        try:
            faults += check_case(video, case, path)
        except door.DoorError as error:
            print(f"FAULT {case.name}: {error}")
            faults += 1
    upright = (folder / "h264.mp4").read_bytes() if (folder / "h264.mp4").exists() else None
    for number, (matrix, view) in turns.items() if upright else ():
        path = folder / f"turned-{number}.mp4"
        path.write_bytes(turned(upright, matrix))
        count += 1
        with video.reader(path) as reader:
            found = list(reader.hashes())
        truth = build.truth(path, f"scale={linear},format=rgb24,{view}", options=["-noautorotate"])
        faults += matches(path.name, found, truth)
        # ffmpeg turns before it converts, so its luma tells that the direction is the same.
        if build.truth(path, "", "gray") != build.truth(path, view, "gray", options=["-noautorotate"]):
            print(f"FAULT {path.name}: ffmpeg turns it in another way")
            faults += 1
    if upright:
        faults += check_derived(video, folder)
        count += len(derived)
    print(f"{count} videos: frames, timestamps and colours beside framemd5")
    return faults
