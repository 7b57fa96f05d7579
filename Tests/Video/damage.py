"""Videos that are cut off, damaged at random, encrypted, or no videos."""
import random
import subprocess

import build
import cases
import door

cut = ["h264-b.mkv", "h264.ts", "h264.avi", "raw.h264", "front.mp4", "mjpeg.avi", "mpeg2.ts", "ffv1.mkv", "hevc.mp4"]


def check_cut(video, folder):
    """As many frames as ffmpeg gives; those without a mark equal those of the whole file."""
    faults = 0
    build.ffmpeg("-i", folder / "h264.mp4", "-c", "copy", "-movflags", "+faststart", folder / "front.mp4")
    for name in cut:
        if not (folder / name).exists():
            continue
        content = (folder / name).read_bytes()
        with video.reader(folder / name) as reader:
            whole = {frame.pts: digest for frame, digest in reader.hashes()}
        # A part of the beginning, or the end of a stream without a head.
        for share in (0.35, 0.6, 0.9, -0.6):
            path = folder / ("cut-" + name)
            if share < 0 and path.suffix != ".ts":
                continue
            place = int(len(content) * share)
            path.write_bytes(content[:place] if share > 0 else content[place:])
            truth = build.truth(path, f"scale={cases.linear}") or ((1, 1), [])
            try:
                with video.reader(path) as reader:
                    found = list(reader.hashes())
            except door.DoorError as error:
                found = []
                if truth[1]:
                    print(f"FAULT {path.name} at {share}: {error}, ffmpeg gives {len(truth[1])} frames")
                    faults += 1
                continue
            wrong = [f.index for f, digest in found if not f.is_damaged and whole.get(f.pts) != digest]
            print(f"  {path.name} at {share}: {len(found)} frames, {sum(f.is_damaged for f, _ in found)} damaged;"
                  f" ffmpeg gives {len(truth[1])}")
            if wrong or abs(len(found) - len(truth[1])) > 1:
                print(f"FAULT {path.name} at {share}: frames {wrong[:5]} differ from the whole file without a mark")
                faults += 1
    return faults


def mutated(content, source):
    content = bytearray(content)
    kind = source.randrange(5)
    if kind == 0:
        return content[: source.randrange(len(content))]
    if kind == 1:
        start = source.randrange(len(content))
        del content[start : start + source.randrange(1, 500)]
        return content
    if kind == 2:
        start = source.randrange(len(content))
        content[start:start] = source.randbytes(source.randrange(1, 300))
        return content
    # Headers decide most, so half of the changes stay in them or in the index at the end.
    for _ in range(source.randrange(1, 30)):
        end = 1500 if kind == 3 and source.random() < 0.5 else len(content)
        place = source.randrange(min(end, len(content)))
        value = source.choice([0, 255, source.randrange(256)])
        content[place if kind == 4 or source.random() < 0.5 else -1 - place] = value
    return content


def check_mutations(folder, count):
    """No crash, no fault of memory, no endless work."""
    program = folder / "read"
    flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", str(build.root / "Tests/Video/read.c")]
    command = [build.compiler(), "-O1", "-g", *flags, f"-I{build.root}/Sources/CVideo/include", f"-I{folder}/parts",
               *map(str, sorted((build.root / "Sources/CVideo").glob("*.c"))), "-o", str(program), *build.libraries]
    subprocess.run(command, check=True, capture_output=True)
    names = [case.name for case in cases.cases if (folder / case.name).exists()]
    names = [name for name in names if (folder / name).stat().st_size < 300_000]
    source, results, faults = random.Random(21), {}, 0
    for number in range(count):
        name = names[number % len(names)]
        path = folder / ("mutated-" + name)
        path.write_bytes(mutated((folder / name).read_bytes(), source))
        try:
            run = subprocess.run(
                [str(program), str(path)], capture_output=True, text=True, errors="replace", timeout=120,
                env={"ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1"})
        except subprocess.TimeoutExpired:
            run = None
        if run is None or run.returncode:
            kept = folder / f"found-{number}-{name}"
            path.rename(kept)
            reason = "more than 120 s" if run is None else f"{run.returncode} {run.stderr[-1500:]}"
            print(f"FAULT {kept}: {reason}")
            faults += 1
        else:
            results[run.stdout.split()[0]] = results.get(run.stdout.split()[0], 0) + 1
    read = results.get("1", 0)
    print(f"{count} damaged files: {faults} crashes; read {read}, refused {count - read}")
    return faults


