"""A large review of black pictures, and the server of it as another process."""

import atexit
import hashlib
import json
import pathlib
import socket
import struct
import subprocess
import sys
import zlib

ITEMS = 1000


def png(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(width) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def make(folder):
    """A review of small pictures without lesions."""
    for part in ("items", "images", "thumbnails", "videos"):
        (folder / part).mkdir(parents=True)
    ids = [f"i{number}" for number in range(ITEMS)]
    counts = encoded(64 * 48)
    model_hash = hashlib.sha256(f"lesion\0{counts}\n".encode()).hexdigest()
    mask = {"layer": "lesion", "size": [48, 64], "counts": counts}
    picture = png(64, 48)
    for name in ids:
        item = {"id": name, "masks": [mask], "model_hash": model_hash, "probability": None, "confidence": None}
        item["explanation"] = None
        (folder / "items" / f"{name}.js").write_text(f"mcdrlReviewItem({json.dumps(item)});\n")
        (folder / "images" / f"{name}.png").write_bytes(picture)
    columns = {
        "id": ids, "file": ids, "image": [f"images/{name}.png" for name in ids], "thumbnail": None, "site": None,
        "group": None, "width": [64] * ITEMS, "height": [48] * ITEMS, "unsure": None, "movement": None,
        "area": [0] * ITEMS, "presence": None, "why": [0] * ITEMS, "video": None, "frame": None, "time": None, "class": None,
    }
    review = {
        "format": 1, "id": "0123456789abcdef", "title": "attacked", "created": "2026-05-04T09:30:00Z", "run": None,
        "layers": ["lesion"], "classes": [], "sites": [], "thresholds": [0.5], "videos": [], "items": ITEMS, "controls": 0,
    }
    (folder / "queue.js").write_text(f"mcdrlReviewQueue({json.dumps(columns)});\n")
    (folder / "review.js").write_text(f"mcdrlReview({json.dumps(review)});\n")
    (folder / "index.html").write_text("<!doctype html>\n")
    return model_hash


def encoded(number):
    """One run of COCO's compressed run lengths."""
    text = ""
    while True:
        bits, number = number & 31, number >> 5
        more = number != 0 or bits & 16
        text += chr((bits | 32 if more else bits) + 48)
        if not more:
            return text


class Server:
    """A server process and its address."""

    def __init__(self, mcdrl, folder, before=""):
        line = f'{before} exec "$0" review serve "$1" --quiet'
        self.process = subprocess.Popen(["bash", "-c", line, mcdrl, str(folder)], stdout=subprocess.PIPE, text=True)
        # A failure of a check leaves no server behind.
        atexit.register(self.process.kill)
        address = self.process.stdout.readline().strip()
        if not address:
            sys.exit(f"the server does not start (exit code {self.process.wait()})")
        place, self.token = address.split("//")[1].rstrip("/").split("/")
        self.port = int(place.rsplit(":", 1)[1])

    def exchange(self, data, rest=b"", timeout=15, ends=False):
        """The status and the whole answer to bytes that are sent as they are; `ends` says that no more will come."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            try:
                connection.sendall(data)
                connection.sendall(rest)
                if ends:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # The server may answer and close before it has read everything.
            answer = b""
            try:
                while chunk := connection.recv(1 << 16):
                    answer += chunk
            except OSError:
                pass
        words = answer.split(b" ", 2)
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0, answer

    def get(self, path, **headers):
        return self.exchange(self.head("GET", path, headers))

    def head(self, method, path, headers, length=None):
        lines = {"Host": f"127.0.0.1:{self.port}", "Connection": "close"}
        if length is not None:
            lines["Content-Length"] = str(length)
        lines.update({key.replace("_", "-"): value for key, value in headers.items()})
        text = "".join(f"{key}: {value}\r\n" for key, value in lines.items() if value is not None)
        return f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode("latin-1")

    def put(self, decision, revision, **headers):
        body = json.dumps(decision).encode()
        every = {"X_Review_Token": self.token, "Content_Type": "application/json", "If_Match": f'"{revision}"', **headers}
        path = f"/{self.token}/api/decisions/{decision['item']}"
        return self.exchange(self.head("PUT", path, every, len(body)), body)

    def memory(self):
        """Resident memory of the program in MB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def end(self, number):
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


def decision(item, model_hash, comment=""):
    return {
        "format": 1, "review": "0123456789abcdef", "item": item, "reviewer": "Ana", "time": "2026-05-04T09:31:07.250Z",
        "verdict": "accept", "class": None, "comment": comment, "masks": None, "model_hash": model_hash, "seconds": 1,
    }
