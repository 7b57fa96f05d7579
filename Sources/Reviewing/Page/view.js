// The picture with what is drawn over it, and how it is zoomed and moved.
const View = (() => {
  // Light colours with a dark rim stand out on mucosa, instruments and dyes.
  const colours = ["#35e0ff", "#ffc14d", "#ff8ad8", "#a6ff5e", "#c2a8ff", "#ff9d7a"];
  const other = "#ffe45c";
  const minimum = 0.05, maximum = 64;
  let stage, picture, canvas, context;
  let scale = 1, left = 0, top = 0, fitted = true;
  let mode = "contour", bare = false;
  let compared = null;          // masks of the explanation, shown beside the current one
  let cursor = null, brush = null, outline = [];
  let probability = [];         // a canvas a layer, or null
  let tints = [], stale = true, paths = [], modelPaths = [], comparedPaths = [], smooth = true;

  function open() {
    stage = Base.byId("stage");
    picture = Base.byId("picture");
    canvas = Base.byId("overlay");
    context = canvas.getContext("2d");
    new ResizeObserver(resize).observe(stage);
    Editor.onChange(() => { stale = true; draw(); });
  }

  function resize() {
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.round(stage.clientWidth * ratio);
    canvas.height = Math.round(stage.clientHeight * ratio);
    if (fitted) fit(); else draw();
  }

  /** Takes the picture and the probability of an item. */
  function show(image, label, maps) {
    if (image !== picture) picture.replaceWith(image);
    picture = image;
    picture.id = "picture";
    picture.draggable = false;
    picture.hidden = false;
    picture.alt = label;
    picture.width = Editor.width;
    picture.height = Editor.height;
    probability = Data.review.layers.map((name) => {
      const map = maps?.find((entry) => entry.layer === name);
      return map ? ProbabilityMap.canvas(map) : null;
    });
    [compared, outline, modelPaths, stale] = [null, [], [], true];
    fit();
  }

  /** Shows nothing: no item is open. */
  function hide() {
    picture.hidden = true;
    [compared, outline] = [null, []];
    draw();
  }

  const room = () => [stage.clientWidth, stage.clientHeight];

  function fit() {
    const [width, height] = room();
    if (!Editor.width || !width) return;
    scale = Math.min((width - 16) / Editor.width, (height - 16) / Editor.height, 16);
    left = (width - Editor.width * scale) / 2;
    top = (height - Editor.height * scale) / 2;
    fitted = true;
    place();
  }

  /** Zooms by a factor about a point of the stage, its middle without one. */
  function zoom(factor, x = room()[0] / 2, y = room()[1] / 2) {
    const next = Math.min(maximum, Math.max(minimum, scale * factor));
    left = x - (x - left) * next / scale;
    top = y - (y - top) * next / scale;
    scale = next;
    fitted = false;
    place();
  }

  function pan(dx, dy) {
    left += dx;
    top += dy;
    fitted = false;
    place();
  }

  function place() {
    // Some of the picture stays in view.
    const [width, height] = room(), rest = 48;
    left = Math.min(width - rest, Math.max(rest - Editor.width * scale, left));
    top = Math.min(height - rest, Math.max(rest - Editor.height * scale, top));
    // Whole pixels of the screen at 100 %, so that a pixel of the picture is one of the screen.
    if (Math.abs(scale - 1) < 1e-6) { left = Math.round(left); top = Math.round(top); }
    picture.style.transform = "matrix(" + [scale, 0, 0, scale, left, top].join() + ")";
    picture.dataset.pixels = scale >= 4;
    Base.byId("zoom-text").textContent = Math.round(scale * 100) + " %";
    draw();
  }

  /** A point of the screen in pixels of the picture. */
  function pixel(event) {
    const box = stage.getBoundingClientRect();
    return { x: (event.clientX - box.left - left) / scale, y: (event.clientY - box.top - top) / scale };
  }

  function renew() {
    smooth = scale < 5;
    const draw = (list) => list.map((mask) => Contours.path(mask, Editor.width, Editor.height, smooth));
    paths = draw(Editor.masks);
    modelPaths = Editor.isEdited() ? draw(Editor.model) : [];
    comparedPaths = compared ? draw(compared) : [];
    tints = [];
    stale = false;
  }

  const draw = Base.onceAFrame(() => {
    const ratio = devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    stage.dataset.mode = mode;
    if (!Editor.masks.length) return;
    if (stale || smooth !== (scale < 5)) renew();
    context.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * left, ratio * top);
    if (!bare) overlay();
    if (outline.length) polygon();
    if (cursor && brush) ring();
  });

  function overlay() {
    context.imageSmoothingEnabled = true;
    if (mode === "probability" && probability[Editor.layer]) {
      context.drawImage(probability[Editor.layer], 0, 0, Editor.width, Editor.height);
    }
    if (mode === "mask") {
      context.fillStyle = "#000";
      context.fillRect(0, 0, Editor.width, Editor.height);
      context.imageSmoothingEnabled = scale < 1;
      for (const [place, mask] of Editor.masks.entries()) {
        tints[place] ??= tint(mask, Editor.masks.length > 1 ? colours[place % colours.length] : "#ffffff");
        context.drawImage(tints[place], 0, 0);
      }
    }
    for (const path of modelPaths) stroke(path, "#ffffff", 1.4, [5, 4]);
    for (const path of comparedPaths) stroke(path, other, 2.2, [8, 4]);
    if (mode === "mask") return;
    for (const [place, path] of paths.entries()) {
      stroke(path, colours[place % colours.length], place === Editor.layer ? 2.2 : 1.6);
    }
  }

  function stroke(path, colour, width, dash = []) {
    context.lineJoin = "round";
    context.setLineDash([]);
    context.lineWidth = (width + 2) / scale;
    context.strokeStyle = "rgb(0 0 0 / .5)";
    if (!dash.length) context.stroke(path);
    context.setLineDash(dash.map((length) => length / scale));
    context.lineWidth = width / scale;
    context.strokeStyle = colour;
    context.stroke(path);
    context.setLineDash([]);
  }

  function tint(mask, colour) {
    const result = new OffscreenCanvas(Editor.width, Editor.height), target = result.getContext("2d");
    const pixels = target.createImageData(Editor.width, Editor.height);
    const words = new Uint32Array(pixels.data.buffer);
    const [red, green, blue] = [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16));
    const word = new Uint32Array(new Uint8Array([red, green, blue, 255]).buffer)[0];
    for (let place = 0; place < mask.length; place++) if (mask[place]) words[place] = word;
    target.putImageData(pixels, 0, 0);
    return result;
  }

  function polygon() {
    const path = new Path2D();
    for (const [index, point] of outline.entries()) path[index ? "lineTo" : "moveTo"](point.x, point.y);
    if (cursor) path.lineTo(cursor.x, cursor.y);
    stroke(path, other, 1.8);
    for (const [index, point] of outline.entries()) {
      const dot = new Path2D(), radius = (index ? 3.5 : 5.5) / scale;
      dot.arc(point.x, point.y, radius, 0, 7);
      context.fillStyle = index ? other : "#fff";
      context.fill(dot);
      stroke(dot, "#000", 1);
    }
  }

  function ring() {
    const path = new Path2D();
    const { size } = brush, x = Masks.snapped(cursor.x, size), y = Masks.snapped(cursor.y, size);
    if (size * scale > 3) path.arc(x, y, size / 2, 0, 7);
    const arm = 4 / scale;
    for (const [dx, dy] of [[arm, 0], [0, arm]]) {
      path.moveTo(x - dx, y - dy);
      path.lineTo(x + dx, y + dy);
    }
    stroke(path, brush.erases ? "#ffb3a7" : "#ffffff", 1.3);
  }

  /** Says which dashed line is which. */
  function key(edited) {
    Base.byId("key-edited").hidden = !edited;
    Base.byId("key-compared").hidden = !compared;
    Base.byId("key").hidden = !edited && !compared;
  }

  return {
    key, open, show, hide, fit, zoom, pan, pixel, draw, colours, other,
    /** Shows masks of the explanation beside the current one; null ends that. */
    compare(masks, name = "") {
      compared = masks;
      stale = true;
      Base.byId("key-compared-text").textContent = name;
      key(Editor.isEdited());
      draw();
    },
    point(at, shape, points = []) { cursor = at; brush = shape; outline = points; draw(); },
    /** Scrolls so that a pixel of the picture is in view. */
    reveal(at) {
      const [width, height] = room(), x = at.x * scale + left, y = at.y * scale + top;
      const by = (value, size) => value < 24 ? 24 - value : value > size - 24 ? size - 24 - value : 0;
      if (by(x, width) || by(y, height)) pan(by(x, width), by(y, height));
    },
    get scale() { return scale; },
    get mode() { return mode; },
    set mode(value) { mode = value; draw(); },
    set bare(value) { bare = value; stage.dataset.bare = value; draw(); },
  };
})();
