"""The page from disk: drawing, verdicts, export, explanation, video."""

import importlib.util
import json

import masks
from reviewer import HEIGHT, WIDTH, Review, check, export


def drawing(review, number):
    """Brush, eraser, undo, redo and polygon; returns the mask as it must be."""
    page = review.page
    review.item(number)
    x, y = review.actual()
    wanted = review.mask()
    place = lambda points: [(x + px, y + py) for px, py in points]
    page.evaluate("Tools.resize(15)")
    page.key("b")
    points = [(20, 20), (50, 26), (71, 60)]
    page.drag(place(points))
    masks.stroke(wanted, points, 15, 1)
    check("the brush sets the pixels within half its size", review.mask() == wanted)
    before = [row[:] for row in wanted]
    page.key("e")
    page.evaluate("Tools.resize(8)")
    points = [(30, 10), (30, 40)]
    page.drag(place(points))
    masks.stroke(wanted, points, 8, 0)
    check("the eraser clears them", review.mask() == wanted)
    page.key("z")
    check("undo takes the eraser back", review.mask() == before)
    page.key("y")
    check("redo does it again", review.mask() == wanted)
    page.key("b")
    page.evaluate("Tools.resize(1)")
    page.drag(place([(5, 100), (5, 100)]))
    masks.stroke(wanted, [(5, 100)], 1, 1)
    page.drag(place([(150, 5), (170, 5)]))
    masks.stroke(wanted, [(150, 5), (170, 5)], 1, 1)
    check("one pixel, and a stroke over the edge", review.mask() == wanted)
    page.key("p")
    corners = [(100, 20), (140, 30), (120, 70), (110, 30)]
    for px, py in place(corners):
        page.mouse("mouseMoved", px, py, button="none")
        page.mouse("mousePressed", px, py)
        page.mouse("mouseReleased", px, py)
    review.look("polygon")
    page.key("Enter")
    masks.polygon(wanted, corners)
    check("the polygon fills its inside", review.mask() == wanted)
    page.key("b")
    page.key("1")
    page.drag(place([(150, 100), (150, 100)]), modifiers=8)
    check("Shift turns the brush into an eraser", review.mask() == wanted)
    return wanted


def holes(review):
    """Fill hole, remove part, fill all holes."""
    page = review.page
    page.evaluate("""(() => { Editor.reset(); Editor.polygon([{x:40,y:40},{x:80,y:40},{x:80,y:80},{x:40,y:80}], 0);
      Editor.polygon([{x:40,y:40},{x:80,y:40},{x:80,y:80},{x:40,y:80}], 1);
      Editor.polygon([{x:50,y:50},{x:60,y:50},{x:60,y:60},{x:50,y:60}], 0); })()""")
    x, y = review.actual()
    before = page.evaluate("Masks.area(Editor.masks[0])")

    def press(px, py):
        page.mouse("mousePressed", x + px, y + py)
        page.mouse("mouseReleased", x + px, y + py)
    page.key("f")
    press(55, 55)
    check("fill hole fills a hole", page.evaluate("Masks.area(Editor.masks[0])") == before + 100)
    press(1, 1)
    check("fill hole leaves what reaches the border", page.evaluate("Masks.area(Editor.masks[0])") == before + 100)
    page.key("z")
    page.key("F", modifiers=8)
    check("all holes are filled by a key", page.evaluate("Masks.area(Editor.masks[0])") >= before + 100)
    page.key("d")
    press(45, 45)
    check("remove part clears a part", page.evaluate("Editor.masks[0][45 * Editor.width + 45]") == 0)
    page.key("r")
    check("R goes back to the model's mask", not page.evaluate("Editor.isEdited()"))
    page.key("v")


