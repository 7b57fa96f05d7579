"""Training in plain PyTorch: the same model, losses, optimiser and schedule, and no cache of features."""

import json
import math
import os

import torch
from safetensors.torch import load_file
from torch.nn import functional

from images import read_mask, read_square
from segmentation import Model


class Pictures(torch.utils.data.Dataset):
    """Images and masks at S×S, decoded each time they are asked for."""

    def __init__(self, samples, side):
        self.samples, self.side = samples, side

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        sample = self.samples[index]
        image = torch.from_numpy(read_square(sample["image"], self.side)).permute(2, 0, 1)
        mask = torch.from_numpy(read_mask(sample["mask"], self.side)).unsqueeze(0)
        label = sample.get("class", -1)
        return image.float() / 255, mask.float(), label if mask.any() else -1


def segmentation_loss(logits, masks, dice):
    """Cross-entropy and soft Dice."""
    entropy = functional.binary_cross_entropy_with_logits(logits, masks, reduction="none").mean((1, 2, 3))
    probability = logits.sigmoid()
    overlap = (probability * masks).sum((1, 2, 3))
    total = probability.sum((1, 2, 3)) + masks.sum((1, 2, 3))
    return (entropy + dice * (1 - (2 * overlap + 1) / (total + 1))).mean()


class Session:
    """A model in training, and what it is trained on."""

    def __init__(self, request):
        with open(request["settings"], encoding="utf-8") as file:
            self.settings = json.load(file)
        configuration = self.settings["configuration"]
        self.configuration = configuration
        self.bfloat16 = request.get("precision", "float32") == "bfloat16"
        self.tensors = load_file(request["weights"])
        self.samples = request["samples"]
        self.validation = request.get("validation", [])
        self.orders = request.get("orders", [])
        self.size = configuration["batchSize"]
        self.epochs = configuration["epochs"]
        self.side = configuration["imageSize"]
        self.step = 0
        self.epoch = 0
        self.folder = request["folder"]
        self.pending = []
        self.network_name = request.get("network", "same")
        self.facts = {}
        self.start()
        self.network = torch.compile(self.model) if request.get("compile") else self.model

    def make_model(self):
        """Makes the model; returns the parameters after the tower and those of its tuned part."""
        configuration = self.configuration
        self.model = Model(
            self.settings["clip"], configuration["model"], self.settings["preparation"], self.tensors
        )
        for parameter in self.model.tower.parameters():
            parameter.requires_grad_(False)
        tuned = self.model.tower.tuned(configuration["tune"])
        for parameter in tuned:
            parameter.requires_grad_(True)
        self.model.frozen = not tuned
        return [*self.model.intervention.parameters(), *self.model.head.parameters()], tuned

    def start(self):
        rates = self.configuration["optimizer"]
        own, tuned = self.make_model()
        groups = [{"params": own, "lr": rates["learningRate"]}]
        if tuned:
            groups.append({"params": tuned, "lr": rates["towerLearningRate"]})
        self.parameters = own + tuned
        self.optimizer = torch.optim.AdamW(groups, weight_decay=rates["weightDecay"], fused=True)
        total = self.epochs * self.steps
        warmup = int(rates["warmup"] * total)

        def scale(step):
            if step < warmup:
                return (step + 1) / warmup
            progress = min(1, (step - warmup) / max(1, total - warmup))
            return rates["floor"] + (1 - rates["floor"]) * 0.5 * (1 + math.cos(math.pi * progress))

        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, scale)

    @property
    def steps(self):
        return max(1, len(self.samples) // self.size)

    def batches(self):
        """The batches of an epoch: in the order that was given, else shuffled."""
        order = (
            self.orders[self.epoch]
            if self.epoch < len(self.orders)
            else torch.randperm(len(self.samples)).tolist()
        )
        batches = [order[i * self.size : (i + 1) * self.size] for i in range(self.steps)]
        return torch.utils.data.DataLoader(Pictures(self.samples, self.side), batch_sampler=batches, num_workers=0)

    def loss(self, images, masks, classes):
        weights = self.configuration["model"]["options"] | self.configuration["objective"]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            logits, intervened, embedding = self.network(images)
        loss = segmentation_loss(logits.float(), masks, weights["dice"])
        rows = (classes >= 0).nonzero().squeeze(1)
        if len(rows):
            labels = classes[rows]
            target = self.model.joint.mean(1)[labels]
            causal = (intervened.float().mean(1)[rows] - target).pow(2).sum(-1).mean()
            units = functional.normalize(embedding.float()[rows], dim=-1)
            cosines = units @ functional.normalize(self.model.classes, dim=-1).T
            contrast = functional.cross_entropy(cosines / weights["temperature"], labels)
            loss = loss + weights["causal"] * causal + weights["contrast"] * contrast
        return loss

    def train_step(self, batch):
        loss = self.loss(*batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.configuration["optimizer"]["gradientClip"])
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        self.step += 1
        return loss.item()

    def train_epoch(self):
        """One epoch: decode, train, validate, save."""
        self.model.train()
        losses = [self.train_step(batch) for batch in self.batches()]
        self.epoch += 1
        dice = self.validate()
        self.save()
        return losses, dice

    def validate(self):
        if not self.validation:
            return None
        self.model.eval()
        values = []
        loader = torch.utils.data.DataLoader(Pictures(self.validation, self.side), batch_size=self.size)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            for images, masks, _ in loader:
                found = (self.model(images)[0].float() >= 0).float()
                overlap = 2 * (found * masks).sum((1, 2, 3))
                total = found.sum((1, 2, 3)) + masks.sum((1, 2, 3))
                values += torch.where(total > 0, overlap / total.clamp(min=1), torch.ones_like(total)).tolist()
        return sum(values) / len(values)

    def save(self):
        """The state for going on, as our side keeps it, too."""
        path = os.path.join(self.folder, "checkpoint.pt")
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
            },
            path + ".part",
        )
        os.replace(path + ".part", path)


