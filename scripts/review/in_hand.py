"""The page by the keyboard alone, with fingers on a narrow screen, and with 10,000 items."""

import time

import masks
from reviewer import Review, check


def by_keyboard(chromium, folder):
    """From the name to a corrected mask without a pointer."""
    review = Review(chromium, (folder / "index.html").as_uri(), name="Bo")
    page = review.page
    page.evaluate("document.querySelector('.skip').focus()")
    reached = []
    for _ in range(60):
        page.key("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
        if reached[-1] == "" or reached.count(reached[-1]) > 1 and reached[-1] != "change":
            break
    wanted = ["reviewer", "export", "queue-search", "queue-list", "mode-contour", "tool-brush", "stage", "accept", "comment"]
    missing = [name for name in wanted if name not in reached]
    check("Tab reaches every part", not missing, ", ".join(missing))
    check("in the order of the page", [name for name in reached if name in wanted] == wanted)
    page.evaluate("document.querySelector('#stage').focus()")
    page.evaluate("Tools.resize(6)")
    before = review.mask()
    page.key("b")
    page.key(" ")
    for _ in range(4):
        page.key("ArrowRight", modifiers=8)
    page.key(" ")
    masks.stroke(before, [(80.5, 60.5), (84.5, 60.5)], 6, 1)
    check("arrows and the space bar draw", review.mask() == before)
    page.key("?")
    check("? opens the help", page.evaluate("document.querySelector('#help-dialog').open"))
    review.audit("help")
    page.key("Escape")
    page.key("x")
    page.wait("Decisions.counts().decided === 1")
    page.key("m")
    page.type("axl")
    page.key("Escape")
    check("letters in the comment decide nothing", page.evaluate("Decisions.counts().decided") == 1)
    check("the page says nothing on the console", not page.problems, "; ".join(page.problems[:3]))
    page.close()


def narrow(chromium, folder, pictures):
    review = Review(chromium, (folder / "index.html").as_uri(), pictures, width=390, height=844, touch=True)
    page = review.page
    review.item(1)
    review.look("narrow")
    review.audit("narrow")
    page.evaluate("Tools.choose('brush'); Tools.resize(12)")
    x, y, width, height = page.evaluate("(() => { const b = document.querySelector('#stage').getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()")
    middle = (x + width / 2, y + height / 2)
    area = page.evaluate("Masks.area(Editor.masks[0])")
    page.touch("touchStart", (middle[0] - 120, middle[1] - 60))
    page.touch("touchMove", (middle[0] - 100, middle[1] - 80))
    page.touch("touchEnd")
    drawn = page.evaluate("Masks.area(Editor.masks[0])")
    check("a finger draws", drawn > area)
    scale = page.evaluate("View.scale")
    page.touch("touchStart", (middle[0] - 20, middle[1]), (middle[0] + 20, middle[1]))
    for reach in (30, 45, 60):
        page.touch("touchMove", (middle[0] - reach, middle[1]), (middle[0] + reach, middle[1]))
    page.touch("touchEnd")
    check("two fingers zoom and draw nothing", page.evaluate("View.scale") > scale * 1.5
          and page.evaluate("Masks.area(Editor.masks[0])") == drawn)
    page.evaluate("document.querySelector('#drawer').click()")
    review.look("narrow-queue")
    page.key("Escape")
    page.theme(True)
    page.evaluate("Page.open(Data.queue.video.findIndex(v => v !== null))")
    review.look("narrow-video-dark")
    review.audit("narrow and dark")
    check("the page says nothing on the console", not page.problems, "; ".join(page.problems[:3]))
    page.close()


def many(chromium, folder, pictures, untimed):
    begun = time.monotonic()
    review = Review(chromium, (folder / "index.html").as_uri(), pictures)
    page = review.page
    first = time.monotonic() - begun
    begun = time.monotonic()
    review.open((folder / "index.html").as_uri())
    again = time.monotonic() - begun
    check("10,000 items are open within a second", untimed or again < 1, f"{first:.2f} s, then {again:.2f} s")
    check("the list holds only the rows in view", page.evaluate("document.querySelectorAll('.row').length") < 40)
    work = page.evaluate("""(async () => { const list = document.querySelector('#queue-list'), times = [];
      for (let step = 0; step < 120; step++) {
        list.scrollTop = step * 1200;
        await new Promise(requestAnimationFrame);
        const begun = performance.now();
        await new Promise((done) => { const channel = new MessageChannel(); channel.port1.onmessage = done; channel.port2.postMessage(0); });
        times.push(performance.now() - begun);
      } return times.sort((a, b) => a - b); })()""")
    check("a frame of scrolling takes less than 16 ms", untimed or work[60] < 16, f"median {work[60]:.1f} ms, 95 % {work[114]:.1f} ms")
    script = page.evaluate("""(() => { const times = [];
      for (const sort of ['movement', 'site', 'file', 'unsure']) {
        document.querySelector('#queue-sort').value = sort;
        const begun = performance.now();
        document.querySelector('#queue-sort').dispatchEvent(new Event('input'));
        times.push(performance.now() - begun);
      } return Math.max(...times); })()""")
    check("another order of 10,000 takes less than 0.2 s", untimed or script < 200, f"{script:.0f} ms")
    review.look("many")
    page.close()
