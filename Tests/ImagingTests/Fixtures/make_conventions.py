"""Makes conventions.json: how files that writers really make differ from one another, and what Pillow sees in them.

Run from anywhere: python make_conventions.py   (needs Pillow 13, numpy, tifffile, imagecodecs; --compare needs OpenCV)
Each case has the bytes of a small file in base64 and either the samples that Pillow sees, with the difference that two
versions of libjpeg may have, or the kind of error. Pictures with alpha are blended with black, and 16 bits scaled with
rounding, as the project does; there the samples are computed from the source. With --compare it prints where OpenCV or
tifffile see something else, and writes nothing.
"""

import base64
import hashlib
import io
import json
import struct
import sys
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageOps

W, H = 18, 10
cases, samples = [], {}


def scene():
    y, x = np.mgrid[0:H, 0:W].astype(float)
    rgb = np.stack([40 + 180 * x / W, 30 + 160 * y / H, 120 + 60 * np.sin(x / 5) * np.cos(y / 4)], -1)
    rgb[(x - 6) ** 2 + (y - 7) ** 2 < 9] = (220, 90, 60)
    return rgb.round().astype(np.uint8)


rgb = scene()
grey = np.asarray(Image.fromarray(rgb).convert("L"))
alpha = np.tile(np.linspace(0, 255, W).round().astype(np.uint8), (H, 1))
cmyk = np.dstack([255 - rgb, grey // 4])
deep = (np.mgrid[0:H, 0:W][1] * 3271 + np.mgrid[0:H, 0:W][0] * 113).astype(np.uint16)
labels = (np.mgrid[0:H, 0:W][1] // 5 + np.mgrid[0:H, 0:W][0] // 6).astype(np.uint8)


def over_black(colour, opacity):
    opacity = opacity[..., None] if colour.ndim == 3 else opacity
    return (colour.astype(int) * opacity + 127) // 255


def scaled16(values):
    return (values.astype(np.int64) * 255 + 32767) // 65535


def pillow(content):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    return np.asarray(image if image.mode == "L" else image.convert("RGB"))


def case(name, content, pixels=None, tolerance=0, error=None):
    """Adds a case; without pixels they are Pillow's."""
    entry = {"name": name, "file": base64.b64encode(content).decode()}
    if error:
        entry["error"] = error
    else:
        pixels = np.ascontiguousarray(pillow(content) if pixels is None else pixels, np.uint8)
        entry |= {"width": pixels.shape[1], "height": pixels.shape[0],
                  "channels": 1 if pixels.ndim == 2 else pixels.shape[2], "tolerance": tolerance,
                  "samples": hashlib.sha256(pixels.tobytes()).hexdigest()[:8]}
        samples[entry["samples"]] = base64.b64encode(pixels.tobytes()).decode()
    cases.append(entry)


# JPEG


def jpeg(image=None, **options):
    out = io.BytesIO()
    (Image.fromarray(rgb) if image is None else image).save(out, "jpeg", **{"quality": 90, "optimize": True, **options})
    return out.getvalue()


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def segments(content):
    """Splits a JPEG into its segments; the last holds all from the scan on."""
    at, parts = 2, []
    while content[at + 1] != 0xDA:
        length = 2 + struct.unpack(">H", content[at + 2:at + 4])[0]
        parts.append(content[at:at + length])
        at += length
    return parts + [content[at:]]


def joined(parts):
    return b"\xff\xd8" + b"".join(parts)


def edited(content, drop=(), first=b"", ids=None):
    """Leaves out segments by marker, puts bytes first, and renames the components."""
    parts = [bytearray(p) for p in segments(content) if p[1] not in drop]
    if ids:
        for part in parts:
            if part[1] in (0xC0, 0xC1, 0xC2):
                for i, value in enumerate(ids):
                    part[10 + 3 * i] = value
            if part[1] == 0xDA:
                for i, value in enumerate(ids):
                    part[5 + 2 * i] = value
    return joined([first] + [bytes(p) for p in parts])


def adobe(transform):
    return segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))


def raw_jpeg(pixels, space):
    """Components as they are, without a marker that names their colours."""
    content = imagecodecs.jpeg8_encode(pixels, level=90, colorspace=space, outcolorspace=space, optimize=True)
    return edited(content, drop=(0xE0, 0xEE))


def jpegs():
    plain = jpeg()
    near = 1  # libjpeg-turbo 2.1 and 3.2 agree on every sample; another libjpeg may round in another way.
    case("jpeg 4:2:0", plain, tolerance=near)
    case("jpeg 4:2:2", jpeg(subsampling="4:2:2"), tolerance=near)
    case("jpeg 4:4:4", jpeg(subsampling="4:4:4"), tolerance=near)
    case("jpeg progressive", jpeg(progressive=True), tolerance=near)
    case("jpeg without JFIF", edited(plain, drop=(0xE0,)), tolerance=near)
    case("jpeg Adobe transform 1", edited(plain, drop=(0xE0,), first=adobe(1)), tolerance=near)
    case("jpeg Adobe transform 0", edited(plain, drop=(0xE0,), first=adobe(0)), tolerance=near)
    case("jpeg Adobe transform 7", edited(plain, drop=(0xE0,), first=adobe(7)), tolerance=near)
    case("jpeg JFIF and Adobe transform 0", edited(plain, first=adobe(0)), tolerance=near)
    stored = raw_jpeg(rgb, "rgb")
    case("jpeg components R G B", edited(stored, ids=b"RGB"), tolerance=near)
    case("jpeg components 1 2 3", edited(stored, ids=b"\1\2\3"), tolerance=near)
    case("jpeg components 0 1 2", edited(stored, ids=b"\0\1\2"), tolerance=near)
    case("jpeg components r g b", edited(stored, ids=b"rgb"), tolerance=near)
    case("jpeg components R G B with JFIF", edited(stored, ids=b"RGB", first=segments(plain)[0]), tolerance=near)
    case("jpeg grey", jpeg(Image.fromarray(grey)), tolerance=near)
    inks = jpeg(Image.fromarray(cmyk, "CMYK"))
    case("jpeg CMYK, Adobe transform 0", inks, tolerance=near)
    case("jpeg CMYK, Adobe transform 2", edited(inks, drop=(0xEE,), first=adobe(2)), tolerance=near)
    case("jpeg CMYK, Adobe transform 1", edited(inks, drop=(0xEE,), first=adobe(1)), tolerance=near)
    case("jpeg CMYK, no marker", edited(inks, drop=(0xEE,)), tolerance=near)
    parts = segments(plain)
    filler = joined([parts[0], b"\0" * 7] + parts[1:])
    case("jpeg filler before a marker", filler, tolerance=near)
    case("jpeg JFIF 3.1", plain.replace(b"JFIF\0\1", b"JFIF\0\3"), tolerance=near)
    case("jpeg bytes after its end", plain + b"more", tolerance=near)
    scan = segments(plain)[-1]
    odd = bytearray(scan)
    odd[11:14] = bytes([0, 62, 0])  # Spectral selection that sequential files do not have.
    case("jpeg odd scan parameters", joined(segments(plain)[:-1] + [bytes(odd)]), tolerance=near)
    case("jpeg cut short", plain[:-40], error="damaged")
    case("jpeg filler, cut short", filler[:-40], error="damaged")


# PNG


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(bits, colour, pixels, extra=b"", interlaced=False, tail=True, window=None):
    """Writes a PNG by hand; pixels are H×W or H×W×channels."""
    def rows(part):
        if not part.size:
            return b""
        lines = part.reshape(part.shape[0], -1)
        if bits == 16:
            return b"".join(b"\0" + line.astype(">u2").tobytes() for line in lines)
        out = b""
        for line in lines:
            text = "".join(format(int(v), f"0{bits}b") for v in line)
            text += "0" * (-len(text) % 8)
            out += b"\0" + int(text, 2).to_bytes(len(text) // 8, "big")
        return out
    raw = b"".join(rows(pixels[y::dy, x::dx]) for x, y, dx, dy in PASSES) if interlaced else rows(pixels)
    data = bytearray(zlib.compress(raw, 9))
    if window is not None:  # States another window than the data needs.
        data[0] = (window - 8) << 4 | 8
        data[1] = 31 - (data[0] << 8) % 31
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, bits, colour, 0, 0, int(interlaced)))
            + extra + chunk(b"IDAT", bytes(data)) + (chunk(b"IEND", b"") if tail else b""))


