"""CLIP image encoding by transformers, open_clip, timm, plain PyTorch, ONNX Runtime and OpenVINO, from one folder."""

import os

import torch
from safetensors.torch import load_file

from tower import Tower, configuration
from torchvision_import import import_torchvision

TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Embedding(torch.nn.Module):
    """A tower of transformers that gives only the embedding."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixels):
        return self.model(pixel_values=pixels).image_embeds


def transformers_tower(folder):
    import_torchvision()
    from transformers import CLIPVisionModelWithProjection

    return Embedding(CLIPVisionModelWithProjection.from_pretrained(folder, dtype=torch.float32))


def plain_tower(folder):
    settings = configuration(folder)
    tower = Tower(settings["vision_config"], settings["projection_dim"])
    tower.load(load_file(os.path.join(folder, "model.safetensors")))
    return tower


def open_clip_tower(folder):
    import_torchvision()
    from open_clip.model import CLIPVisionCfg, _build_vision_tower

    settings = configuration(folder)
    vision = settings["vision_config"]
    tensors = {key: value.float() for key, value in load_file(os.path.join(folder, "model.safetensors")).items()}
    stages = vision.get("resnet_layers")
    quick = vision["hidden_act"] == "quick_gelu"
    if stages:
        shape = CLIPVisionCfg(
            layers=tuple(stages),
            width=vision["hidden_size"] // 32,
            head_width=vision["hidden_size"] // vision["num_attention_heads"],
            image_size=vision["image_size"],
        )
        model = _build_vision_tower(settings["projection_dim"], shape, quick_gelu=quick)
        found = {key[len("visual.") :]: value for key, value in tensors.items() if key.startswith("visual.")}
    else:
        shape = CLIPVisionCfg(
            layers=vision["num_hidden_layers"],
            width=vision["hidden_size"],
            head_width=vision["hidden_size"] // vision["num_attention_heads"],
            mlp_ratio=vision["intermediate_size"] / vision["hidden_size"],
            patch_size=vision["patch_size"],
            image_size=vision["image_size"],
        )
        model = _build_vision_tower(settings["projection_dim"], shape, quick_gelu=quick)
        found = open_clip_names(tensors, vision["num_hidden_layers"])
    missing, unexpected = model.load_state_dict(found, strict=False)
    missing = [key for key in missing if not key.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"weights do not fit: missing {missing[:3]}, unexpected {unexpected[:3]}")
    return model


def open_clip_names(tensors, layers):
    """Hugging Face's names → open_clip's."""
    old = "vision_model."
    found = {
        "class_embedding": tensors[old + "embeddings.class_embedding"],
        "positional_embedding": tensors[old + "embeddings.position_embedding.weight"],
        "conv1.weight": tensors[old + "embeddings.patch_embedding.weight"],
        "proj": tensors["visual_projection.weight"].T.contiguous(),
    }
    for kind in ("weight", "bias"):
        found["ln_pre." + kind] = tensors[f"{old}pre_layrnorm.{kind}"]
        found["ln_post." + kind] = tensors[f"{old}post_layernorm.{kind}"]
        for index in range(layers):
            here, there = f"{old}encoder.layers.{index}.", f"transformer.resblocks.{index}."
            found[f"{there}ln_1.{kind}"] = tensors[f"{here}layer_norm1.{kind}"]
            found[f"{there}ln_2.{kind}"] = tensors[f"{here}layer_norm2.{kind}"]
            found[f"{there}attn.in_proj_{kind}"] = torch.cat(
                [tensors[f"{here}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            )
            found[f"{there}attn.out_proj.{kind}"] = tensors[f"{here}self_attn.out_proj.{kind}"]
            found[f"{there}mlp.c_fc.{kind}"] = tensors[f"{here}mlp.fc1.{kind}"]
            found[f"{there}mlp.c_proj.{kind}"] = tensors[f"{here}mlp.fc2.{kind}"]
    return found


class Trunk(torch.nn.Module):
    """A convolutional model of timm and the linear projection after it."""

    def __init__(self, trunk, projection):
        super().__init__()
        self.trunk = trunk
        self.projection = torch.nn.Linear(trunk.num_features, projection, bias=False)

    def forward(self, pixels):
        return self.projection(self.trunk(pixels))


def timm_tower(folder):
    import_torchvision()
    import timm

    settings = configuration(folder)
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    trunk = timm.create_model(settings["vision_config"]["trunk"], pretrained=False, num_classes=0)
    tower = Trunk(trunk, settings["projection_dim"])
    start = "visual.trunk."
    found = {"trunk." + key[len(start) :]: value.float() for key, value in tensors.items() if key.startswith(start)}
    found["projection.weight"] = tensors["visual.head.proj.weight"].float()
    missing, unexpected = tower.load_state_dict(found, strict=False)
    missing = [key for key in missing if not key.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"weights do not fit: missing {missing[:3]}, unexpected {unexpected[:3]}")
    # Convolutions of PyTorch are fastest with the channels of a position side by side.
    return tower.to(memory_format=torch.channels_last)


TOWERS = {
    "transformers": transformers_tower,
    "open_clip": open_clip_tower,
    "pytorch": plain_tower,
    "timm": timm_tower,
    "torch.compile": timm_tower,
}


def exporter(folder):
    """The PyTorch tower that exports are made of: the best known implementation that has the geometry."""
    vision = configuration(folder)["vision_config"]
    if vision.get("resnet_layers"):
        return open_clip_tower(folder)
    if vision.get("trunk"):
        return timm_tower(folder)
    return plain_tower(folder) if vision.get("stem_channels") else transformers_tower(folder)


def export(folder):
    """An ONNX file of the tower beside its weights, for batches of any size."""
    path = os.path.join(folder, "vision.onnx")
    if os.path.exists(path):
        return path
    tower = exporter(folder).eval()
    side = configuration(folder)["vision_config"]["image_size"]
    pixels = torch.zeros(2, 3, side, side)
    with torch.no_grad():
        torch.onnx.export(
            tower,
            (pixels,),
            path + ".part",
            input_names=["pixels"],
            output_names=["embedding"],
            dynamic_axes={"pixels": {0: "batch"}, "embedding": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
    os.replace(path + ".part", path)
    return path


def prepare(request):
    """Makes a tower ready; gives what to run and how far its output is from the reference."""
    if request["case"] == "export":
        path = export(request["folder"])
        return (lambda _: None), {"file": path}
    threads = request["threads"]
    torch.set_num_threads(threads)
    tensors = load_file(request["tensors"])
    pixels, reference = tensors["pixels"], tensors["reference"]
    make = {"onnxruntime": onnxruntime, "openvino": openvino}.get(request["peer"], eager)
    run = make(request, pixels)
    output = torch.as_tensor(run()).float()
    return (lambda _: discard(run)), {
        "difference": (output - reference).abs().max().item(),
        "scale": reference.abs().max().item(),
    }


def discard(run):
    """Runs and gives nothing, so that no output is taken for facts."""
    run()


def eager(request, pixels):
    tower = TOWERS[request["peer"]](request["folder"]).eval()
    dtype = TYPES[request["precision"]]
    tower = tower.to(dtype)
    pixels = pixels.to(dtype)
    if isinstance(tower, Trunk):
        pixels = pixels.to(memory_format=torch.channels_last)
    if request["peer"] == "torch.compile":
        tower = compiled(tower, pixels)

    def run():
        with torch.inference_mode():
            return tower(pixels)

    return run


def compiled(tower, pixels):
    """The tower by torch.compile, with frozen weights, which it then packs and folds."""
    import torch._inductor.config as inductor

    inductor.freezing = True
    made = torch.compile(tower)
    with torch.inference_mode():
        made(pixels)
    return made


def onnxruntime(request, pixels):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = request["threads"]
    options.inter_op_num_threads = 1
    path = request["onnx"]
    if request["precision"] == "int8":
        from onnxruntime.quantization import QuantType, quantize_dynamic

        small = path.replace(".onnx", "-int8.onnx")
        if not os.path.exists(small):
            quantize_dynamic(path, small, per_channel=True, weight_type=QuantType.QInt8)
        path = small
    elif request["precision"] != "float32":
        raise ValueError("ONNX Runtime computes in float32 or int8 on a CPU")
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: pixels.numpy()}
    return lambda: session.run(None, feed)[0]


def openvino(request, pixels):
    import openvino as ov

    core = ov.Core()
    model = core.read_model(request["onnx"])
    model.reshape(list(pixels.shape))
    compiled = core.compile_model(
        model,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[request["precision"]],
            "INFERENCE_NUM_THREADS": request["threads"],
            "PERFORMANCE_HINT": "LATENCY",
        },
    )
    infer = compiled.create_infer_request()
    feed = {0: pixels.numpy()}
    return lambda: next(iter(infer.infer(feed).values()))
