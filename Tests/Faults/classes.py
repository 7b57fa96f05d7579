"""The calls of an undisturbed run, and which of them a fault should hit."""
import fnmatch
import re

KINDS = {
    "open": ["EIO", "EINTR"],
    "read": ["EIO", "EINTR", "short"],
    "write": ["ENOSPC", "ENOSPC lasting", "EINTR", "short"],
    "truncate": ["EIO", "EINTR"],
    "sync": ["EIO", "EINTR"],
    "rename": ["EIO", "EINTR"],
    "map": ["EIO"],
    "thread": ["EAGAIN", "EAGAIN lasting"],
}


def role(path):
    """What a file is for: its path without the names of sites, methods and images."""
    path = re.sub(r"site-[a-z]", "SITE", path)
    path = re.sub(r"/(baseline|mcdrl)-\d+", "/METHOD", path)
    path = re.sub(r"(images|masks)/[^/]+\.png", r"\1/IMAGE", path)
    path = re.sub(r"^out/\d+([-.])", r"out/IMAGE\1", path)
    path = re.sub(r"tfevents\.[^/]*", "tfevents", path)
    return re.sub(r"\d+", "N", path)


class Call:
    """One call of a run: the `number`-th of its kind on the files that match `pattern`."""

    def __init__(self, kind, path, target, pattern, number):
        self.kind, self.path, self.target, self.pattern, self.number = kind, path, target, pattern, number

    @property
    def role(self):
        """What its file is for; a file that is written under a temporary name is another one."""
        return role(self.target) + (" (new)" if self.path.endswith(".part") else "")

    def is_named(self, messages, folder):
        """Whether messages name its file, or one of the same role: threads take images in any order."""
        named = re.findall(re.escape(str(folder)) + r"/([^:\s]+)", messages)
        return self.target.rsplit("/", 1)[-1] in messages or role(self.target) in map(role, named)


def calls(lines, folder):
    """The calls of a traced report.

    A temporary file has a random name. It is known by its folder and by the name that it gets at last.
    """
    prefix = len(str(folder)) + 1
    targets = {}
    for line in lines:
        if line.startswith("renamed "):
            old, new = line.split(" ", 1)[1].split(" ")
            targets[old] = new
    found, numbers = [], {}
    for line in lines:
        if not line.startswith("called "):
            continue
        _, kind, path = line.split(" ", 2)
        if kind == "thread":
            pattern = target = path
        else:
            target = targets.get(path, path)[prefix:]
            path = path[prefix:]
            pattern = re.sub(r"/\.[0-9a-z-]+\.part$", "/.*.part", re.sub(r"tfevents\..*", "tfevents.*", path))
        number = numbers[kind, pattern] = numbers.get((kind, pattern), 0) + 1
        found.append(Call(kind, path, target, pattern, number))
    # A pattern must mean the files from which it was made, and no others.
    patterns = {call.pattern for call in found if "*" in call.pattern}
    for call in found:
        assert all(pattern == call.pattern or not fnmatch.fnmatchcase(call.path, pattern) for pattern in patterns), call.path
    return found


def every(command, found, kinds):
    """All faults: each call with each error."""
    return [(command, call, kind) for call in found if call.kind in kinds for kind in KINDS[call.kind]]


def distinct(command, found, kinds):
    """The first, the middle and the last call of each kind on each role of a file, with each error.

    Returns the faults of the first calls and those of the others.
    """
    groups = {}
    for call in found:
        if call.kind in kinds:
            groups.setdefault((call.kind, call.role), []).append(call)
    first, others = [], []
    for (name, _), group in groups.items():
        for place in sorted({0, len(group) // 2, len(group) - 1}):
            (others if place else first).extend((command, group[place], kind) for kind in KINDS[name])
    return first, others
