"""Writes small exports of annotation tools with the tools' own libraries, and the masks that they mean.

Made with Python 3.11, numpy 2.4.6, Pillow 12.3.0, pycocotools 2.0.11, datumaro 1.13.12 and
label-studio-converter 0.0.59. Run it in Tests/DatasetsTests/Fixtures; it writes into annotations/.
Pictures and masks are drawn from random numbers.
"""

import base64
import io
import json
import pathlib
import shutil

import numpy as np
from PIL import Image
from datumaro.components.annotation import Bbox, Mask, Polygon
from datumaro.components.dataset import Dataset
from datumaro.components.dataset_base import DatasetItem
from datumaro.components.media import Image as Media
from label_studio_converter import brush
from label_studio_converter.converter import Converter
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

OUT = pathlib.Path(__file__).parent / "annotations"
SIZES = {"one": (44, 36), "two": (37, 52), "three": (30, 30)}
RANDOM = np.random.default_rng(21)


def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def picture(name):
    width, height = SIZES[name]
    levels = np.add.outer(np.arange(height), np.arange(width)) * 2 % 256
    return np.stack([levels, levels // 2, 255 - levels], axis=2).astype(np.uint8)


def pictures(folder):
    folder.mkdir(parents=True)
    for name in SIZES:
        (folder / f"{name}.png").write_bytes(png(picture(name)))


def blob(name, seed):
    """A ragged region with a hole and a part that touches it at a corner only."""
    width, height = SIZES[name]
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(x - width * 0.45, y - height * 0.5) + random.normal(0, 1.2, (height, width))
    mask = (distance < min(width, height) * 0.33) & (distance > 3)
    mask[0, 0] = mask[1, 1] = mask[height - 1, width - 1] = True
    return mask.astype(np.uint8)


def ring(name, seed, count=9):
    width, height = SIZES[name]
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, count))
    radii = random.uniform(0.15, 0.62, count)
    xy = np.stack([width * (0.5 + radii * np.cos(angles)), height * (0.5 + radii * np.sin(angles))], axis=1)
    return np.round(xy, 2).ravel().tolist()


def polygon_mask(rings, name):
    width, height = SIZES[name]
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(rings, height, width)))


def expect(kind, name, array):
    folder = OUT / "expected" / kind
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.png").write_bytes(png(array.astype(np.uint8)))


def coco():
    folder = OUT / "coco"
    pictures(folder / "images")
    images = [
        {"id": number, "file_name": f"{name}.png", "width": SIZES[name][0], "height": SIZES[name][1]}
        for number, name in enumerate(SIZES, 11)
    ]
    annotations = []

    def add(image, category, segmentation, crowd=0):
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": image,
                "category_id": category,
                "segmentation": segmentation,
                "iscrowd": crowd,
                "area": 0,
                "bbox": [0, 0, 1, 1],
            }
        )

    add(11, 3, [ring("one", 1), ring("one", 2, 5)])
    compressed = coco_mask.encode(np.asfortranarray(blob("one", 3)))
    add(11, 7, {"size": compressed["size"], "counts": compressed["counts"].decode()})
    columns = blob("two", 4).ravel(order="F")
    edges = np.flatnonzero(np.diff(np.concatenate([[0], columns, [-1]])))
    counts = np.diff(np.concatenate([[0], edges])).tolist()
    add(12, 7, {"size": [52, 37], "counts": counts}, crowd=1)
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 3, "name": "polyp"}, {"id": 7, "name": "blood"}],
    }
    path = folder / "annotations" / "instances_default.json"
    path.parent.mkdir()
    path.write_text(json.dumps(document) + "\n")
    judge = COCO(str(path))
    for image in images:
        values = np.zeros((image["height"], image["width"]), np.uint8)
        for annotation in judge.imgToAnns[image["id"]]:
            values[judge.annToMask(annotation) > 0] = annotation["category_id"]
        expect("coco", pathlib.Path(image["file_name"]).stem, values)


def items():
    shapes = {
        "one": [Mask(blob("one", 5), label=0), Polygon(ring("one", 6), label=0)],
        "two": [Polygon(ring("two", 7, 12), label=0), Polygon(ring("two", 8, 4), label=0)],
        "three": [Bbox(3, 4, 9, 8, label=0)],
    }
    return [
        DatasetItem(id=name, subset="default", media=Media.from_numpy(picture(name)[:, :, ::-1]),
                    annotations=annotations, attributes={"frame": number})
        for number, (name, annotations) in enumerate(shapes.items())
    ]


def datumaro(kind, format):
    folder = OUT / kind
    Dataset.from_iterable(items(), categories=["polyp"]).export(
        str(folder), format, save_media=True, image_ext=".png")
    for path in folder.rglob("*.json"):
        path.write_text(json.dumps(json.loads(path.read_text())) + "\n")
    for item in Dataset.import_from(str(folder), format):
        if item.id == "three":
            continue
        values = np.zeros(SIZES[item.id][::-1], np.uint8)
        for annotation in item.annotations:
            if isinstance(annotation, Mask):
                values[annotation.image > 0] = 255
            elif isinstance(annotation, Polygon):
                values[polygon_mask([annotation.points], item.id) > 0] = 255
        expect(kind, item.id, values)


