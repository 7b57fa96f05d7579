// Brush, eraser, polygon, fill and hand: with mouse, pen, fingers, and the keys of the cursor.
const Tools = (() => {
  const names = { hand: "Move", brush: "Brush", eraser: "Eraser", polygon: "Polygon", fill: "Fill hole", remove: "Remove part" };
  let tool = "hand", size = 20;
  let stage, pointers = new Map(), action = null, points = [], cursor = null, penDown = false;
  let last = null;              // the last point of a stroke, snapped

  const draws = () => tool === "brush" || tool === "eraser";

  function open() {
    stage = Base.byId("stage");
    stage.addEventListener("pointerdown", down);
    stage.addEventListener("pointermove", move);
    stage.addEventListener("pointerup", up);
    stage.addEventListener("pointercancel", (event) => up(event, true));
    stage.addEventListener("pointerleave", () => { if (!action && !penDown) { cursor = null; show(); } });
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.addEventListener("dblclick", () => { if (tool === "polygon") close(); });
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = stage.getBoundingClientRect(), step = event.deltaMode ? event.deltaY * 16 : event.deltaY;
      View.zoom(Math.exp(-Math.max(-120, Math.min(120, step)) / 300), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    stage.addEventListener("blur", () => lift());
    choose("hand", true);
  }

  function choose(name, quietly) {
    if (points.length && name !== "polygon") points = [];
    lift();
    tool = name;
    stage.dataset.tool = name;
    for (const button of document.querySelectorAll("[data-tool-name]")) {
      button.setAttribute("aria-pressed", button.dataset.toolName === name);
    }
    Base.byId("brush-size").hidden = !draws();
    show();
    if (!quietly) Announce.whisper(names[name]);
  }

  function resize(value, quietly) {
    size = Math.max(1, Math.min(400, Math.round(value)));
    const field = Base.byId("size");
    field.value = size;
    Base.byId("size-text").textContent = size + " px";
    show();
    if (!quietly) Announce.whisper("Size " + size);
  }

  const erases = (event) => tool === "eraser" || (event.buttons & 32) !== 0 || event.shiftKey;

  function show(erasing = tool === "eraser") {
    View.point(cursor, draws() ? { size, erases: erasing } : cursor ? { size: 1, erases: false } : null, points);
  }

  function down(event) {
    stage.focus({ preventScroll: true });
    if (!Page.isReady) return;
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
    if (pointers.size === 2) { stop(); action = { kind: "pinch", ...spread() }; return; }
    if (pointers.size > 2) return;
    cursor = View.pixel(event);
    if (tool === "hand" || event.button === 1 || event.button === 2) {
      action = { kind: "pan", x: event.clientX, y: event.clientY };
    } else if (draws()) {
      action = { kind: "stroke", value: erases(event) ? 0 : 1 };
      stroke(cursor, true);
    } else if (tool === "polygon") {
      vertex(cursor);
    } else {
      at(cursor);
    }
  }

  /** Begins or goes on with a stroke. */
  function stroke(point, begins) {
    const next = { x: Masks.snapped(point.x, size), y: Masks.snapped(point.y, size) };
    if (begins) { Editor.begin(); last = next; }
    else if (next.x === last.x && next.y === last.y) return;
    Editor.line(last, next, size, action.value);
    last = next;
  }

  function stop() {
    if (action?.kind === "stroke") Editor.cancel();
    action = null;
  }

  const spread = () => {
    const [one, two] = [...pointers.values()];
    return {
      x: (one.clientX + two.clientX) / 2, y: (one.clientY + two.clientY) / 2,
      distance: Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY),
    };
  };

  function move(event) {
    if (pointers.has(event.pointerId)) pointers.set(event.pointerId, event);
    cursor = View.pixel(event);
    if (action?.kind === "pinch" && pointers.size === 2) {
      const now = spread(), box = stage.getBoundingClientRect();
      View.pan(now.x - action.x, now.y - action.y);
      if (action.distance > 0) View.zoom(now.distance / action.distance, now.x - box.left, now.y - box.top);
      action = { kind: "pinch", ...now };
    } else if (action?.kind === "pan") {
      View.pan(event.clientX - action.x, event.clientY - action.y);
      [action.x, action.y] = [event.clientX, event.clientY];
    } else if (action?.kind === "stroke") {
      const all = event.getCoalescedEvents?.() ?? [];
      for (const part of all.length ? all : [event]) stroke(View.pixel(part), false);
    }
    show(action?.kind === "stroke" ? action.value === 0 : erases(event));
  }

  function up(event, cancelled) {
    pointers.delete(event.pointerId);
    if (action?.kind === "stroke") {
      if (cancelled) Editor.cancel(); else Editor.end(action.value ? "brush" : "eraser");
    }
    if (action?.kind !== "pinch" || !pointers.size) action = null;
    if (event.pointerType === "touch") { cursor = null; show(); }
  }

  function vertex(point) {
    const first = points[0], near = 9 / View.scale;
    if (points.length > 2 && Math.hypot(point.x - first.x, point.y - first.y) <= near) { close(); return; }
    const before = points.at(-1);
    if (before && Math.hypot(point.x - before.x, point.y - before.y) * View.scale < 1) return;
    points.push({ ...point });
    show();
    Announce.whisper("Corner " + points.length);
  }

  function close() {
    if (points.length < 3) {
      if (points.length) Announce.say("A polygon needs three corners.");
      return;
    }
    Editor.polygon(points, 1);
    points = [];
    show();
    Announce.whisper("Polygon closed. The mask covers " + Base.percent(Editor.share()) + ".");
  }

  function at(point) {
    const x = Math.floor(point.x), y = Math.floor(point.y);
    if (x < 0 || y < 0 || x >= Editor.width || y >= Editor.height) return;
    Announce.say(tool === "fill" ? Editor.fill(x, y) : Editor.remove(x, y));
  }

  // With the keyboard a cursor moves over the picture. The space bar lowers and lifts the brush.
  function arrow(dx, dy, fine) {
    const step = fine ? 1 : Math.max(1, Math.round(12 / View.scale));
    if (tool === "hand") { View.pan(-dx * 40, -dy * 40); return; }
    cursor ??= { x: Editor.width / 2, y: Editor.height / 2 };
    cursor = {
      x: Math.min(Editor.width - 0.5, Math.max(0.5, Math.floor(cursor.x) + 0.5 + dx * step)),
      y: Math.min(Editor.height - 0.5, Math.max(0.5, Math.floor(cursor.y) + 0.5 + dy * step)),
    };
    View.reveal(cursor);
    if (penDown) stroke(cursor, false);
    show();
    Announce.whisper("Column " + Math.floor(cursor.x) + ", row " + Math.floor(cursor.y));
  }

  function press() {
    if (tool === "hand" || !Page.isReady) return;
    cursor ??= { x: Math.floor(Editor.width / 2) + 0.5, y: Math.floor(Editor.height / 2) + 0.5 };
    if (tool === "polygon") vertex(cursor);
    else if (!draws()) at(cursor);
    else if (penDown) lift();
    else {
      penDown = true;
      action = { kind: "stroke", value: tool === "eraser" ? 0 : 1 };
      stroke(cursor, true);
      Announce.whisper(names[tool] + " down");
    }
    show();
  }

  function lift() {
    if (!penDown) return;
    penDown = false;
    action = null;
    Editor.end(tool);
    Announce.whisper(names[tool] + " up. The mask covers " + Base.percent(Editor.share()) + ".");
  }

  /** Ends a stroke that goes on, so that it is an action of its own. */
  function finish() {
    if (action?.kind !== "stroke") return;
    if (penDown) { lift(); return; }
    Editor.end(action.value ? "brush" : "eraser");
    action = null;
  }

  /** Takes back what is half done; says whether there was something. */
  function abandon() {
    if (points.length) { points = []; show(); return true; }
    if (!action) return false;
    penDown = false;
    stop();
    return true;
  }

  function leave() {
    penDown = false;
    stop();
    [points, cursor] = [[], null];
    pointers.clear();
    show();
  }

  return {
    open, choose, resize, arrow, press, close, abandon, finish, leave, names,
    /** Removes the last corner of an open polygon. */
    back: () => { points.pop(); show(); },
    get size() { return size; },
    get hasPoints() { return points.length > 0; },
  };
})();
