"""One peer in a process of its own: takes requests on standard input, answers on standard output, a JSON object a line.

    {"do": "hello"}                                     → {"versions": {...}, "python": "3.11.7"}
    {"do": "prepare", "handle": H, "case": C, ...}      → {"difference": 1e-6, ...}
    {"do": "run", "handle": H, "count": N, ...}         → {"seconds": 0.1, ...}   of all N
    {"do": "forget", "handle": H}                       → {}
    {"do": "memory"}                                    → {"peak": bytes}

What goes wrong is answered as {"error": "..."}; the process goes on. It ends with its standard input.
"""

import importlib
import json
import os
import sys
import time
import traceback

PEERS = os.path.dirname(os.path.abspath(__file__))
CASES = {
    "encode": "encoding",
    "export": "encoding",
    "files": "files",
    "train": "training",
    "train-trunk": "training",
    "study": "training",
    "decode": "images",
    "metrics": "scores",
}


def peak_memory():
    """The most memory that the process has held, in bytes."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def versions():
    """What is installed of the peers, by package name."""
    from importlib import metadata

    found = {}
    with open(os.path.join(PEERS, "..", "requirements.txt"), encoding="utf-8") as lines:
        for line in lines:
            name = line.split("#")[0].split("==")[0].strip()
            if not name:
                continue
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                pass
    return found


def answer(request, prepared):
    """Does what a request says."""
    action = request.get("do")
    if action == "hello":
        return {"versions": versions(), "python": sys.version.split()[0]}
    if action == "prepare":
        module = importlib.import_module(CASES[request["case"]])
        run, facts = module.prepare(request)
        prepared[request["handle"]] = run
        return facts
    if action == "run":
        run = prepared[request["handle"]]
        extra = {}
        start = time.perf_counter()
        for _ in range(request.get("count", 1)):
            extra = run(request) or {}
        seconds = time.perf_counter() - start
        return {"seconds": seconds, **extra}
    if action == "forget":
        prepared.pop(request["handle"], None)
        import gc

        gc.collect()
        return {}
    if action == "memory":
        return {"peak": peak_memory()}
    raise ValueError(f"the request {action!r} is not known")


def main():
    # What libraries print must not get among the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.path.insert(0, PEERS)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    prepared = {}
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            reply = answer(json.loads(line), prepared)
        except Exception as error:  # noqa: BLE001: whatever a peer throws is its answer
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:500]}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
