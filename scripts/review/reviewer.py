"""A page on a review folder, with what the checks do often."""

import json
import time
from pathlib import Path

import masks

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT = 160, 120
failures = []


def check(what, holds, found=""):
    print(("ok     " if holds else "FAILED ") + what + (f" ({found})" if found != "" else ""), flush=True)
    if not holds:
        failures.append(what)


class Review:
    """A page on a review folder, with what the checks do often."""

    def __init__(self, chromium, address, pictures=None, name="Ana García", **options):
        self.page, self.pictures = chromium.open(**options), pictures
        self.open(address, name)

    def open(self, address, name=None):
        self.page.goto(address)
        self.page.wait("document.querySelector('#name-dialog').open || document.body.dataset.ready === 'true'")
        if self.page.evaluate("document.querySelector('#name-dialog').open"):
            self.page.type(name)
            self.page.key("Enter")
        self.page.wait("document.body.dataset.ready === 'true'")
        if name and self.page.evaluate("Decisions.reviewer") != name:
            self.page.click("#reviewer")
            self.page.evaluate("document.querySelector('#name').select()")
            self.page.type(name)
            self.page.key("Enter")
            self.page.wait(f"Decisions.reviewer === '{name}' && document.querySelector('#file').textContent")

    def item(self, number):
        """Opens an item by its place in queue.js."""
        self.page.evaluate(f"Page.open({number})")
        self.page.wait(f"document.querySelector('#file').textContent === Data.queue.file[{number}]")

    def actual(self):
        """Shows the picture pixel for pixel; gives the place of its corner."""
        self.page.key("o")
        left, top, scale = self.page.evaluate(
            "(() => { const b = document.querySelector('#picture').getBoundingClientRect(); return [b.x, b.y, View.scale]; })()")
        assert abs(scale - 1) < 1e-9, scale
        return left, top

    def mask(self):
        counts = self.page.evaluate("Editor.written()[0].counts")
        return masks.decode(counts, WIDTH, HEIGHT)

    def decision(self):
        return self.page.evaluate("Decisions.of(Data.queue.id[Queue.current()])")

    def look(self, name):
        if self.pictures:
            time.sleep(0.25)
            self.page.picture(self.pictures / f"{name}.png")

    def audit(self, what):
        problems = self.page.evaluate((HERE / "audit.js").read_text())
        check(f"{what}: names, labels and contrast", not problems, "; ".join(problems[:6]))


def export(review, folder):
    """Exports, and gives what the browser downloaded."""
    before = set(folder.iterdir())
    review.page.browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    review.page.click("#export")
    end = time.monotonic() + review.page.browser.patience
    while time.monotonic() < end:
        new = [file for file in set(folder.iterdir()) - before if file.suffix == ".json"]
        if new:
            content = new[0].read_text()
            new[0].unlink()
            return json.loads(content)
        time.sleep(0.05)
    raise RuntimeError("The export did not come.")
