"""Drives Chromium over the pipe of its DevTools protocol, with nothing but Python."""

import base64
import collections
import json
import os
import shutil
import subprocess
import tempfile
import time

NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"]


def find():
    """The path of Chromium, or None. CHROMIUM names one."""
    named = os.environ.get("CHROMIUM")
    return shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """A headless browser with a profile of its own. Ends with `close`. `patience` is in seconds."""

    def __init__(self, program, patience=10):
        self.patience = patience
        self.folder = tempfile.mkdtemp(prefix="check-review-")
        read_here, write_there = os.pipe()
        read_there, write_here = os.pipe()

        def connect():
            # The browser reads commands from 3 and writes answers to 4.
            low, high = os.dup(read_there), os.dup(write_there)
            os.dup2(low, 3)
            os.dup2(high, 4)

        options = ["--headless=new", "--no-first-run", "--disable-gpu", "--remote-debugging-pipe", "--disable-extensions",
                   "--disable-background-networking", "--disable-component-update", "--force-color-profile=srgb",
                   "--hide-scrollbars", "--font-render-hinting=none", "--disable-dev-shm-usage",
                   "--user-data-dir=" + self.folder]
        if os.geteuid() == 0:
            options.append("--no-sandbox")
        self.process = subprocess.Popen(
            [program, *options, "about:blank"], preexec_fn=connect, pass_fds=(3, 4), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(read_there)
        os.close(write_there)
        self.reader, self.writer = os.fdopen(read_here, "rb", 0), os.fdopen(write_here, "wb", 0)
        self.number, self.rest, self.events = 0, b"", collections.deque()

    def receive(self):
        while b"\0" not in self.rest:
            part = os.read(self.reader.fileno(), 1 << 20)
            if not part:
                raise RuntimeError("The browser ended.")
            self.rest += part
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        """Sends a command and waits for its answer; events wait in `events`."""
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self.writer.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            if answer.get("method") == "Page.javascriptDialogOpening":
                # The page waits for its dialog, and the command may wait for the page.
                self.number += 1
                reply = {"id": self.number, "sessionId": answer["sessionId"], "params": {"accept": True},
                         "method": "Page.handleJavaScriptDialog"}
                self.writer.write(json.dumps(reply).encode() + b"\0")
            if "method" in answer:
                self.events.append(answer)

    def open(self, width=1280, height=800, dark=False, touch=False):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, session, target, width, height, dark, touch)

    def close(self):
        try:
            self.call("Browser.close")
        except (RuntimeError, OSError):
            pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


KEYS = {
    "Enter": (13, "\r"), "Tab": (9, ""), "Escape": (27, ""), " ": (32, " "), "Backspace": (8, ""), "ArrowLeft": (37, ""),
    "ArrowUp": (38, ""), "ArrowRight": (39, ""), "ArrowDown": (40, ""), "Home": (36, ""), "End": (35, ""), "PageDown": (34, ""),
}


class Page:
    """A tab: evaluates, presses keys, moves the mouse, takes pictures."""

    def __init__(self, browser, session, target, width, height, dark, touch):
        self.browser, self.session, self.target = browser, session, target
        self.problems = []
        for domain in ["Page", "Runtime", "Log"]:
            self.call(domain + ".enable")
        self.size(width, height, touch)
        self.theme(dark)

    def call(self, method, **parameters):
        result = self.browser.call(method, self.session, **parameters)
        for event in list(self.browser.events):
            if event.get("sessionId") != self.session:
                continue
            self.browser.events.remove(event)
            self.note(event)
        return result

    def note(self, event):
        """Keeps what the page says on its console, what it throws, and its dialogs."""
        name, values = event["method"], event["params"]
        if name == "Runtime.exceptionThrown":
            thrown = values["exceptionDetails"]
            self.problems.append(thrown.get("exception", {}).get("description", thrown["text"]))
        elif name == "Log.entryAdded" and values["entry"]["level"] == "error":
            self.problems.append(values["entry"]["text"] + " " + values["entry"].get("url", ""))
        elif name == "Runtime.consoleAPICalled" and values["type"] in ("error", "assert"):
            self.problems.append(" ".join(str(part.get("value")) for part in values["args"]))
        elif name == "Page.javascriptDialogOpening":
            self.problems.append("dialog: " + values["type"])

    def size(self, width, height, touch=False, scale=1):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=touch)
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)

    def theme(self, dark):
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def goto(self, address):
        self.call("Page.navigate", url=address)

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(expression + ": " + details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait(self, condition):
        """Waits until an expression is true."""
        seconds = self.browser.patience
        end = time.monotonic() + seconds
        while True:
            try:
                value = self.evaluate(condition)
            except RuntimeError:
                value = None
            if value:
                return value
            if time.monotonic() > end:
                raise RuntimeError(f"In {seconds} s this did not become true: {condition} {self.problems}")
            time.sleep(0.02)

    def key(self, key, modifiers=0):
        """Presses a key; modifiers are 1 Alt, 2 Ctrl, 4 Meta, 8 Shift."""
        code, text = KEYS.get(key, (ord(key.upper()) if len(key) == 1 else 0, key))
        common = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        if text and not modifiers & 7:
            self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        else:
            self.call("Input.dispatchKeyEvent", type="rawKeyDown", **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def hold(self, key, down):
        self.call("Input.dispatchKeyEvent", type="keyDown" if down else "keyUp", key=key, windowsVirtualKeyCode=ord(key.upper()))

    def type(self, text):
        self.call("Input.insertText", text=text)

    def mouse(self, kind, x, y, button="left", clicks=1, modifiers=0):
        pressed = 1 if kind != "mouseReleased" and button == "left" else 0
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=pressed, clickCount=clicks,
                  modifiers=modifiers)

    def click(self, selector):
        x, y = self.evaluate(
            "(() => { const e = document.querySelector(%s); e.scrollIntoView({block: 'nearest'}); "
            "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
            % json.dumps(selector))
        self.mouse("mousePressed", x, y)
        self.mouse("mouseReleased", x, y)

    def drag(self, points, modifiers=0):
        self.mouse("mouseMoved", *points[0], button="none", modifiers=modifiers)
        self.mouse("mousePressed", *points[0], modifiers=modifiers)
        for point in points[1:]:
            self.mouse("mouseMoved", *point, modifiers=modifiers)
        self.mouse("mouseReleased", *points[-1], modifiers=modifiers)

    def touch(self, kind, *points):
        self.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(points)])

    def picture(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)