def labelme():
    folder = OUT / "labelme"
    folder.mkdir(parents=True)

    def document(name, shapes, embedded):
        width, height = SIZES[name]
        return {
            "version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": f"..\\pictures\\{name}.png",
            "imageData": base64.b64encode(png(picture(name))).decode() if embedded else None,
            "imageHeight": height, "imageWidth": width,
        }

    def shape(kind, points, **more):
        return {"label": "polyp", "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}

    points = np.array(ring("one", 9)).reshape(-1, 2).tolist()
    shapes = [shape("polygon", points), shape("rectangle", [[30.5, 4.25], [40.0, 11.75]])]
    (folder / "one.json").write_text(json.dumps(document("one", shapes, True)) + "\n")
    corners = [30.5, 4.25, 40.0, 4.25, 40.0, 11.75, 30.5, 11.75]
    expect("labelme", "one", polygon_mask([ring("one", 9), corners], "one") * 255)
    part = blob("three", 10)[5:25, 4:22]
    shapes = [shape("mask", [[7, 9], [24, 28]], mask=base64.b64encode(png(part)).decode()),
              shape("line", [[1, 1], [5, 5]])]
    (folder / "two.json").write_text(json.dumps(document("two", shapes, False)) + "\n")
    (folder / "two.png").write_bytes(png(picture("two")))
    values = np.zeros(SIZES["two"][::-1], np.uint8)
    values[9:29, 7:25] = part * 255
    expect("labelme", "two", values)
    shapes = [shape("circle", [[14.3, 15.1], [20.0, 18.0]])]
    (folder / "three.json").write_text(json.dumps(document("three", shapes, True)) + "\n")
    expect("labelme", "three", ellipse("three", 14.3, 15.1, *[np.hypot(5.7, 2.9)] * 2, 0))


def ellipse(name, x, y, radius_x, radius_y, degrees):
    width, height = SIZES[name]
    rows, columns = np.mgrid[:height, :width] + 0.5
    angle = np.deg2rad(degrees)
    along = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
    across = (rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)
    return (((along / radius_x) ** 2 + (across / radius_y) ** 2) <= 1) * 255


def label_studio():
    folder = OUT / "label-studio"
    pictures(folder / "images")
    config = (
        '<View><Image name="image" value="$image"/><PolygonLabels name="p" toName="image">'
        '<Label value="polyp"/></PolygonLabels></View>'
    )

    def region(name, kind, value, **more):
        width, height = SIZES[name]
        return {
            "id": f"{name}-{kind}", "type": kind, "value": {**value, kind: ["polyp"]}, "origin": "manual",
            "to_name": "image", "from_name": "p", "image_rotation": 0, "original_width": width,
            "original_height": height, **more,
        }

    def task(number, address, regions):
        return {"id": number, "data": {"image": address},
                "annotations": [{"id": number, "completed_by": 1, "was_cancelled": False, "result": regions}]}

    # The converter packs masks of 0 and 255, and masks of 0 and 1 as they are.
    packed = brush.mask2rle(blob("one", 11) * 255)
    faint = brush.mask2rle(blob("three", 12))
    width, height = SIZES["two"]
    percent = [[x / width * 100, y / height * 100] for x, y in np.array(ring("two", 13)).reshape(-1, 2)]
    tasks = [
        task(1, "/data/upload/1/0a1b2c3d-one.png", [
            region("one", "brushlabels", {"format": "rle", "rle": packed})]),
        task(2, "/data/local-files/?d=images/two.png", [
            region("two", "polygonlabels", {"points": percent})]),
        task(3, "https://example.org/pictures/three.png?token=1", [
            region("three", "brushlabels", {"format": "rle", "rle": faint}),
            region("three", "ellipselabels",
                   {"x": 50.0, "y": 42.0, "radiusX": 21.0, "radiusY": 12.0, "rotation": 30.0}),
            region("three", "rectanglelabels",
                   {"x": 10.0, "y": 70.0, "width": 31.0, "height": 17.0, "rotation": 0.0})]),
    ]
    (folder / "project.json").write_text(json.dumps(tasks) + "\n")

    def decoded(rle, name):
        return brush.decode_rle(rle).reshape(*SIZES[name][::-1], 4)[:, :, 3]

    expect("label-studio", "one", (decoded(packed, "one") > 127) * 255)
    # The polygon by way of the converter's COCO.
    scratch = OUT / "scratch"
    scratch.mkdir()
    (scratch / "in.json").write_text(json.dumps([tasks[1]]))
    Converter(config=config, project_dir=".", upload_dir=str(folder)).convert_to_coco(
        str(scratch / "in.json"), str(scratch / "out"), output_image_dir=str(scratch / "out/images"),
        is_dir=False)
    converted = json.loads((scratch / "out/result.json").read_text())
    expect("label-studio", "two", polygon_mask(converted["annotations"][0]["segmentation"], "two") * 255)
    shutil.rmtree(scratch)
    corner = np.array([[0, 0], [31, 0], [31, 17], [0, 17]]) + [10, 70]
    box = (corner / 100 * SIZES["three"]).ravel().tolist()
    values = (decoded(faint, "three") > 0) * 255
    values = np.maximum(values, ellipse("three", 15, 12.6, 6.3, 3.6, 30))
    values = np.maximum(values, polygon_mask([box], "three") * 255)
    expect("label-studio", "three", values)


if __name__ == "__main__":
    if OUT.exists():
        shutil.rmtree(OUT)
    OUT.mkdir()
    coco()
    datumaro("coco-datumaro", "coco")
    datumaro("cvat", "cvat")
    labelme()
    label_studio()
