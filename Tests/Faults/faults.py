"""Makes calls of the system fail, or kills the command, and checks that nothing is lost.

scripts/faults                      each distinct fault: for every command, call and role of a file the
                                    first, the middle and the last call, with every error; all the
                                    first calls come first
scripts/faults --once               the first calls alone
scripts/faults --every              every call with every error (many hours)
scripts/faults --limit 200          200 faults, spread evenly over all of them
scripts/faults --kills 1000         1,000 kills (SIGKILL) instead: half at random moments of computing
                                    time, half before random calls
scripts/faults --only train,predict some commands
scripts/faults --program .build/debug/mcdrl

Each run is a short one: two rendered sites of few small images and the CLIP model tiny, in memory.
After a fault the command must end with exit code 1 and a message that names the file, or do its whole
work. An interrupted or short call must change nothing. Then the command runs again, resumed, and its
files must equal those of an undisturbed run, except for times. A state of the folder that was resumed
before is not resumed again. The script prints each failure and the counts, and exits with 1 after a
failure.

The role of a file is its path without the names of sites, methods and images. So the masks of all
images are one role, and config.json of a run is another. Linux with a C compiler.
"""
import argparse
import itertools
import os
import pathlib
import random
import resource
import shutil
import signal
import sys
import tempfile
import time

# No compiled copies beside the sources.
sys.dont_write_bytecode = True
import classes
from trial import HARMLESS, LIMIT, ROOT, Trial, commands, difference, digest


class Plain:
    """An undisturbed run: its files, its calls and its computing time."""

    def __init__(self, trial, command):
        def seconds():
            use = resource.getrusage(resource.RUSAGE_CHILDREN)
            return use.ru_utime + use.ru_stime

        for turn in range(2):
            trial.clear()
            begun = seconds()
            code, messages = trial.shimmed(command.line(trial.out), TRACE=1)
            if code:
                sys.exit(f"{command.name} ended with {code}\n{messages}")
            self.seconds = seconds() - begun
            files = digest(trial.out)
            if turn and files != self.files:
                sys.exit(f"{command.name}: two runs differ in {difference(files, self.files)}")
            self.files = files
        self.calls = classes.calls(trial.report.read_text().splitlines(), trial.files)


def disturb(trial, plain, command, call, kind):
    """Makes one call fail."""
    name = f"{command.name}: {kind} at {call.kind} {call.number} of {call.target}"
    trial.clear()
    words = kind.split()
    settings = {"CALL": call.kind, "FILES": call.pattern, "AT": call.number, "KIND": words[0]}
    if len(words) > 1:
        settings["LASTING"] = 1
    code, messages = trial.shimmed(command.line(trial.out), **settings)
    hits = trial.reported("failed ")
    trial.missed += not hits
    if code is None:
        return trial.fail(name, f"no end after {LIMIT} s", messages)
    if code < 0 or code > 2:
        return trial.fail(name, f"ended with {code}", messages)
    if code and words[0] in HARMLESS:
        trial.fail(name, "a harmless fault ended the command", messages)
    elif code and call.kind != "thread" and not call.is_named(messages, trial.files):
        trial.fail(name, "the message does not name the file", messages)
    elif code == 0:
        # A run may go on without its choice of arithmetic if a note names the file at fault.
        optional = {"precision.json"} if "note: " in messages and call.is_named(messages, trial.files) else set()
        different = set(difference(digest(trial.out), plain.files)) - optional
        if different:
            trial.fail(name, f"exit 0, but these files differ: {', '.join(sorted(different))}", messages)
    trial.check(name, command, plain.files)


def kill(trial, plain, command, chance):
    """Kills a run, and sometimes the one that goes on from it."""
    trial.clear()
    name = f"{command.name}: killed"
    while True:
        if chance.random() < 0.5:
            moment = chance.uniform(0, 1.05 * plain.seconds)
            name += f" after {moment:.3f} s"
            settings = {"CPU": int(1e6 * moment) + 1}
        else:
            call = chance.choice([call for call in plain.calls if call.kind != "thread"])
            name += f" before {call.kind} {call.number} of {call.target}"
            settings = {"CALL": call.kind, "FILES": call.pattern, "AT": call.number, "KIND": "kill"}
        words = command.line(trial.out)
        code, messages = trial.shimmed(words, **settings)
        if code not in (0, -signal.SIGKILL):
            return trial.fail(name, f"{' '.join(words)} ended with {code}", messages)
        # A run that ended before its kill counts as none.
        if code == 0 or chance.random() >= 0.3:
            break
    trial.missed += code == 0
    trial.check(name, command, plain.files)


def spread(faults, chance):
    """The faults in turn of every command, call and kind, each in random order."""
    groups = {}
    for fault in faults:
        groups.setdefault((fault[0].name, fault[1].kind, fault[2]), []).append(fault)
    for group in groups.values():
        chance.shuffle(group)
    return [fault for turn in itertools.zip_longest(*groups.values()) for fault in turn if fault]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / ".build/release/mcdrl")
    parser.add_argument("--kills", type=int, metavar="N", help="kill N times instead of making calls fail")
    parser.add_argument("--every", action="store_true", help="every call, not the distinct ones")
    parser.add_argument("--once", action="store_true", help="the first call on each role of a file alone")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N faults, spread over all of them")
    parser.add_argument("--minutes", type=float, metavar="M", help="begin nothing new after M minutes")
    parser.add_argument("--only", metavar="COMMAND,…", help="train, loso, predict or pretrain")
    parser.add_argument("--calls", metavar="CALL,…", help=", ".join(classes.KINDS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    memory = pathlib.Path("/dev/shm")
    work = pathlib.Path(tempfile.mkdtemp(prefix="mcdrl-faults-", dir=memory if os.access(memory, os.W_OK) else None)).resolve()
    trial = Trial(options.program.resolve(), work)
    start = time.time()

    def is_late():
        return options.minutes is not None and time.time() - start > 60 * options.minutes

    try:
        chosen = [c for c in commands(trial) if not options.only or c.name in options.only.split(",")]
        kinds = options.calls.split(",") if options.calls else list(classes.KINDS)
        chance = random.Random(options.seed)
        plain, first, others = {}, [], []
        for command in chosen:
            run = plain[command.name] = Plain(trial, command)
            all_faults = classes.every(command, run.calls, kinds)
            once, again = classes.distinct(command, run.calls, kinds)
            print(f"{command.name}: {run.seconds:.1f} s of computing, {len(run.files)} files, {len(run.calls)} calls, "
                  f"{len(once)} distinct faults, {len(again)} at middle and last calls, of {len(all_faults)}", flush=True)
            first += [] if options.every else once
            others += all_faults if options.every else [] if options.once else again
        if options.kills:
            for number in range(options.kills):
                if is_late():
                    break
                command = chosen[number % len(chosen)]
                trial.step()
                kill(trial, plain[command.name], command, chance)
        else:
            faults = spread(first, chance) + spread(others, chance)
            for command, call, kind in faults[: options.limit]:
                if is_late():
                    break
                trial.step()
                disturb(trial, plain[command.name], command, call, kind)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    what = "kills" if options.kills else f"faults of {len(first) + len(others)}"
    late = "the command had ended before" if options.kills else "the call did not occur"
    states = sum(map(len, trial.passed.values()))
    print(f"{trial.count} {what} ({trial.missed} without effect: {late}), {len(trial.failures)} failures; "
          f"{states} different states resumed, {trial.again} came again; {time.time() - start:.0f} s")
    sys.exit(1 if trial.failures else 0)


main()
