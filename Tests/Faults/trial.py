"""Short runs of the command, undisturbed, disturbed and resumed, and the comparison of their files."""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Faults that a program must get over.
HARMLESS = ("EINTR", "short", "EAGAIN")
# Entries of documents that hold times, or hashes of documents with times.
TIMES = {"seconds", "waited", "milliseconds", "latency", "date", "started", "fingerprint"}
# Files that hold times only, or pages with times in them.
TIMED = {"timing.json", "report.html", "cost.json", ".lock"}
LIMIT = 600
# Short runs that keep features of frozen layers.
SETTINGS = [
    "batchSize=4", "augmentation.fixed=1", "interventions.variants=1", "model.head.detailWidths=[]", "model.head.gridWidth=8",
    "imageSize=32",
]


class Command:
    """A command with its folder of results."""

    def __init__(self, name, words, sign=None):
        # `sign` is the file whose existence makes `--resume` possible, or None for a command that is
        # simply called again.
        self.name, self.words, self.sign = name, words, sign

    def line(self, out):
        line = self.words + ["--out", str(out), "--threads", "1"]
        if not self.sign or not (out / self.sign).exists():
            return line
        return ["train", "--out", str(out), "--resume", "--threads", "1"] if self.name == "train" else line + ["--resume"]


def without_times(value):
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in TIMES}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def content(path):
    """The content of a file, without times; as it is if it is cut short."""
    data = path.read_bytes()
    try:
        if path.suffix in (".json", ".jsonl"):
            lines = data.decode().splitlines() if path.suffix == ".jsonl" else [data.decode()]
            return json.dumps([without_times(json.loads(line)) for line in lines], sort_keys=True).encode()
        if path.name == "checkpoint.safetensors":
            size = int.from_bytes(data[:8], "little")
            header = json.loads(data[8 : 8 + size])
            header.pop("__metadata__", None)
            return json.dumps(header, sort_keys=True).encode() + data[8 + size :]
    except ValueError:
        pass
    return data


def digest(folder):
    """A hash of each file below a folder; an event file of TensorBoard holds times throughout."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in TIMED and "tfevents" not in path.name:
            found[str(path.relative_to(folder))] = hashlib.sha256(
                content(path).replace(str(folder).encode(), b"OUT")
            ).hexdigest()
    return found


def state(folder):
    """All that the next call can see, times apart: every file by name, hash and, of a temporary one, size."""
    files = []
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.suffix == ".part":
            # Its name is a random number. Whatever it holds, the next call may only remove it.
            files.append((str(path.parent.relative_to(folder)), f"part of {path.stat().st_size}"))
        else:
            files.append((name if "tfevents" not in name else str(path.parent), "file" if path.is_file() else "folder"))
    return json.dumps([sorted(files), sorted(digest(folder).items())]) if folder.exists() else ""


def difference(found, wanted):
    return sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))


class Trial:
    def __init__(self, program, work):
        # Faults hit the files below one folder. The messages of the command lie beside it.
        self.program, self.work, self.files = program, work, work / "files"
        self.out, self.report, self.shim = self.files / "out", work / "report", work / "faults.so"
        self.files.mkdir()
        subprocess.run(
            [os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-o", self.shim, ROOT / "Tests/Faults/faults.c", "-ldl", "-lrt"],
            check=True)
        self.failures = []
        # Faults whose call did not occur, because threads differ from run to run.
        self.missed = 0
        self.count = 0
        # The states from which the next call was right, for each command; and the number of states that came again.
        self.passed, self.again = {}, 0

    def run(self, words, environment=None):
        """Runs the command; returns exit code (negative for a signal, None for too long) and messages."""
        messages = self.work / "stderr"
        with open(messages, "wb") as err:
            process = subprocess.Popen(
                [str(self.program)] + words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err,
                env=dict(os.environ, **(environment or {})),
            )
            try:
                process.wait(LIMIT)
                code = process.returncode
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                code = None
        return code, messages.read_text(errors="replace")

    def shimmed(self, words, **settings):
        """Runs the command under the shim, with settings such as CALL="open"."""
        self.report.unlink(missing_ok=True)
        environment = {f"FAULT_{name}": str(value) for name, value in settings.items()}
        return self.run(words, {
            "LD_PRELOAD": str(self.shim), "FAULT_UNDER": str(self.files), "FAULT_REPORT": str(self.report), **environment})

    def reported(self, start):
        """The rest of each line of the report that begins so."""
        lines = self.report.read_text().splitlines() if self.report.exists() else []
        return [line[len(start) :] for line in lines if line.startswith(start)]

    def step(self):
        """Counts a fault or kill, and shows how far the script is."""
        if self.count % 50 == 0 and self.count:
            print(f"{self.count}: {len(self.failures)} failures, {sum(map(len, self.passed.values()))} states", flush=True)
        self.count += 1

    def clear(self):
        shutil.rmtree(self.out, ignore_errors=True)

    def fail(self, name, reason, messages=""):
        self.failures.append(name)
        print(f"FAILED {name}: {reason}\n{messages.strip()[-2000:]}", flush=True)

    def check(self, name, command, wanted):
        """Runs the command again, resumed, and compares its files with those of an undisturbed run.

        What the next call does follows from the folder. So a state that was seen before is not tried again.
        """
        now = state(self.out)
        passed = self.passed.setdefault(command.name, set())
        if now in passed:
            self.again += 1
            return
        words = command.line(self.out)
        code, messages = self.run(words)
        different = difference(digest(self.out), wanted) if code == 0 else []
        if code == 0 and not different:
            passed.add(now)
            return
        if code != 0:
            self.fail(name, f"the next call, {' '.join(words)}, ended with {code}", messages)
        else:
            self.fail(name, f"after the next call these files differ: {', '.join(different)}")
        if os.environ.get("FAULTS_KEEP"):
            shutil.copytree(self.out, pathlib.Path(os.environ["FAULTS_KEEP"]) / str(self.count))


def commands(trial):
    """The commands, on rendered sites and a run that this makes."""
    data, model = trial.files / "data", trial.files / "run"
    clip = ["--clip", "tiny", "--data", str(data)]
    train = ["train", "--hold-out", "site-b", "--epochs", "2", "--set"] + SETTINGS + clip
    for words in (
        ["synth", "--sites", "2", "--per-site", "6", "--test-per-site", "2", "--size", "64", "--out", str(data), "--format", "png"],
        train + ["--out", str(model), "--threads", "1"],
    ):
        code, messages = trial.run(words)
        if code:
            sys.exit(f"{' '.join(words)} ended with {code}\n{messages}")
    loso = ["loso", "--methods", "baseline,mcdrl", "--epochs", "1", "--workers", "1", "--allow-leakage"]
    return [
        Command("train", train, "config.json"),
        Command("loso", loso + ["--set"] + SETTINGS + clip),
        Command("predict", ["predict", str(model), str(data / "site-b/images"), "--format", "mask,probability,overlay"]),
        Command("pretrain", ["clip", "pretrain", "--images", "12", "--steps", "3", "--batch", "4", "--test-images", "0"],
                "pretraining.json"),
    ]
