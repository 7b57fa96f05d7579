"""Writes an event file with TensorBoard's own writer, and what its own reader finds in it.

tensorboard 2.21.0, protobuf 7.36.2, Python 3.11. Run: python make_tensorboard.py
Writes tensorboard.json: the history, the bytes (base64), the scalars and texts that EventAccumulator reads.
"""

import base64
import json
import os
import tempfile

import tensorboard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

STARTED = 1700000000
SETTINGS = '{\n  "epochs" : 3,\n  "lesionClass" : "pólipo"\n}\n'
HISTORY = [
    dict(epoch=1, loss=1.25, segmentation=1.25, intervening=False, best=True, seconds=2.5, waited=0.125),
    dict(epoch=2, loss=0.7310585786300049, segmentation=0.5, causal=0.1, contrast=3e-9, intervening=True,
         validation_dice=0.0, best=False, seconds=1.75, waited=0.0),
    dict(epoch=300, loss=1e30, segmentation=-0.5, causal=0.2, intervening=True, validation_dice=0.9375,
         best=True, seconds=86400.015625, waited=60.5),
]
TAGS = [
    ("loss/total", "loss"), ("loss/segmentation", "segmentation"), ("loss/causal", "causal"),
    ("loss/contrast", "contrast"), ("validation/dice", "validation_dice"), ("intervention/on", "intervening"),
    ("seconds/epoch", "seconds"), ("seconds/waited for images", "waited"),
]


def events():
    yield event_pb2.Event(wall_time=STARTED, file_version="brain.Event:2")
    text = "\n".join("    " + line for line in SETTINGS.split("\n"))
    plugin = summary_pb2.SummaryMetadata(plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="text"))
    tensor = tensor_pb2.TensorProto(
        dtype="DT_STRING", tensor_shape=tensor_shape_pb2.TensorShapeProto(), string_val=[text.encode()])
    value = summary_pb2.Summary.Value(tag="settings", tensor=tensor, metadata=plugin)
    yield event_pb2.Event(wall_time=STARTED, summary=summary_pb2.Summary(value=[value]))
    time = float(STARTED)
    for epoch in HISTORY:
        time += epoch["seconds"]
        values = [summary_pb2.Summary.Value(tag=tag, simple_value=float(epoch[key])) for tag, key in TAGS if key in epoch]
        yield event_pb2.Event(wall_time=time, step=epoch["epoch"], summary=summary_pb2.Summary(value=values))


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, f"events.out.tfevents.{STARTED}.host")
    with open(path, "wb") as file:
        writer = RecordWriter(file)
        for event in events():
            writer.write(event.SerializeToString())
        writer.flush()
    reader = EventAccumulator(folder)
    reader.Reload()
    tags = reader.Tags()
    result = dict(
        made_with=f"tensorboard {tensorboard.__version__}",
        started=STARTED,
        settings=SETTINGS,
        history=HISTORY,
        bytes=base64.b64encode(open(path, "rb").read()).decode(),
        scalars={tag: [[e.step, e.wall_time, e.value] for e in reader.Scalars(tag)] for tag in sorted(tags["scalars"])},
        texts={tag: [e.tensor_proto.string_val[0].decode() for e in reader.Tensors(tag)] for tag in tags["tensors"]},
    )
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "tensorboard.json"), "w") as file:
    json.dump(result, file, indent=1, ensure_ascii=False)
    file.write("\n")
