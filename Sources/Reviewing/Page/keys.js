// Every action with its keys: the help, the titles of buttons and the keyboard follow this list.
const Keys = (() => {
  const list = [];
  let single = true, held = null;

  // `match` names keys as the browser does; `keys` is what the help shows.
  const add = (group, text, keys, match, run, button) =>
    list.push({ group, text, keys, match: match.map((key) => key.toLowerCase()), run, button });

  function open() {
    add("Decide", "Accept the mask; saves the correction if you changed it", ["A"], ["a"], () => Page.decide("accept"), "accept");
    add("Decide", "No lesion in the picture", ["L"], ["l"], () => Page.decide("no-lesion"), "no-lesion");
    add("Decide", "Reject: the mask is wrong", ["X"], ["x"], () => Page.decide("reject"), "reject");
    add("Decide", "Not usable: blurred, out of body …", ["U"], ["u"], () => Page.decide("not-usable"), "not-usable");
    add("Decide", "Withdraw the decision", ["W"], ["w"], () => Page.withdraw(), "withdraw");
    add("Decide", "Write a comment; Esc goes back", ["M"], ["m"], () => Base.byId("comment").focus());
    add("Decide", "Choose the class; Esc goes back", ["T"], ["t"], () => Base.byId("class").focus());
    add("Go", "Next item", ["J"], ["j"], () => Page.go(1), "next");
    add("Go", "Item before", ["K"], ["k"], () => Page.go(-1), "previous");
    add("Go", "Next item to do", ["N"], ["n"], () => Page.go(1, true));
    add("Go", "Frame of the video before, next", [",", "."], [","], () => Strip.step(-1), "frame-before");
    add("", "", [], ["."], () => Strip.step(1), "frame-after");
    add("Go", "Search the queue", ["/"], ["/"], () => Page.search());
    add("Look", "Image with contour", ["1"], ["1"], () => Page.mode("contour"), "mode-contour");
    add("Look", "Image with probability", ["2"], ["2"], () => Page.mode("probability"), "mode-probability");
    add("Look", "Mask alone", ["3"], ["3"], () => Page.mode("mask"), "mode-mask");
    add("Look", "Hold: the image alone", ["H"], ["h"], () => {}, "bare");
    add("Look", "Zoom in, out", ["+", "−"], ["+", "="], () => View.zoom(1.25), "zoom-in");
    add("", "", [], ["-"], () => View.zoom(0.8), "zoom-out");
    add("Look", "Fit the picture", ["0"], ["0"], () => View.fit(), "zoom-fit");
    add("Look", "Pixel for pixel", ["O"], ["o"], () => View.zoom(1 / View.scale));
    for (const [name, key, text] of [["hand", "V", "Move the picture"], ["brush", "B", "Brush; with Shift it erases"],
      ["eraser", "E", "Eraser"], ["polygon", "P", "Polygon"], ["fill", "F", "Fill the hole at a point"],
      ["remove", "D", "Remove the part at a point"]]) {
      add("Draw", text, [key], [key], () => Tools.choose(name), "tool-" + name);
    }
    add("Draw", "Fill all holes", ["Shift F"], ["shift+f"], () => Page.fillAll());
    add("Draw", "Smaller, larger brush", ["[", "]"], ["["], () => Tools.resize(Math.min(Tools.size - 1, Tools.size / 1.2)));
    add("", "", [], ["]"], () => Tools.resize(Math.max(Tools.size + 1, Tools.size * 1.2)));
    add("Draw", "Undo", ["Z", "Ctrl Z"], ["z", "ctrl+z"], () => Page.undo(), "undo");
    add("Draw", "Redo", ["Y", "Ctrl Y"], ["y", "ctrl+y", "ctrl+shift+z", "shift+z"], () => Page.redo(), "redo");
    add("Draw", "Back to the model's mask", ["R"], ["r"], () => Page.reset(), "reset");
    add("Draw", "Next kind of mask, where there are several", ["G"], ["g"], () => Panel.nextLayer());
    add("Draw", "Move the cursor, or the picture; with Shift by one pixel", ["Arrows"], [], null);
    add("Draw", "Lower or lift the brush, set a corner, fill, remove", ["Space"], [], null);
    add("Draw", "Close the polygon", ["Enter"], [], null);
    add("Draw", "Last corner away", ["Backspace"], [], null);
    add("Page", "Put down what is half done", ["Esc"], [], null);
    add("Page", "This help", ["?"], ["?", "shift+?"], () => Dialogs.help(list.filter((action) => action.group)), "help");
    for (const action of list) label(action);
    addEventListener("keydown", down);
    addEventListener("keyup", (event) => { if (event.key.toLowerCase() === held) release(); });
    addEventListener("blur", release);
    const box = Base.byId("single-keys");
    box.addEventListener("change", () => { single = box.checked; localStorageSet("keys", single); });
    single = localStorageGet("keys") !== "false";
    box.checked = single;
  }

  const localStorageGet = (name) => { try { return localStorage.getItem("mcdrl-review-" + name); } catch { return null; } };
  const localStorageSet = (name, value) => { try { localStorage.setItem("mcdrl-review-" + name, value); } catch { /* asked again */ } };

  /** The button of an action works as its key, and names it. */
  function label(action) {
    const button = action.button && Base.byId(action.button);
    if (!button) return;
    if (action.button !== "bare") button.addEventListener("click", action.run);
    const key = action.match[0].toUpperCase();
    button.title ||= (button.getAttribute("aria-label") ?? button.textContent.trim()) + " (" + key + ")";
    if (action.match[0].length === 1) button.setAttribute("aria-keyshortcuts", key === "+" ? "plus" : key);
  }

  function release() {
    if (held === "h") View.bare = false;
    held = null;
  }

  const writes = (target) => target.matches?.("input:not([type=checkbox], [type=range], [type=file]), textarea, select");

  function down(event) {
    if (document.querySelector("dialog[open]")) return;
    const { target } = event;
    if (event.key === "Escape") { escape(target); return; }
    if (writes(target) || event.altKey) return;
    if (target.id === "stage" && onStage(event)) { event.preventDefault(); return; }
    const modifiers = (event.ctrlKey || event.metaKey ? "ctrl+" : "") +
      (event.shiftKey && event.key.length === 1 && event.key.toLowerCase() !== event.key.toUpperCase() ? "shift+" : "");
    const key = modifiers + event.key.toLowerCase();
    if (!single && !modifiers.includes("ctrl+") && event.key !== "?") return;
    if (target.type === "range" && /^arrow|^home|^end|^page/.test(event.key.toLowerCase())) return;
    if (key === "h") {
      if (held !== "h") { held = "h"; View.bare = true; }
      event.preventDefault();
      return;
    }
    const action = list.find((entry) => entry.run && entry.match.includes(key));
    if (!action || event.repeat && /^[alxuwn]$/.test(key)) return;
    event.preventDefault();
    action.run();
  }

  function onStage(event) {
    if (event.ctrlKey || event.metaKey) return false;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (arrows[event.key]) Tools.arrow(...arrows[event.key], event.shiftKey);
    else if (event.key === " ") Tools.press();
    else if (event.key === "Enter") Tools.close();
    else if (event.key === "Backspace" && Tools.hasPoints) Tools.back();
    else return false;
    return true;
  }

  function escape(target) {
    if (Tools.abandon()) return;
    if (Page.closeDrawer()) return;
    if (writes(target)) { target.blur(); Base.byId("stage").focus(); }
  }

  return { open, localStorageGet, localStorageSet };
})();