def check_refused(video, folder):
    """Files that are no videos, and those that want other files, are refused with a reason."""
    faults = 0
    (folder / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nh264.ts\n#EXT-X-ENDLIST\n")
    (folder / "list.ffconcat").write_text("ffconcat version 1.0\nfile h264.mp4\n")
    (folder / "text.mp4").write_text("not a video\n" * 50)
    (folder / "void.mp4").write_bytes(b"")
    (folder / "zeros.mp4").write_bytes(bytes(100_000))
    wanted = {"list.m3u8": door.NO_VIDEO, "list.ffconcat": door.NO_VIDEO, "text.mp4": door.NO_VIDEO,
              "void.mp4": door.NO_VIDEO, "zeros.mp4": door.NO_VIDEO, "picture.png": door.NO_VIDEO, "sound.m4a": door.NO_VIDEO,
              "cover.mp4": door.NO_VIDEO, "secret.mp4": door.ENCRYPTED, "large.mkv": door.TOO_LARGE,
              "headless.mp4": door.DAMAGED}
    tone = ["-f", "lavfi", "-i", "sine=d=1"]
    build.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:d=0.1", "-frames:v", "1", folder / "picture.png")
    build.ffmpeg(*tone, folder / "sound.m4a")
    build.ffmpeg(*tone, "-i", folder / "picture.png", "-map", "0", "-map", "1", "-c:v", "png",
                 "-disposition:v:0", "attached_pic", folder / "cover.mp4")
    build.ffmpeg("-i", folder / "h264.mp4", "-c", "copy", "-encryption_scheme", "cenc-aes-ctr", "-encryption_key",
                 "00112233445566778899aabbccddeeff", "-encryption_kid", "112233445566778899aabbccddeeff00",
                 folder / "secret.mp4")
    build.ffmpeg("-f", "lavfi", "-i", "color=s=12000x9000:d=0.04", "-c:v", "ffv1", folder / "large.mkv")
    content = (folder / "h264.mp4").read_bytes()
    (folder / "headless.mp4").write_bytes(content[: content.index(b"moov") - 4])
    for name, code in wanted.items():
        if not (folder / name).exists():
            print(f"  skipped {name}: ffmpeg cannot write it")
            continue
        try:
            video.reader(folder / name).close()
            print(f"FAULT {name} was read")
            faults += 1
        except door.DoorError as error:
            print(f"  {name}: {error}")
            faults += error.code != code
    return faults


def check_sizes(video, folder):
    """A stream whose size changes keeps the first size."""
    parts = []
    for number, size in enumerate(("160x120", "96x80")):
        path = folder / f"size-{number}.ts"
        build.ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d=0.4", "-c:v", "libx264", "-bf", "0",
                     "-output_ts_offset", str(number), path)
        parts.append(path.read_bytes())
    (folder / "sizes.ts").write_bytes(b"".join(parts))
    with video.reader(folder / "sizes.ts") as reader:
        found = [frame for frame, _ in reader.hashes()]
        size = (reader.properties.width, reader.properties.height)
    resized = sum(frame.is_resized for frame in found)
    print(f"  sizes.ts: {len(found)} frames of {size}, {resized} resized")
    return int(len(found) != 20 or size != (160, 120) or resized != 10)


def check(video, folder, mutations):
    faults = check_cut(video, folder) + check_refused(video, folder) + check_sizes(video, folder)
    return faults + check_mutations(folder, mutations)
