"""U-Nets on the image: the recipe for real hospitals in plain PyTorch, and those of MONAI and smp at equal cost."""

import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from segmentation import Head
from torchvision_import import import_torchvision

import_torchvision()  # timm and smp import it


class Trunk(nn.Module):
    """timm's EfficientNet with the projection that OpenCLIP puts behind a trunk."""

    def __init__(self, name, projection):
        super().__init__()
        import timm

        self.trunk = timm.create_model(name, pretrained=False, num_classes=0)
        self.proj = nn.Linear(self.trunk.num_features, projection, bias=False)
        self.widths = [stage[-1].bn3.num_features if hasattr(stage[-1], "bn3") else stage[-1].bn2.num_features
                       for stage in self.trunk.blocks]

    def forward(self, pixels, layers):
        trunk, outputs = self.trunk, []
        x = trunk.bn1(trunk.conv_stem(pixels))
        for stage in trunk.blocks:
            x = stage(x)
            outputs.append(x)
        x = trunk.bn2(trunk.conv_head(x))
        return [outputs[layer - 1] for layer in layers], self.proj(x.permute(0, 2, 3, 1))

    def tuned(self, tune):
        """The modules that are trained: none, last-N, all."""
        if tune == "none":
            return []
        if tune == "all":
            return [self]
        return [*self.trunk.blocks[-int(tune.split("-")[1]) :], self.trunk.conv_head, self.trunk.bn2, self.proj]


class TrunkModel(nn.Module):
    """Images B×3×S×S from 0 to 1 → logits: the trunk and the head whose skips go by level."""

    STRIDES = (2, 4, 8, 16, 16, 32, 32)

    def __init__(self, settings, tensors):
        super().__init__()
        head = settings["configuration"]["model"]["head"]
        clip = settings["clip"]
        self.layers = head["towerLayers"]
        self.tower = Trunk(clip["vision_config"]["trunk"], clip["projection_dim"])
        entering = [(self.tower.widths[layer - 1], self.STRIDES[layer - 1]) for layer in self.layers]
        self.head = Head(head, clip["projection_dim"], self.STRIDES[-1], entering)
        self.register_buffer("mean", torch.tensor(settings["preparation"]["mean"]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(settings["preparation"]["deviation"]).view(1, 3, 1, 1))
        if tensors is not None:
            self.load(self.tower.trunk, tensors, "tower.visual.trunk.")
            self.load(self.tower.proj, tensors, "tower.visual.head.proj.")
            self.load(self.head, tensors, "model.head.")
        self.frozen = False

    @staticmethod
    def load(module, tensors, prefix):
        found = {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
        missing, unexpected = module.load_state_dict(found, strict=False)
        missing = [key for key in missing if not key.endswith("num_batches_tracked")]
        if missing or unexpected:
            raise ValueError(f"{prefix}: missing {missing[:3]}, unexpected {unexpected[:3]}")

    def tune(self, tune):
        """Freezes all but the tuned part; returns its parameters."""
        self.parts = self.tower.tuned(tune)
        self.frozen = not self.parts
        for parameter in self.tower.parameters():
            parameter.requires_grad_(False)
        tuned = [parameter for part in self.parts for parameter in part.parameters()]
        for parameter in tuned:
            parameter.requires_grad_(True)
        return tuned

    def train(self, mode=True):
        """The frozen part keeps its statistics."""
        super().train(mode)
        if mode:
            self.tower.eval()
            for part in self.parts:
                part.train()
        return self

    def forward(self, images):
        pixels = ((images - self.mean) / self.deviation).contiguous(memory_format=torch.channels_last)
        with torch.set_grad_enabled(not self.frozen and torch.is_grad_enabled()):
            layers, grid = self.tower(pixels, self.layers)
        return self.head(pixels, grid, layers)


class Plain(nn.Module):
    """Another U-Net between the same pixels and logits."""

    def __init__(self, network, settings):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(settings["preparation"]["mean"]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(settings["preparation"]["deviation"]).view(1, 3, 1, 1))

    def tune(self, tune):
        return []

    def forward(self, images):
        pixels = ((images - self.mean) / self.deviation).contiguous(memory_format=torch.channels_last)
        return self.network(pixels)


def operations(model, side):
    """The multiply-adds of a forward pass of one image."""
    model.eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(torch.zeros(1, 3, side, side))
    return counter.get_total_flops() / 2


def monai_network(width):
    """MONAI's U-Net with residual units, five levels."""
    from monai.networks.nets import UNet

    return UNet(2, 3, 1, channels=[width * 2**i for i in range(5)], strides=(2, 2, 2, 2), num_res_units=2)


def smp_network(width, trunk):
    """smp's U-Net on timm's trunk, with a decoder of its own shape."""
    import segmentation_models_pytorch as smp

    return smp.Unet("tu-" + trunk, encoder_weights=None, decoder_channels=[width * 2**i for i in (4, 3, 2, 1, 0)])


def equal_cost(make, settings, wanted):
    """The network whose width brings its multiply-adds nearest to ours, and these."""
    side = settings["configuration"]["imageSize"]
    best = None
    for width in range(4, 65):
        model = Plain(make(width), settings)
        cost = operations(model, side)
        if best is None or abs(cost - wanted) < abs(best[1] - wanted):
            best = (model, cost, width)
        if cost > wanted:
            break
    return best


def make_model(settings, tensors, kind):
    """The model of a contestant: `same`, `monai` or `smp`; and its multiply-adds beside those of the recipe."""
    same = TrunkModel(settings, tensors)
    same.tune("all")
    wanted = operations(same, settings["configuration"]["imageSize"])
    if kind == "same":
        return same, {"operations": wanted, "recipe": wanted}
    trunk = settings["clip"]["vision_config"]["trunk"]
    make = monai_network if kind == "monai" else lambda width: smp_network(width, trunk)
    model, cost, width = equal_cost(make, settings, wanted)
    return model, {"operations": cost, "recipe": wanted, "width": width}
