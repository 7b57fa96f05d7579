"""The page from a server that fails, is gone, and has other decisions."""

import time

import masks
import stub
from reviewer import HEIGHT, WIDTH, Review, check


def from_server(chromium, folder, pictures):
    server = stub.Stub(folder)
    review = Review(chromium, server.address, pictures, name="Chi")
    page = review.page
    saved = "document.querySelector('#saved').dataset.state === 'saved'"
    page.wait(saved)
    review.item(0)
    page.key("a")
    page.wait("Decisions.entry('00000')?.unsaved === false")
    check("a decision is saved at once", server.decisions[("Chi", "00000")]["verdict"] == "accept")

    server.failure = 507
    review.item(1)
    page.key("l")
    page.wait("!document.querySelector('#banner').hidden")
    check("a full disk is shown, and the decision counted", page.evaluate("document.querySelector('#saved-text').textContent") == "1 not saved")
    review.look("not-saved")
    review.audit("not saved")
    server.failure = None
    page.wait("Decisions.entry('00001')?.unsaved === false")
    check("it is saved when there is room", server.decisions[("Chi", "00001")]["verdict"] == "no-lesion")

    server.stop()
    review.item(2)
    page.key("x")
    page.wait("!document.querySelector('#banner').hidden")
    server.start()
    page.wait("Decisions.entry('00002')?.unsaved === false")
    check("a server that was gone gets what waited", server.decisions[("Chi", "00002")]["verdict"] == "reject")

    server.loses = 1
    review.item(8)
    page.key("u")
    page.wait("Decisions.entry('00008')?.unsaved === false || document.querySelector('#conflict-dialog').open")
    check("a saved decision whose answer was lost is no conflict", not page.evaluate(
        "document.querySelector('#conflict-dialog').open") and server.decisions[("Chi", "00008")]["revision"] == 1)

    stored = server.decisions[("Chi", "00003")] = {
        **server.decisions[("Chi", "00002")], "item": "00003", "comment": "from another window", "revision": 4}
    review.item(3)
    page.key("u")
    page.wait("document.querySelector('#conflict-dialog').open")
    review.look("conflict")
    review.audit("conflict")
    check("two decisions are shown and none is lost", server.decisions[("Chi", "00003")] == stored)
    page.click("#keep-mine")
    page.wait("Decisions.entry('00003')?.unsaved === false")
    check("the chosen one is saved over the other", server.decisions[("Chi", "00003")]["verdict"] == "not-usable"
          and server.decisions[("Chi", "00003")]["revision"] == 5)

    for item in ("00006", "00007"):
        server.decisions[("Chi", item)] = {
            **stored, "item": item, "verdict": "correct", "revision": 2,
            "masks": [{"layer": "lesion", "size": [HEIGHT, WIDTH], "counts": masks.encode(WIDTH * HEIGHT, 1)}]}
    server.failure = 503
    for number in (6, 7):
        review.item(number)
        page.key("x")
        page.wait(f"Decisions.entry('{number:05}')?.unsaved")
    server.failure = None
    page.wait("document.querySelector('#conflict-dialog').open")
    page.click("#keep-stored")
    page.wait("Decisions.of('00006')?.verdict === 'correct' && document.querySelector('#conflict-dialog').open")
    page.click("#keep-mine")
    page.wait("Decisions.entry('00007')?.unsaved === false")
    check("each of two is asked about", server.decisions[("Chi", "00007")]["verdict"] == "reject")
    review.item(6)
    check("the saved mask is shown", sum(map(sum, review.mask())) == 1)

    server.failure = 401
    review.item(5)
    page.key("a")
    page.wait("document.querySelector('#banner').textContent.includes('anew')")
    puts = server.puts
    time.sleep(1.5)
    check("after a new start of the server the page asks and does not insist", server.puts == puts)
    server.failure = None
    page.goto("about:blank")
    page.evaluate("1")
    check("leaving with an unsaved decision is asked first", "dialog: beforeunload" in page.problems)
    review.open(server.address)
    page.wait("Decisions.entry('00005')?.unsaved === false")
    check("and it is saved after a reload", server.decisions[("Chi", "00005")]["verdict"] == "accept")
    check("the reviewer's decisions come from the server", page.evaluate("Decisions.counts().decided") == 8)
    words(server, review)
    slowly(server, review)
    server.stop()
    page.close()