class TrunkSession(Session):
    """The recipe for real hospitals, or another library's U-Net of equal cost; only L_seg."""

    def make_model(self):
        from trunk import make_model

        self.model, self.facts = make_model(self.settings, self.tensors, self.network_name)
        self.model.to(memory_format=torch.channels_last)
        tuned = self.model.tune(self.configuration["tune"])
        chosen = {id(parameter) for parameter in tuned}
        own = [p for p in self.model.parameters() if p.requires_grad and id(p) not in chosen]
        return own, tuned

    def loss(self, images, masks, classes):
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            logits = self.network(images)
        return segmentation_loss(logits.float(), masks, self.configuration["objective"]["dice"])

    def validate(self):
        return None


def prepare(request):
    """A session; what runs is a step, an epoch, or a whole study of held-out sites."""
    torch.set_num_threads(request["threads"])
    os.makedirs(request["folder"], exist_ok=True)
    if request["case"] == "study":
        return (lambda _: study(request)), {}
    session = (TrunkSession if request["case"] == "train-trunk" else Session)(request)
    if request["what"] == "step":
        session.model.train()
        session.pending = list(session.batches())

    def run(call):
        if call["what"] == "step":
            return {"loss": session.train_step(session.pending.pop(0))}
        losses, dice = session.train_epoch()
        return {"losses": losses, "dice": dice}

    return run, session.facts


def study(request):
    """Every site held out in turn: train at the others, score there."""
    from images import read_square as read
    from PIL import Image
    import numpy as np
    from scores import all_scores

    dice = {}
    for fold in request["folds"]:
        torch.manual_seed(0)
        session = Session({**request, "samples": fold["training"], "validation": fold["validation"]})
        for _ in range(session.epochs):
            session.train_epoch()
        session.model.eval()
        values = []
        for sample in fold["test"]:
            image = torch.from_numpy(read(sample["image"], session.side)).permute(2, 0, 1).float() / 255
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=session.bfloat16):
                logits = session.model(image.unsqueeze(0))[0].float()
            with Image.open(sample["mask"]) as mask:
                reference = np.asarray(mask.convert("L")) > 127
            found = functional.interpolate(logits.sigmoid(), size=reference.shape, mode="bilinear")[0, 0] >= 0.5
            values.append(all_scores(found.numpy(), reference, request.get("tolerance", 2.0))["dice"])
        dice[fold["site"]] = sum(values) / max(1, len(values))
    return {"dice": dice}
