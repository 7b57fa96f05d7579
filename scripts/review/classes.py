"""The page with masks of two classes."""

import masks
from reviewer import HEIGHT, WIDTH, Review, check, export


def several_classes(chromium, folder, downloads, pictures):
    review = Review(chromium, (folder / "index.html").as_uri(), pictures)
    page = review.page
    review.item(0)

    def mask(layer):
        return masks.decode(page.evaluate(f"Editor.written()[{layer}].counts"), WIDTH, HEIGHT)

    def checked():
        return page.evaluate(
            "[...document.querySelector('#layers').children].map(button => button.ariaChecked)")
    page.wait("document.querySelector('#layers').children[0].ariaChecked === 'true'")
    check("the classes can be chosen", page.evaluate("!document.querySelector('#layers').hidden"))
    page.key("g")
    page.wait("document.querySelector('#layers').children[1].ariaChecked === 'true'")
    check("G chooses the next class", checked() == ["false", "true"])
    first, wanted = mask(0), mask(1)
    x, y = review.actual()
    page.evaluate("Tools.resize(9)")
    page.key("b")
    points = [(30, 90), (60, 90)]
    page.drag([(x + px, y + py) for px, py in points])
    masks.stroke(wanted, points, 9, 1)
    check("a stroke changes the mask of the class alone", mask(1) == wanted and mask(0) == first)
    review.look("classes")
    review.audit("classes")
    page.evaluate("document.querySelector('#layers').children[1].focus()")
    page.key("ArrowLeft")
    page.wait("document.querySelector('#layers').children[0].ariaChecked === 'true'")
    check("arrows choose a class", page.evaluate(
        "document.activeElement === document.querySelector('#layers').children[0]"))
    page.key("z")
    check("undo goes back to the class that was drawn", page.evaluate("Editor.layer") == 1 and mask(1) != wanted)
    page.key("y")
    page.key("a")
    page.wait("Decisions.of(Data.queue.id[0])?.verdict === 'correct'")
    content = export(review, downloads)
    (decision,) = content["decisions"]
    names = [mask["layer"] for mask in decision["masks"]]
    saved = [masks.decode(mask["counts"], WIDTH, HEIGHT) for mask in decision["masks"]]
    check("both masks are saved", names == ["lesion", "instrument"] and saved == [first, wanted])
    categories = [annotation["category_id"] for annotation in content["annotations"]]
    check("and exported, each as its category", categories == [1, 2])
    check("the page says nothing on the console", not page.problems, "; ".join(page.problems[:3]))
    page.close()
