"""Makes the small synthetic pictures that ImagingTests reads, and what a correct reader sees in them.

Run from anywhere: python make_fixtures.py   (needs Pillow, numpy, tifffile, imagecodecs)
expected.json tells, for each picture, its size, channels, tolerance and the file in expected/ with its raw samples.
Where Pillow reads a file as we do, the samples are Pillow's; else they are computed from the source.
"""

import hashlib
import json
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageOps

HERE = Path(__file__).parent
W, H = 37, 26
expected = {}


def scene(width=W, height=H):
    """A smooth coloured scene with a disc: no symmetry, so a wrong orientation shows."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    red = 40 + 180 * x / width
    green = 30 + 160 * y / height
    blue = 120 + 60 * np.sin(x / 9) * np.cos(y / 7)
    disc = (x - width * 0.3) ** 2 + (y - height * 0.6) ** 2 < (height * 0.25) ** 2
    rgb = np.stack([red, green, blue], -1)
    rgb[disc] = (220, 90, 60)
    return rgb.round().astype(np.uint8)


def record(name, kind, pixels, tolerance=0):
    pixels = np.ascontiguousarray(pixels, dtype=np.uint8)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    # Many pictures show the same, and then share a file.
    samples = hashlib.sha256(pixels.tobytes()).hexdigest()[:12] + ".raw"
    (HERE / "expected" / samples).write_bytes(pixels.tobytes())
    expected.setdefault(name, {})[kind] = dict(
        width=pixels.shape[1], height=pixels.shape[0], channels=channels, tolerance=tolerance,
        samples=samples)


def save(name, image, **options):
    image.save(HERE / name, **options)


def pillow(name):
    """What Pillow sees, upright, as grey or RGB."""
    image = ImageOps.exif_transpose(Image.open(HERE / name))
    return np.asarray(image if image.mode == "L" else image.convert("RGB"))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(name, width, height, bits, colour, rows, extra=b""):
    """Writes a PNG by hand: depths and chunks that Pillow does not write."""
    raw = b"".join(b"\0" + row for row in rows)
    (HERE / name).write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)) + extra
        + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


def packed(values, bits):
    """Rows of small values, packed most significant first."""
    out = []
    for row in values:
        text = "".join(format(int(v), f"0{bits}b") for v in row)
        text += "0" * (-len(text) % 8)
        out.append(int(text, 2).to_bytes(len(text) // 8, "big"))
    return out


def over_black(colour, alpha):
    colour, alpha = colour.astype(int), alpha.astype(int)
    return (colour * (alpha[..., None] if colour.ndim == 3 else alpha) + 127) // 255


def scaled16(values):
    return (values.astype(np.int64) * 255 + 32767) // 65535


rgb = scene()
grey = np.asarray(Image.fromarray(rgb).convert("L"))
labels = (np.mgrid[0:H, 0:W][1] // 8 + np.mgrid[0:H, 0:W][0] // 13).astype(np.uint8)  # 0...5
binary = ((labels % 2) * 255).astype(np.uint8)


def jpegs():
    image = Image.fromarray(rgb)
    save("baseline.jpg", image, quality=92)
    save("progressive.jpg", image, quality=92, progressive=True)
    save("full-chroma.jpg", image, quality=92, subsampling=0)
    save("restarts.jpg", image, quality=92, restart_marker_blocks=3)
    save("grey.jpg", Image.fromarray(grey), quality=92)
    save("cmyk.jpg", image.convert("CMYK"), quality=92)
    for name in ["baseline", "progressive", "full-chroma", "restarts", "grey", "cmyk"]:
        record(name + ".jpg", "image", pillow(name + ".jpg"), 2)
    # CMYK is inverted with Adobe's marker and without it.
    marked = (HERE / "cmyk.jpg").read_bytes()
    at = marked.index(b"\xff\xee")
    length = struct.unpack(">H", marked[at + 2:at + 4])[0]
    (HERE / "cmyk-plain.jpg").write_bytes(marked[:at] + marked[at + 2 + length:])
    record("cmyk-plain.jpg", "image", pillow("cmyk-plain.jpg"), 2)
    # YCCK codes the first three inks as YCbCr; the marker's last byte says so.
    ycck = bytearray(marked)
    ycck[at + 2 + length - 1] = 2
    (HERE / "ycck.jpg").write_bytes(bytes(ycck))
    record("ycck.jpg", "image", pillow("ycck.jpg"), 2)
    save("mask.jpg", Image.fromarray(np.stack([binary] * 3, -1)), quality=95)
    record("mask.jpg", "mask", pillow("mask.jpg")[..., 1], 8)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x010F] = "synthetic"
        exif[0x0112] = orientation
        name = f"exif-{orientation}.jpg"
        data = exif.tobytes()
        save(name, Image.fromarray(scene(24, 16)), quality=92, exif=data)
        record(name, "image", pillow(name), 2)
    # Big-endian EXIF, written by hand.
    base = (HERE / "exif-1.jpg").read_bytes()
    body = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    start = base.index(b"\xff\xe1")
    length = struct.unpack(">H", base[start + 2:start + 4])[0]
    (HERE / "exif-big-endian.jpg").write_bytes(
        base[:start] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + base[start + 2 + length:])
    record("exif-big-endian.jpg", "image", pillow("exif-big-endian.jpg"), 2)


def pngs():
    save("rgb.png", Image.fromarray(rgb))
    record("rgb.png", "image", rgb)
    save("grey.png", Image.fromarray(grey))
    record("grey.png", "image", grey)
    record("grey.png", "mask", grey)
    for bits in (1, 2, 4):
        small = grey >> (8 - bits)
        png(f"grey{bits}.png", W, H, bits, 0, packed(small, bits))
        value = small.astype(int) * 255 // ((1 << bits) - 1)
        record(f"grey{bits}.png", "image", value)
        record(f"grey{bits}.png", "mask", value)
    deep = (np.mgrid[0:H, 0:W][1] * 1771 + np.mgrid[0:H, 0:W][0] * 13).astype(np.uint16)
    png("grey16.png", W, H, 16, 0, [r.astype(">u2").tobytes() for r in deep])
    record("grey16.png", "image", scaled16(deep))
    deep_rgb = np.stack([deep, 65535 - deep, deep // 2], -1).astype(np.uint16)
    png("rgb16.png", W, H, 16, 2, [r.astype(">u2").tobytes() for r in deep_rgb])
    record("rgb16.png", "image", scaled16(deep_rgb))
    alpha = np.tile(np.linspace(0, 255, W).round().astype(np.uint8), (H, 1))
    save("rgba.png", Image.fromarray(np.dstack([rgb, alpha])))
    record("rgba.png", "image", over_black(rgb, alpha))
    png("grey-alpha.png", W, H, 8, 4, [np.dstack([g, a]).tobytes() for g, a in zip(grey, alpha)])
    record("grey-alpha.png", "image", over_black(grey, alpha))
    record("grey-alpha.png", "mask", np.where(alpha > 127, grey, 0))
    png("transparent-grey.png", W, H, 8, 0, [r.tobytes() for r in grey],
        chunk(b"tRNS", struct.pack(">H", int(grey[5, 5]))))
    record("transparent-grey.png", "image", np.where(grey == grey[5, 5], 0, grey))
    png("transparent-rgb.png", W, H, 8, 2, [r.tobytes() for r in rgb],
        chunk(b"tRNS", struct.pack(">HHH", *(int(v) for v in rgb[16, 11]))))
    record("transparent-rgb.png", "image", np.where((rgb == rgb[16, 11]).all(-1, keepdims=True), 0, rgb))
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [9, 99, 199]], np.uint8)
    for bits in (4, 8):
        png(f"palette{bits}.png", W, H, bits, 3, packed(labels, bits), chunk(b"PLTE", colours.tobytes()))
        record(f"palette{bits}.png", "image", colours[labels])
        record(f"palette{bits}.png", "indices", labels)
    png("palette-alpha.png", W, H, 8, 3, packed(labels, 8),
        chunk(b"PLTE", colours.tobytes()) + chunk(b"tRNS", bytes([255, 128, 0])))
    opacity = np.array([255, 128, 0, 255, 255, 255])
    record("palette-alpha.png", "image", over_black(colours[labels], opacity[labels]))
    record("palette-alpha.png", "indices", labels)
    png("palette-binary.png", W, H, 1, 3, packed(labels % 2, 1), chunk(b"PLTE", bytes([0, 0, 0, 255, 255, 255])))
    record("palette-binary.png", "mask", binary)
    record("palette-binary.png", "indices", labels % 2)
    png("labels16.png", W, H, 16, 0, [r.astype(">u2").tobytes() for r in labels])
    record("labels16.png", "mask", labels)
    png("binary16.png", W, H, 16, 0, [(r.astype(int) * 257).astype(">u2").tobytes() for r in binary])
    record("binary16.png", "mask", binary)
    png("labels300.png", W, H, 16, 0, [(r.astype(int) * 60).astype(">u2").tobytes() for r in labels])
    save("mask-rgb.png", Image.fromarray(np.stack([binary] * 3, -1)))
    record("mask-rgb.png", "mask", binary)
    # Interlaced (Adam7), by hand: the seven reduced pictures one after the other.
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b"".join(b"\0" + row.tobytes() for x, y, dx, dy in passes for row in rgb[y::dy, x::dx])
    (HERE / "interlaced.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 1))
        + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))
    record("interlaced.png", "image", rgb)
    exif = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    png("exif-6.png", W, H, 8, 2, [r.tobytes() for r in rgb], chunk(b"eXIf", exif))
    record("exif-6.png", "image", pillow("exif-6.png"))
    # 30,000 × 30,000 in a kB: the header promises it, and the data begins well.
    (HERE / "bomb.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"\0" * 1_000_000, 9)) + chunk(b"IEND", b""))


def tiffs():
    def write(name, data, kinds=("image",), pixels=None, tolerance=0, **options):
        tifffile.imwrite(HERE / name, data, software="", metadata=None, **options)
        for kind in kinds:
            record(name, kind, data if pixels is None else pixels, tolerance)

    write("strips.tif", rgb, photometric="rgb", rowsperstrip=7)
    write("tiles.tif", rgb, photometric="rgb", tile=(16, 16))
    write("separate.tif", np.moveaxis(rgb, -1, 0), photometric="rgb", planarconfig="separate", pixels=rgb)
    write("separate-tiles.tif", np.moveaxis(rgb, -1, 0), photometric="rgb", planarconfig="separate", tile=(16, 16),
          pixels=rgb)
    write("lzw.tif", rgb, photometric="rgb", compression="lzw", predictor=True)
    write("deflate.tif", rgb, photometric="rgb", compression="zlib", rowsperstrip=9)
    write("packbits.tif", labels, ("image", "mask"), photometric="minisblack", compression="packbits")
    write("big-endian.tif", rgb, photometric="rgb", byteorder=">")
    write("bigtiff.tif", rgb, photometric="rgb", bigtiff=True, compression="lzw")
    write("grey.tif", grey, ("image", "mask"), photometric="minisblack")
    write("labels-lzw.tif", labels, ("image", "mask"), photometric="minisblack", compression="lzw", tile=(16, 16))
    write("min-is-white.tif", grey, photometric="miniswhite", pixels=255 - grey)
    deep = (np.mgrid[0:H, 0:W][1] * 1771 + np.mgrid[0:H, 0:W][0] * 13).astype(np.uint16)
    write("grey16.tif", deep, photometric="minisblack", compression="zlib", predictor=True, pixels=scaled16(deep))
    write("grey16-big-endian.tif", deep, photometric="minisblack", byteorder=">", pixels=scaled16(deep))
    write("labels16.tif", labels.astype(np.uint16), ("mask",), photometric="minisblack", pixels=labels)
    write("rgb16.tif", np.stack([deep, 65535 - deep, deep // 2], -1), photometric="rgb",
          pixels=scaled16(np.stack([deep, 65535 - deep, deep // 2], -1)))
    alpha = np.tile(np.linspace(0, 255, W).round().astype(np.uint8), (H, 1))
    write("rgba.tif", np.dstack([rgb, alpha]), photometric="rgb", extrasamples=["unassalpha"],
          pixels=over_black(rgb, alpha))
    write("premultiplied.tif", np.dstack([over_black(rgb, alpha).astype(np.uint8), alpha]), photometric="rgb",
          extrasamples=["assocalpha"], pixels=over_black(rgb, alpha))
    table = np.zeros((3, 256), np.uint16)
    table[:, :6] = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [9, 99, 199]]).T * 257
    write("palette.tif", labels, photometric="palette", colormap=table, pixels=(table.T // 256)[labels])
    record("palette.tif", "indices", labels)
    write("floats.tif", grey.astype(np.float32), (), photometric="minisblack")
    for orientation in (3, 6, 7):
        name = f"orientation-{orientation}.tif"
        write(name, rgb, (), photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
        record(name, "image", pillow(name))
    save("bilevel-g4.tif", Image.fromarray(binary).convert("1"), compression="group4")
    record("bilevel-g4.tif", "image", binary)
    record("bilevel-g4.tif", "mask", binary)
    write("bilevel-min-is-white.tif", binary > 0, (), photometric="miniswhite")
    record("bilevel-min-is-white.tif", "mask", 255 - binary)
    save("jpeg.tif", Image.fromarray(rgb), compression="jpeg", quality=92)
    record("jpeg.tif", "image", pillow("jpeg.tif"), 2)
    write("jpeg-ycbcr.tif", rgb, (), photometric="ycbcr", compression="jpeg", compressionargs={"level": 92},
          subsampling=(2, 2), tile=(16, 16))
    record("jpeg-ycbcr.tif", "image", pillow("jpeg-ycbcr.tif"), 2)
    save("cmyk.tif", Image.fromarray(rgb).convert("CMYK"), compression="tiff_lzw")
    record("cmyk.tif", "image", pillow("cmyk.tif"), 2)


def bmps():
    save("rgb.bmp", Image.fromarray(rgb))
    record("rgb.bmp", "image", rgb)
    save("grey.bmp", Image.fromarray(grey))
    record("grey.bmp", "mask", grey)
    save("bilevel.bmp", Image.fromarray(binary).convert("1"))
    record("bilevel.bmp", "mask", binary)
    palette = Image.fromarray(labels, mode="P")
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0, 9, 99, 199])
    save("palette.bmp", palette)
    record("palette.bmp", "image", np.asarray(palette.convert("RGB")))
    record("palette.bmp", "indices", labels)

    def bmp(name, bits, rows, height=-H, compression=0, extra=b""):
        offset = 54 + len(extra)
        body = b"".join(r + b"\0" * (-len(r) % 4) for r in rows)
        (HERE / name).write_bytes(
            b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset)
            + struct.pack("<IiiHHIIiiII", 40, W, height, 1, bits, compression, len(body), 0, 0, 0, 0) + extra + body)

    bmp("top-down.bmp", 24, [r[:, ::-1].tobytes() for r in rgb])
    record("top-down.bmp", "image", rgb)
    bmp("bits32.bmp", 32, [np.dstack([r[None, :, ::-1], np.zeros((1, W), np.uint8)]).tobytes() for r in rgb[::-1]], H)
    record("bits32.bmp", "image", rgb)
    five = (rgb[..., 0].astype(int) >> 3) << 11 | (rgb[..., 1].astype(int) >> 2) << 5 | rgb[..., 2].astype(int) >> 3
    bmp("bits16.bmp", 16, [r.astype("<u2").tobytes() for r in five], compression=3,
        extra=struct.pack("<III", 0xF800, 0x07E0, 0x001F))
    record("bits16.bmp", "image", np.stack([
        (rgb[..., 0].astype(int) >> 3) * 255 // 31, (rgb[..., 1].astype(int) >> 2) * 255 // 63,
        (rgb[..., 2].astype(int) >> 3) * 255 // 31], -1))
    grid = b"".join(struct.pack("<I", v) for v in [0, 255, 65280, 16711680, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    bmp("bits4.bmp", 4, packed(labels[::-1], 4), H, extra=grid)
    raw = bytearray((HERE / "bits4.bmp").read_bytes())
    raw[46:50] = struct.pack("<I", 16)
    (HERE / "bits4.bmp").write_bytes(bytes(raw))
    record("bits4.bmp", "indices", labels)
    # The header of OS/2: 12 bytes, and three a colour.
    body = b"".join(r + b"\0" * (-len(r) % 4) for r in packed(labels[::-1], 4))
    table = b"".join(bytes([i, 2 * i, 3 * i]) for i in range(16))
    (HERE / "os2.bmp").write_bytes(
        b"BM" + struct.pack("<IHHI", 26 + 48 + len(body), 0, 0, 74) + struct.pack("<IHHHH", 12, W, H, 1, 4) + table + body)
    record("os2.bmp", "image", labels[..., None] * np.array([3, 2, 1], np.uint8))
    record("os2.bmp", "indices", labels)
    bmp("run-length.bmp", 8, [b"\x05\x01\0\0\0\x01"], H, compression=1, extra=b"\0" * 1024)


for old in HERE.iterdir():
    if old.suffix in {".jpg", ".png", ".tif", ".bmp"}:
        old.unlink()
shutil.rmtree(HERE / "expected", ignore_errors=True)
(HERE / "expected").mkdir()
jpegs()
pngs()
tiffs()
bmps()
(HERE / "expected.json").write_text(json.dumps(expected, indent=0, sort_keys=True) + "\n")
made = [f for f in HERE.rglob("*") if f.is_file() and f.suffix != ".py"]
largest = max((f.stat().st_size, f.name) for f in made)
print(f"{len(made)} files, {sum(f.stat().st_size for f in made)} bytes in all, largest {largest}")
