"""A server of a review folder for tests: the protocol of docs/reference/review-format.md, and failures on demand."""

import http.server
import json
import threading
import time
import urllib.parse
from pathlib import Path

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".png": "image/png"}


class Stub:
    """Serves a folder on loopback. `failure` is None or a status that a PUT gets.

    `loses` is how many of the next answers to a PUT are lost, after the decision is saved. `slow` is how many
    seconds the files of an item take.
    """

    def __init__(self, folder, token="0123456789abcdef"):
        self.folder, self.token, self.failure = Path(folder), token, None
        self.loses, self.slow = 0, 0
        self.decisions, self.puts = {}, 0
        self.server = None
        self.port = 0
        self.start()

    def start(self):
        stub = self
        self.gone = False

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *values):
                pass

            def answer(self, status, body, kind="application/json"):
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Security-Policy", "frame-ancestors 'none'")
                self.end_headers()
                self.wfile.write(body)

            def handle_one_request(self):
                # A stopped server answers no more on the connections that it still has.
                self.raw_requestline = b"" if stub.gone else self.rfile.readline(65537)
                if stub.gone or not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                getattr(self, "do_" + self.command)()
                self.wfile.flush()

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                parts = urllib.parse.unquote(url.path).split("/")
                if parts[1] != stub.token:
                    return self.answer(403, {"error": "The token is wrong."})
                path = "/".join(parts[2:]) or "index.html"
                if path.startswith("api/") and self.headers["X-Review-Token"] != stub.token:
                    return self.answer(401, {"error": "The token is missing."})
                if path == "api/served":
                    return self.answer(200, {"format": 1, "writable": True, "max_body": 1 << 26,
                                             "reviewers": sorted({name for name, _ in stub.decisions})})
                if path == "api/decisions":
                    name = urllib.parse.parse_qs(url.query)["reviewer"][0]
                    found = [decision for (reviewer, _), decision in stub.decisions.items() if reviewer == name]
                    return self.answer(200, {"decisions": found})
                if path.startswith(("images/", "items/")):
                    time.sleep(stub.slow)
                file = stub.folder / path
                if ".." in parts or not file.is_file():
                    return self.answer(404, {"error": "There is no such file."})
                return self.answer(200, file.read_bytes(), TYPES.get(file.suffix, "application/octet-stream"))

            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                stub.puts += 1
                if stub.failure:
                    return self.answer(stub.failure, {"error": "Out of order for a test."})
                if self.headers["X-Review-Token"] != stub.token:
                    return self.answer(401, {"error": "The token is missing."})
                decision = json.loads(body)
                key = (decision["reviewer"], self.path.rsplit("/", 1)[1])
                stored = stub.decisions.get(key)
                if self.headers["If-Match"] != f'"{stored["revision"] if stored else 0}"':
                    return self.answer(409, {"error": "Another revision is stored.", "decision": stored})
                decision["revision"] = (stored["revision"] if stored else 0) + 1
                stub.decisions[key] = decision
                if stub.loses:
                    stub.loses -= 1
                    self.close_connection = True
                    return None
                return self.answer(200, {"revision": decision["revision"], "time": decision["time"]})

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.gone = True
        self.server.shutdown()
        self.server.server_close()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/{self.token}/"