def words(server, review):
    """Comments stay with the decision and the reviewer that they belong to."""
    page = review.page
    theirs = server.decisions[("Chi", "00009")] = {
        **server.decisions[("Chi", "00002")], "item": "00009", "comment": "from another window", "revision": 3}
    review.item(9)
    page.evaluate("document.querySelector('#comment').value = 'mine'")
    page.key("x")
    page.wait("document.querySelector('#conflict-dialog').open")
    review.item(9)
    page.click("#keep-stored")
    page.wait("Decisions.of('00009')?.comment === 'from another window'")
    review.item(10)
    time.sleep(0.3)
    check("the comment of the chosen decision stays", server.decisions[("Chi", "00009")] == theirs)

    other = server.decisions[("Dee", "00000")] = {
        **server.decisions[("Chi", "00000")], "reviewer": "Dee", "comment": "by Dee", "revision": 1}
    review.item(0)
    page.evaluate("document.querySelector('#comment').value = 'by Chi'")
    page.evaluate("Panel.amend()")
    page.wait("Decisions.entry('00000')?.unsaved === false")
    check("a comment is added to a decision", server.decisions[("Chi", "00000")]["comment"] == "by Chi")
    review.open(server.address, name="Dee")
    page.wait("Decisions.of('00000')?.comment === 'by Dee'")
    review.item(10)
    time.sleep(0.3)
    check("another reviewer's comment stays", server.decisions[("Dee", "00000")] == other)

    review.item(11)
    page.key("p")
    left, top = review.actual()
    for x, y in ((20, 20), (60, 20), (60, 60)):
        page.mouse("mousePressed", left + x, top + y)
        page.mouse("mouseReleased", left + x, top + y)
    page.key("a")
    check("an open polygon is not dropped by a decision",
          page.evaluate("Tools.hasPoints && !Decisions.of('00011')"))
    page.key("Enter")
    page.key("a")
    page.wait("Decisions.of('00011')?.verdict === 'correct'")


def slowly(server, review):
    """No decision is about another picture than the one in view."""
    page = review.page
    review.open(server.address, name="Dee")
    # Neither the open item nor the next one, which the page reads ahead.
    number = page.evaluate(
        "[12, 13, 14].find((place) => place !== Queue.current() && place !== Queue.beside(1, false))")
    before = dict(server.decisions)
    server.slow = 1.5
    page.evaluate(f"void Page.open({number})")
    page.key("x")
    time.sleep(0.8)
    check("while an item is on its way no other is shown",
          page.evaluate("document.querySelector('#picture').hidden && !Page.isReady"))
    page.key("x")
    page.wait(f"Page.isReady && document.querySelector('#file').textContent === Data.queue.file[{number}]")
    time.sleep(0.3)
    check("and nothing is decided", server.decisions == before)
    server.slow = 0
    late(server, review)


def late(server, review):
    """A decision that comes from the server after its item was opened brings its mask."""
    page = review.page
    number = page.evaluate("Data.queue.id.findIndex((id, place) => place > 14 && !Decisions.of(id))")
    item = page.evaluate(f"Data.queue.id[{number}]")
    review.item(number)
    server.decisions[("Dee", item)] = {
        **server.decisions[("Chi", "00007")], "item": item, "reviewer": "Dee", "verdict": "correct", "comment": "",
        "revision": 1, "masks": [{"layer": "lesion", "size": [HEIGHT, WIDTH], "counts": masks.encode(WIDTH * HEIGHT, 1)}]}
    page.evaluate("document.querySelector('#comment').value = ''")
    page.evaluate("void Sync.fetchDecisions()")
    page.wait(f"Page.isReady && Decisions.of('{item}')?.verdict === 'correct'")
    time.sleep(0.5)
    check("a decision that comes late shows its mask", sum(map(sum, review.mask())) == 1)
