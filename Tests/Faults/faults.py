"""Makes calls of the system fail, or kills the command, and checks that nothing is lost.

scripts/faults                      every fault of every command (hours); Linux with a C compiler
scripts/faults --limit 200          200 faults, spread evenly over all of them
scripts/faults --kills 1000         1,000 kills (SIGKILL) at random moments instead
scripts/faults --only train,predict some commands
scripts/faults --program .build/debug/mcdrl

Each run is a short one: two rendered sites of few small images and the CLIP model tiny. After a
fault the command must end with exit code 1 and a message that names the file, or do its whole work.
An interrupted or short call must change nothing. Then the command runs again, resumed, and its files
must equal those of an undisturbed run, except for times. The script prints each failure and the
counts, and exits with 1 after a failure.
"""
import argparse
import hashlib
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = {
    "open": ["EIO", "EINTR"],
    "read": ["EIO", "EINTR", "short"],
    "write": ["ENOSPC", "ENOSPC lasting", "EINTR", "short"],
    "sync": ["EIO", "EINTR"],
    "rename": ["EIO", "EINTR"],
    "map": ["EIO"],
    "thread": ["EAGAIN", "EAGAIN lasting"],
}
# Faults that a program must get over.
HARMLESS = ("EINTR", "short", "EAGAIN")
# Entries of documents that hold times, or hashes of documents with times.
TIMES = {"seconds", "waited", "milliseconds", "latency", "date", "started", "fingerprint"}
# Files that hold times only, or pages with times in them.
TIMED = {"timing.json", "report.html", "cost.json", ".lock"}
LIMIT = 300
# Short runs that keep features of frozen layers.
SETTINGS = ["batchSize=4", "augmentation.fixed=1", "interventions.variants=1", "model.head.detailWidths=[]", "model.head.gridWidth=8"]


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
    """The content of a file, without times."""
    data = path.read_bytes()
    if path.suffix in (".json", ".jsonl"):
        lines = data.decode().splitlines() if path.suffix == ".jsonl" else [data.decode()]
        return json.dumps([without_times(json.loads(line)) for line in lines], sort_keys=True).encode()
    if path.name == "checkpoint.safetensors":
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        header.pop("__metadata__", None)
        return json.dumps(header, sort_keys=True).encode() + data[8 + size :]
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


def difference(found, wanted):
    return sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))


class Trial:
    def __init__(self, program, work):
        # Faults hit the files below one folder. The messages of the command lie beside it.
        self.program, self.work, self.files = program, work, work / "files"
        self.files.mkdir()
        self.failures = []
        # Faults whose call did not occur, because threads differ from run to run.
        self.missed = 0
        self.count = 0

    def run(self, words, environment=None, kill_after=None):
        """Runs the command; returns exit code (negative for a signal, None for too long) and messages."""
        messages = self.work / "stderr"
        with open(messages, "wb") as err:
            process = subprocess.Popen(
                [str(self.program)] + words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err,
                env=dict(os.environ, **(environment or {})),
            )
            try:
                process.wait(kill_after or LIMIT)
                code = process.returncode
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                code = -signal.SIGKILL if kill_after else None
        return code, messages.read_text(errors="replace")

    def fail(self, name, reason, messages=""):
        self.failures.append(name)
        print(f"FAILED {name}: {reason}\n{messages.strip()}", flush=True)

    def check(self, name, command, out, wanted):
        """Runs the command again, resumed, and compares its files with those of an undisturbed run."""
        words = command.line(out)
        code, messages = self.run(words)
        if code != 0:
            return self.fail(name, f"the next call, {' '.join(words)}, ended with {code}", messages)
        different = difference(digest(out), wanted)
        if different:
            self.fail(name, f"after the next call these files differ: {', '.join(different)}")
            if os.environ.get("FAULTS_KEEP"):
                shutil.copytree(out, f"{out}-{self.count}")


def named(path):
    """The name that a message must hold: of the file itself, if `path` is its temporary name."""
    name = pathlib.Path(path).name
    temporary = re.fullmatch(r"\.(.+)\.[0-9A-F-]{36}\.part", name)
    return temporary.group(1) if temporary else name