def from_disk(chromium, folder, downloads, pictures):
    review = Review(chromium, (folder / "index.html").as_uri(), pictures)
    page = review.page
    page.call("Network.enable")
    review.look("queue")
    review.audit("light")
    shown = page.evaluate("[...document.querySelectorAll('.row')].every(row => !row.textContent.includes('control'))")
    check("controls are not marked before the decision", shown)
    check("nothing but the folder's files is allowed", page.evaluate(
        "fetch('https://127.0.0.1:9/').then(() => false, () => true)"))
    page.problems.clear()

    wanted = drawing(review, 0)
    review.look("correction")
    page.wait("Store.get('drafts', ['Ana García', '00000']).then(draft => draft?.masks[0].counts === Editor.written()[0].counts)")
    review.open((folder / "index.html").as_uri())
    review.item(0)
    check("a drawn mask without a decision outlives a reload", review.mask() == wanted)
    page.key("m")
    page.type("unfinished")
    page.key("Escape")
    page.key("j")
    page.wait("document.querySelector('#file').textContent !== Data.queue.file[0]")
    review.item(0)
    check("a comment without a decision stays", page.evaluate("document.querySelector('#comment').value") == "unfinished")
    page.evaluate("document.querySelector('#comment').value = 'Zwei Ränder: „sägt“ 😀'")
    page.key("a")
    page.wait("Decisions.of(Data.queue.id[0])?.verdict === 'correct'")
    for number, key in [(1, "a"), (2, "l"), (3, "x"), (4, "u")]:
        review.item(number)
        page.key(key)
        page.wait(f"Decisions.of(Data.queue.id[{number}])")
    page.wait("Store.decisions('Ana García').then(kept => kept.length === 5)")
    review.open((folder / "index.html").as_uri())
    check("decisions outlive a reload", page.evaluate("Decisions.counts().decided") == 5)
    check("the confident control shows once it is decided", page.evaluate(
        "Page.open(4).then(() => document.querySelector('#facts').textContent.includes('confident'))"))

    content = export(review, downloads)
    decisions = {decision["item"]: decision for decision in content["decisions"]}
    check("the export has every verdict", [decisions[f"{n:05}"]["verdict"] for n in range(5)]
          == ["correct", "accept", "no-lesion", "reject", "not-usable"])
    exported = decisions["00000"]["masks"][0]
    same = masks.decode(exported["counts"], WIDTH, HEIGHT) == wanted and exported["size"] == [HEIGHT, WIDTH]
    check("the exported mask is the drawn one, byte for byte", same)
    check("the comment is exported", decisions["00000"]["comment"] == "Zwei Ränder: „sägt“ 😀")
    coco(content, wanted, downloads)
    page.evaluate("Decisions.take({...Decisions.of('00001'), verdict: 'undecided', time: '2000-01-01T00:00:00.000Z'}, 0, true)")
    file = downloads / "import.json"
    file.write_text(json.dumps(content))
    root = page.call("DOM.getDocument")["root"]["nodeId"]
    node = page.call("DOM.querySelector", nodeId=root, selector="#import")["nodeId"]
    page.call("DOM.setFileInputFiles", nodeId=node, files=[str(file)])
    page.wait("Decisions.of('00001')?.verdict === 'accept'")
    check("an export is taken over by import", True)
    holes(review)
    explained(review)
    video(review)
    check("the page says nothing on the console", not page.problems, "; ".join(page.problems[:3]))
    page.close()


def coco(content, wanted, folder):
    if importlib.util.find_spec("pycocotools") is None:
        print("skipped: pycocotools is not installed")
        return
    import contextlib
    import io
    from pycocotools.coco import COCO

    file = folder / "coco"
    file.write_text(json.dumps(content))
    with contextlib.redirect_stdout(io.StringIO()):
        read = COCO(str(file))
    first = next(image for image in read.dataset["images"] if image["mcdrl_item"] == "00000")
    (annotation,) = read.loadAnns(read.getAnnIds(imgIds=[first["id"]]))
    check("pycocotools reads the export", read.annToMask(annotation).tolist() == wanted)
    file.unlink()


def explained(review):
    page = review.page
    review.item(2)
    names = page.evaluate("[...document.querySelectorAll('#explain-list .name')].map(e => e.textContent)")
    check("confounders come in the order of what is seen", names[:2] == ["specular highlights", "bubbles"], names[:2])
    page.evaluate("document.querySelector('#explain-list .change').focus()")
    check("focus on a confounder shows the mask without it", page.evaluate("!document.querySelector('#key-compared').hidden"))
    review.look("explanation")
    page.key("2")
    review.look("probability")
    page.key("3")
    review.look("mask")
    page.key("1")
    page.hold("h", True)
    check("H shows the image alone while it is held", page.evaluate("document.querySelector('#stage').dataset.bare") == "true")
    page.hold("h", False)
    check("and ends with the key", page.evaluate("document.querySelector('#stage').dataset.bare") == "false")
    page.theme(True)
    review.look("dark")
    review.audit("dark")
    page.theme(False)


def video(review):
    page = review.page
    first = page.evaluate("Data.queue.video.findIndex(v => v !== null)")
    review.item(first)
    page.wait("!document.querySelector('#strip').hidden")
    page.key(".")
    page.wait(f"document.querySelector('#timeline').getAttribute('aria-valuenow') === '2'")
    page.evaluate("document.querySelector('#timeline').focus()")
    page.key("ArrowRight")
    page.wait(f"document.querySelector('#timeline').getAttribute('aria-valuenow') === '3'")
    check("frames are stepped by keys", True)
    page.wait("document.querySelector('#timeline').getAttribute('aria-valuetext').includes('area')")
    review.look("video")
    review.audit("video")