def pngs():
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [9, 99, 199]], np.uint8)
    table = chunk(b"PLTE", colours.tobytes())
    clear = chunk(b"tRNS", bytes([255, 128, 0]))
    opacity = np.array([255, 128, 0, 255, 255, 255])
    case("png RGB", png(8, 2, rgb))
    case("png RGB with gAMA", png(8, 2, rgb, chunk(b"gAMA", struct.pack(">I", 100000))))
    case("png RGB with gAMA, cHRM and sRGB", png(8, 2, rgb, chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(
        b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)) + chunk(b"sRGB", b"\0")))
    case("png RGB with bKGD and sBIT", png(8, 2, rgb, chunk(b"sBIT", b"\5\6\5") + chunk(b"bKGD", b"\0\7" * 3)))
    for bits in (1, 2, 4):
        small = grey >> (8 - bits)
        for interlaced in (False, True):
            case(f"png grey of {bits} bits{', interlaced' * interlaced}", png(bits, 0, small, interlaced=interlaced),
                 small.astype(int) * 255 // ((1 << bits) - 1))
    case("png grey, interlaced", png(8, 0, grey, interlaced=True))
    case("png RGB, interlaced", png(8, 2, rgb, interlaced=True))
    three = np.stack([deep, 65535 - deep, deep // 2], -1)
    for interlaced in (False, True):
        case(f"png grey of 16 bits{', interlaced' * interlaced}", png(16, 0, deep, interlaced=interlaced),
             scaled16(deep))
        case(f"png RGB of 16 bits{', interlaced' * interlaced}", png(16, 2, three, interlaced=interlaced),
             scaled16(three))
        case(f"png palette{', interlaced' * interlaced}", png(4, 3, labels, table, interlaced=interlaced))
        case(f"png palette with tRNS{', interlaced' * interlaced}",
             png(4, 3, labels, table + clear, interlaced=interlaced), over_black(colours[labels], opacity[labels]))
    case("png grey and alpha", png(8, 4, np.dstack([grey, alpha])), over_black(grey, alpha))
    case("png RGB and alpha", png(8, 6, np.dstack([rgb, alpha])), over_black(rgb, alpha))
    case("png grey of 16 bits and alpha", png(16, 4, np.dstack([deep, np.full_like(deep, 65535)])), scaled16(deep))
    case("png RGB with tRNS", png(8, 2, rgb, chunk(b"tRNS", struct.pack(">HHH", *(int(v) for v in rgb[7, 6])))),
         np.where((rgb == rgb[7, 6]).all(-1, keepdims=True), 0, rgb))
    big = np.random.default_rng(1).integers(0, 256, (H, W, 3), dtype=np.uint8)
    big[H // 2:] = big[:H // 2]  # Matches 275 bytes back, beyond a window of 256.
    case("png that states a window too small", png(8, 2, big, window=8))
    case("png without its end", png(8, 2, rgb, tail=False), error="damaged")
    case("png cut short", png(8, 2, rgb)[:-40], error="damaged")


# TIFF


def tiff(data, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, data, software="", metadata=None, **options)
    return out.getvalue()


def with_tag(content, tag, value=None):
    """Changes the value of a tag (SHORT or LONG) of a little-endian TIFF, or takes the tag out."""
    content = bytearray(content)
    start = struct.unpack_from("<I", content, 4)[0]
    count = struct.unpack_from("<H", content, start)[0]
    for i in range(count):
        at = start + 2 + 12 * i
        if struct.unpack_from("<H", content, at)[0] == tag:
            if value is None:
                rest = bytes(content[at + 12:start + 2 + 12 * count + 4])
                content[at:at + len(rest)] = rest
                struct.pack_into("<H", content, start, count - 1)
            else:
                struct.pack_into("<H" if content[at + 2] == 3 else "<I", content, at + 8, value)
            return bytes(content)
    raise KeyError(tag)


def jpeg_tiff(streams, photometric, count=3, tables=None, subsampling=None, rows=H, tile=None, extra=()):
    """Writes a TIFF around JPEG streams: one a strip or tile."""
    entries = [(256, 4, [W]), (257, 4, [H]), (258, 3, [8] * count), (259, 3, [7]), (262, 3, [photometric]),
               (277, 3, [count]), (284, 3, [1])]
    offset = 8
    offsets = []
    for stream in streams:
        offsets.append(offset)
        offset += len(stream)
    sizes = [len(s) for s in streams]
    if tile:
        entries += [(322, 3, [tile]), (323, 3, [tile]), (324, 4, offsets), (325, 4, sizes)]
    else:
        entries += [(273, 4, offsets), (278, 3, [rows]), (279, 4, sizes)]
    if tables:
        entries.append((347, 7, tables))
    if subsampling:
        entries.append((530, 3, list(subsampling)))
    entries += extra
    entries.sort()
    body = b"".join(streams)
    body += b"\0" * (len(body) % 2)
    directory = 8 + len(body)
    tail, at = b"", directory + 2 + 12 * len(entries) + 4
    out = struct.pack("<H", len(entries))
    for tag, kind, values in entries:
        data = bytes(values) if kind == 7 else struct.pack("<" + {3: "H", 4: "I"}[kind] * len(values), *values)
        if len(data) <= 4:
            out += struct.pack("<HHI", tag, kind, len(values)) + data.ljust(4, b"\0")
        else:
            out += struct.pack("<HHII", tag, kind, len(values), at + len(tail))
            tail += data + b"\0" * (len(data) % 2)
    return b"II*\0" + struct.pack("<I", directory) + body + out + b"\0" * 4 + tail


def strips(rows, **options):
    return [edited(jpeg(Image.fromarray(rgb[y:y + rows]), **options), drop=(0xE0,)) for y in range(0, H, rows)]


def abbreviated(stream):
    """A stream without its tables, and the tables."""
    parts = segments(stream)
    tables = [p for p in parts[:-1] if p[1] in (0xDB, 0xC4)]
    return joined([p for p in parts if p not in tables]), joined(tables) + b"\xff\xd9"


def jpeg_tiffs():
    near = 1
    for name, sampling, tag in (("4:4:4", "4:4:4", (1, 1)), ("4:2:2", "4:2:2", (2, 1)), ("4:2:0", "4:2:0", (2, 2))):
        whole = strips(H, subsampling=sampling)
        case(f"tiff jpeg YCbCr {name}", jpeg_tiff(whole, 6, subsampling=tag), tolerance=near)
        case(f"tiff jpeg YCbCr {name} without its tag", jpeg_tiff(whole, 6), tolerance=near)
        other = (1, 1) if tag != (1, 1) else (2, 2)
        # libtiff refuses some of these. The JPEG itself says how it is stored.
        case(f"tiff jpeg YCbCr {name} with the tag {other[0]}, {other[1]}", jpeg_tiff(whole, 6, subsampling=other),
             pillow(jpeg_tiff(whole, 6, subsampling=tag)), near)
    two = strips(8, subsampling="4:4:4")
    case("tiff jpeg in strips without the tag", jpeg_tiff(two, 6, rows=8), tolerance=near)
    tall = strips(8, subsampling="4:4:4")[:1] + [
        edited(jpeg(Image.fromarray(np.pad(rgb[8:], ((0, 16 - H), (0, 0), (0, 0)), mode="edge")), subsampling="4:4:4"),
               drop=(0xE0,))]
    case("tiff jpeg whose last strip is too tall", jpeg_tiff(tall, 6, rows=8, subsampling=(1, 1)), tolerance=near)
    padded = np.pad(rgb, ((0, 16 - H), (0, 32 - W), (0, 0)), mode="edge")
    tiles = [edited(jpeg(Image.fromarray(padded[:, x:x + 16]), subsampling="4:4:4"), drop=(0xE0,)) for x in (0, 16)]
    case("tiff jpeg in tiles without the tag", jpeg_tiff(tiles, 6, tile=16), tolerance=near)
    whole = strips(H, subsampling="4:4:4")[0]
    filler = whole[:2] + b"\0" * 7 + whole[2:]
    case("tiff jpeg filler before a marker", jpeg_tiff([filler], 6, subsampling=(1, 1)), tolerance=near)
    case("tiff jpeg filler and no tag", jpeg_tiff([filler], 6), tolerance=near)
    case("tiff jpeg JFIF 3.1", jpeg_tiff(
        [jpeg(subsampling="4:4:4").replace(b"JFIF\0\1", b"JFIF\0\3")], 6, subsampling=(1, 1)), tolerance=near)
    case("tiff jpeg Adobe transform 7", jpeg_tiff([edited(whole, first=adobe(7))], 6, subsampling=(1, 1)),
         tolerance=near)
    odd = bytearray(segments(whole)[-1])
    odd[11:14] = bytes([0, 62, 0])
    case("tiff jpeg odd scan parameters", jpeg_tiff(
        [joined(segments(whole)[:-1] + [bytes(odd)])], 6, subsampling=(1, 1)), tolerance=near)
    short, tables = abbreviated(whole)
    case("tiff jpeg with tables", jpeg_tiff([short], 6, tables=tables, subsampling=(1, 1)), tolerance=near)
    case("tiff jpeg with tables, no tag", jpeg_tiff([short], 6, tables=tables), tolerance=near)
    case("tiff jpeg whose tables lack their end", jpeg_tiff([short], 6, tables=tables[:-2], subsampling=(1, 1)),
         tolerance=near)
    case("tiff jpeg without its end marker", jpeg_tiff([whole[:-2]], 6, subsampling=(1, 1)), tolerance=near)
    case("tiff jpeg progressive", jpeg_tiff(strips(H, progressive=True, subsampling="4:4:4"), 6, subsampling=(1, 1)),
         tolerance=near)
    case("tiff jpeg RGB", jpeg_tiff([raw_jpeg(rgb, "rgb")], 2), tolerance=near)
    case("tiff jpeg grey", jpeg_tiff([edited(jpeg(Image.fromarray(grey)), drop=(0xE0,))], 1, count=1),
         tolerance=near)
    case("tiff jpeg CMYK", jpeg_tiff([raw_jpeg(cmyk, "cmyk")], 5, count=4), tolerance=near)
    case("tiff jpeg cut short", jpeg_tiff([whole[:-40]], 6, subsampling=(1, 1)), error="damaged")
    case("tiff jpeg filler, cut short", jpeg_tiff([filler[:-40]], 6, subsampling=(1, 1)), error="damaged")
    case("tiff jpeg no tag, cut short", jpeg_tiff([whole[:-40]], 6), error="damaged")
    case("tiff jpeg whose last strip is cut short", jpeg_tiff([two[0], two[1][:-30]], 6, rows=8), error="damaged")
    small = edited(jpeg(Image.fromarray(rgb[:6]), subsampling="4:4:4"), drop=(0xE0,))
    case("tiff jpeg with too few rows", jpeg_tiff([small], 6, subsampling=(1, 1)), error="damaged")


def tiffs():
    case("tiff RGB", tiff(rgb, photometric="rgb"))
    case("tiff MinIsWhite", tiff(grey, photometric="miniswhite"))
    case("tiff MinIsWhite of 1 bit", tiff(labels > 1, photometric="miniswhite"),
         np.where(labels > 1, 0, 255))
    for options in ({}, {"compression": "lzw"}, {"compression": "zlib"}, {"compression": "packbits"}):
        name = options.get("compression", "none")
        case(f"tiff separate planes, {name}",
             tiff(np.moveaxis(rgb, -1, 0), photometric="rgb", planarconfig="separate", **options), rgb)
        case(f"tiff tiles, {name}", tiff(rgb, photometric="rgb", tile=(16, 16), **options))
    case("tiff predictor, lzw", tiff(rgb, photometric="rgb", compression="lzw", predictor=2))
    case("tiff predictor, zlib, tiles", tiff(rgb, photometric="rgb", compression="zlib", predictor=2, tile=(16, 16)))
    case("tiff RGB of 16 bits, predictor", tiff(
        np.stack([deep, 65535 - deep, deep // 2], -1), photometric="rgb", compression="lzw", predictor=2),
        scaled16(np.stack([deep, 65535 - deep, deep // 2], -1)))
    case("tiff grey of 16 bits, big-endian, predictor", tiff(
        deep, photometric="minisblack", compression="zlib", predictor=2, byteorder=">"), scaled16(deep))
    table = np.zeros((3, 256), np.uint16)
    table[:, :6] = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [9, 99, 199]]).T * 257
    case("tiff palette", tiff(labels, photometric="palette", colormap=table))
    case("tiff palette, tiles, lzw", tiff(labels, photometric="palette", colormap=table, tile=(16, 16),
                                          compression="lzw"))
    case("tiff CMYK", tiff(cmyk, photometric="separated"))
    case("tiff CMYK, lzw, tiles", tiff(cmyk, photometric="separated", compression="lzw", tile=(16, 16)))
    case("tiff CMYK, separate planes", tiff(np.moveaxis(cmyk, -1, 0), photometric="separated",
                                            planarconfig="separate"), pillow(tiff(cmyk, photometric="separated")))
    case("tiff CMYK of 16 bits", tiff(cmyk.astype(np.uint16) * 257, photometric="separated"),
         pillow(tiff(cmyk, photometric="separated")), 1)
    case("tiff RGB and alpha", tiff(np.dstack([rgb, alpha]), photometric="rgb", extrasamples=["unassalpha"]),
         over_black(rgb, alpha))
    mixed = over_black(rgb, alpha).astype(np.uint8)
    case("tiff RGB and associated alpha", tiff(np.dstack([mixed, alpha]), photometric="rgb",
                                               extrasamples=["assocalpha"]), mixed)
    case("tiff RGB and an unspecified sample", tiff(np.dstack([rgb, alpha]), photometric="rgb",
                                                    extrasamples=["unspecified"]), rgb)
    case("tiff grey and alpha", tiff(np.dstack([grey, alpha]), photometric="minisblack",
                                     extrasamples=["unassalpha"], planarconfig="contig"), over_black(grey, alpha))
    for orientation in range(1, 9):
        case(f"tiff orientation {orientation}",
             tiff(rgb, photometric="rgb", extratags=[(274, 3, 1, orientation, True)]))
    case("tiff orientation 0", tiff(rgb, photometric="rgb", extratags=[(274, 3, 1, 0, True)]))
    case("tiff orientation 9", tiff(rgb, photometric="rgb", extratags=[(274, 3, 1, 9, True)]))
    case("tiff resolution unit 9", with_tag(tiff(rgb, photometric="rgb", resolution=(72, 72)), 296, 9))
    case("tiff private tags", tiff(rgb, photometric="rgb", extratags=[(65000, 2, 5, "text", True),
                                                                       (37724, 7, 3, b"abc", True)]))
    planes = np.dstack([grey, grey // 2 + 64, 200 - grey // 2])
    case("tiff YCbCr 1, 1", with_tag(tiff(planes, photometric="rgb", extratags=[(530, 3, 2, (1, 1), True)]), 262, 6),
         tolerance=1)
    case("tiff L*a*b*", with_tag(tiff(planes, photometric="rgb"), 262, 8), error="unsupported")
    case("tiff ICC L*a*b*", with_tag(tiff(planes, photometric="rgb"), 262, 9), error="unsupported")
    case("tiff transparency mask", with_tag(tiff(labels > 1, photometric="minisblack"), 262, 4), error="unsupported")
    case("tiff floats", tiff(grey.astype(np.float32), photometric="minisblack"), error="unsupported")
    case("tiff cut short", tiff(rgb, photometric="rgb", compression="zlib")[:-60], error="damaged")
    for kind in ("group3", "group4", "tiff_ccitt"):
        out = io.BytesIO()
        Image.fromarray(labels > 1).save(out, "tiff", compression=kind)
        case(f"tiff {kind}", out.getvalue(), np.where(labels > 1, 255, 0))


def compare():
    import cv2
    for entry in cases:
        content = base64.b64decode(entry["file"])
        seen = {}
        try:
            seen["Pillow"] = pillow(content)
        except Exception as error:
            seen["Pillow"] = repr(error)[:70]
        found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        seen["OpenCV"] = "none" if found is None else found[..., ::-1]
        if content[:2] in (b"II", b"MM"):
            try:
                seen["tifffile"] = tifffile.imread(io.BytesIO(content))
            except Exception as error:
                seen["tifffile"] = repr(error)[:70]
        if "error" in entry:
            print(entry["name"], "| wanted", entry["error"], {
                k: v if isinstance(v, str) else "read" for k, v in seen.items()})
            continue
        wanted = np.frombuffer(base64.b64decode(samples[entry["samples"]]), np.uint8).reshape(
            entry["height"], entry["width"], -1)
        notes = []
        for reader, pixels in seen.items():
            if isinstance(pixels, str):
                notes.append(f"{reader} {pixels}")
                continue
            pixels = np.asarray(pixels).astype(float)
            if pixels.ndim == 2:
                pixels = pixels[..., None]
            try:
                worst = abs(pixels - wanted).max()
                if worst > entry["tolerance"]:
                    notes.append(f"{reader} differs by {worst:.0f}")
            except ValueError:
                notes.append(f"{reader} {pixels.shape}")
        if notes:
            print(entry["name"], "|", "; ".join(notes))


if __name__ == "__main__":
    jpegs()
    pngs()
    jpeg_tiffs()
    tiffs()
    if "--compare" in sys.argv:
        compare()
    else:
        target = Path(__file__).parent / "conventions.json"
        target.write_text(json.dumps({"cases": cases, "samples": samples}, indent=0) + "\n")
        print(f"{len(cases)} cases, {target.stat().st_size} bytes")