def fault(trial, shim, command, wanted, call, number, kind):
    name = f"{command.name}: {kind} at {call} {number}"
    out, report = trial.files / "out", trial.work / "report"
    shutil.rmtree(out, ignore_errors=True)
    report.unlink(missing_ok=True)
    words = kind.split()
    environment = {
        "LD_PRELOAD": str(shim), "FAULT_UNDER": str(trial.files), "FAULT_CALL": call, "FAULT_AT": str(number),
        "FAULT_KIND": words[0], "FAULT_REPORT": str(report),
    }
    if len(words) > 1:
        environment["FAULT_LASTING"] = "1"
    code, messages = trial.run(command.line(out), environment)
    hits = [line.split(" ", 2)[2] for line in report.read_text().splitlines() if line.startswith("failed ")] if report.exists() else []
    trial.missed += not hits
    if code is None:
        return trial.fail(name, f"no end after {LIMIT} s, fault at {hits}", messages)
    if code < 0 or code > 2:
        return trial.fail(name, f"ended with {code}, fault at {hits}", messages)
    if code and words[0] in HARMLESS:
        trial.fail(name, f"a harmless fault ended the command, at {hits}", messages)
    elif code and not any(named(hit) in messages for hit in hits):
        trial.fail(name, f"the message does not name {', '.join(map(named, hits))}", messages)
    elif code == 0:
        different = difference(digest(out), wanted)
        if different:
            trial.fail(name, f"exit 0, but these files differ: {', '.join(different)}; fault at {hits}", messages)
    trial.check(name, command, out, wanted)


def kill(trial, command, wanted, seconds, chance):
    out = trial.files / "out"
    shutil.rmtree(out, ignore_errors=True)
    moments = [chance.uniform(0, 1.05 * seconds)]
    while chance.random() < 0.3:
        moments.append(chance.uniform(0, 1.05 * seconds))
    name = f"{command.name}: killed after {', '.join(f'{moment:.3f}' for moment in moments)} s"
    for moment in moments:
        words = command.line(out)
        code, messages = trial.run(words, kill_after=moment)
        if code not in (0, -signal.SIGKILL):
            return trial.fail(name, f"{' '.join(words)} ended with {code}", messages)
    trial.check(name, command, out, wanted)


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


def spread(faults, chance):
    """The faults in turn of every command, call and kind, each in random order."""
    groups = {}
    for fault in faults:
        groups.setdefault((fault[0].name, fault[1], fault[3]), []).append(fault)
    for group in groups.values():
        chance.shuffle(group)
    return [fault for turn in itertools.zip_longest(*groups.values()) for fault in turn if fault]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / ".build/release/mcdrl")
    parser.add_argument("--kills", type=int, metavar="N", help="kill N times instead of making calls fail")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N faults, spread over all of them")
    parser.add_argument("--minutes", type=float, metavar="M", help="begin nothing new after M minutes")
    parser.add_argument("--only", metavar="COMMAND,…", help="train, loso, predict or pretrain")
    parser.add_argument("--calls", metavar="CALL,…", help=", ".join(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="mcdrl-faults-")).resolve()
    trial = Trial(options.program.resolve(), work)
    start = time.time()

    def is_late():
        return options.minutes is not None and time.time() - start > 60 * options.minutes

    try:
        chosen = [c for c in commands(trial) if not options.only or c.name in options.only.split(",")]
        shim = work / "faults.so"
        if options.kills is None:
            subprocess.run(
                [os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-o", shim, ROOT / "Tests/Faults/faults.c", "-ldl"], check=True)
        chance = random.Random(options.seed)
        plain, faults = {}, []
        for command in chosen:
            out, report = trial.files / "out", work / "report"
            environment = {} if options.kills else {
                "LD_PRELOAD": str(shim), "FAULT_UNDER": str(trial.files), "FAULT_REPORT": str(report)}
            for turn in range(2):
                shutil.rmtree(out, ignore_errors=True)
                report.unlink(missing_ok=True)
                begun = time.time()
                code, messages = trial.run(command.line(out), environment)
                if code:
                    sys.exit(f"{command.name} ended with {code}\n{messages}")
                found, seconds = digest(out), time.time() - begun
                if turn and found != plain[command.name][0]:
                    sys.exit(f"{command.name}: two runs differ in {difference(found, plain[command.name][0])}")
                plain[command.name] = (found, seconds)
            if options.kills is None:
                counts = dict(line.split() for line in report.read_text().splitlines())
                print(f"{command.name}: {seconds:.1f} s, {len(found)} files, calls: {counts}", flush=True)
                faults += [
                    (command, call, number, kind)
                    for call in (options.calls.split(",") if options.calls else KINDS)
                    for number in range(1, int(counts[call]) + 1)
                    for kind in KINDS[call]
                ]
        if options.kills:
            for _ in range(options.kills):
                if is_late():
                    break
                command = chance.choice(chosen)
                trial.count += 1
                kill(trial, command, *plain[command.name], chance)
        else:
            for command, call, number, kind in spread(faults, chance)[: options.limit]:
                if is_late():
                    break
                trial.count += 1
                fault(trial, shim, command, plain[command.name][0], call, number, kind)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    what = "kills" if options.kills else f"faults of {len(faults)}"
    if trial.missed:
        what += f" ({trial.missed} did not occur)"
    print(f"{trial.count} {what}, {len(trial.failures)} failures, {time.time() - start:.0f} s")
    sys.exit(1 if trial.failures else 0)


main()
