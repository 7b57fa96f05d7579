// The masks of the open item while they are edited, with undo and redo.
const Editor = (() => {
  const mostBytes = 96e6;
  let width = 0, height = 0;
  let masks = [], model = [];   // one a layer
  let layer = 0;
  let undone = [], done = [], bytes = 0;
  let before = null;            // the mask of the layer before an action that goes on
  let touched = null;           // the box that it changed
  const listeners = [];

  const changed = () => { for (const listener of listeners) listener(); };

  /** Takes the model's masks, and the ones to begin with. */
  function open(size, modelMasks, masksNow) {
    ({ width, height } = size);
    const read = (list) => Data.review.layers.map((name) => {
      const mask = list.find((entry) => entry.layer === name);
      return mask ? Masks.decode(mask.counts, width, height) : new Uint8Array(width * height);
    });
    model = read(modelMasks);
    masks = masksNow ? read(masksNow) : model.map((mask) => mask.slice());
    layer = Math.min(layer, masks.length - 1);
    [undone, done, bytes, before] = [[], [], 0, null];
    changed();
  }

  function close() { [masks, model, undone, done, before] = [[], [], [], [], null]; }

  function begin() {
    before = masks[layer].slice();
    touched = null;
  }

  /** Grows the box of the action. */
  function touch(box) {
    touched = touched ? {
      left: Math.min(touched.left, box.left), top: Math.min(touched.top, box.top),
      right: Math.max(touched.right, box.right), bottom: Math.max(touched.bottom, box.bottom),
    } : { ...box };
  }

  const whole = () => ({ left: 0, top: 0, right: width, bottom: height });

  function cut(mask, box) {
    const columns = box.right - box.left;
    const result = new Uint8Array(columns * (box.bottom - box.top));
    for (let y = box.top; y < box.bottom; y++) {
      result.set(mask.subarray(y * width + box.left, y * width + box.right), (y - box.top) * columns);
    }
    return result;
  }

  function paste(mask, box, pixels) {
    const columns = box.right - box.left;
    for (let y = box.top; y < box.bottom; y++) {
      mask.set(pixels.subarray((y - box.top) * columns, (y - box.top + 1) * columns), y * width + box.left);
    }
  }

  /** Ends the action: it can be undone. Says whether it changed a pixel. */
  function end(name) {
    const box = touched, old = before;
    before = null;
    if (!box || box.right <= box.left || box.bottom <= box.top) return false;
    const change = { name, layer, box, from: cut(old, box), to: cut(masks[layer], box) };
    if (Masks.equal(change.from, change.to)) return false;
    done.push(change);
    bytes += change.from.length * 2;
    while (bytes > mostBytes && done.length > 1) bytes -= done.shift().from.length * 2;
    for (const change of undone) bytes -= change.from.length * 2;
    undone = [];
    changed();
    return true;
  }

  /** Takes back an action that has not ended. */
  function cancel() {
    if (before) masks[layer] = before;
    before = null;
    changed();
  }

  function move(from, to, side) {
    const change = from.pop();
    if (!change) return null;
    layer = change.layer;
    paste(masks[layer], change.box, change[side]);
    to.push(change);
    changed();
    return change.name;
  }

  function line(from, to, size, value) {
    touch(Masks.line(masks[layer], width, height, from, to, size, value));
    changed();
  }

  /** An action on the whole mask; `work` gets it and says whether it did something. */
  function edit(name, work) {
    begin();
    const result = work(masks[layer]);
    touch(whole());
    end(name);
    return result;
  }

  function polygon(points, value) {
    return edit("polygon", (mask) => Masks.polygon(mask, width, height, points, value));
  }

  /** Fills the hole at a pixel, or removes the part of the mask there. Says what happened. */
  function fill(x, y) {
    const mask = masks[layer];
    if (mask[y * width + x]) return "There is no hole here.";
    const { pixels, border } = Masks.part(mask, width, height, x, y);
    if (border) return "This is not a hole: it reaches the border of the picture.";
    edit("fill", (mask) => { for (const place of pixels) mask[place] = 1; });
    return "Hole of " + Base.count(pixels.length, "pixel") + " filled.";
  }

  function remove(x, y) {
    if (!masks[layer][y * width + x]) return "There is no mask here.";
    const { pixels } = Masks.part(masks[layer], width, height, x, y);
    edit("remove part", (mask) => { for (const place of pixels) mask[place] = 0; });
    return "Part of " + Base.count(pixels.length, "pixel") + " removed.";
  }

  const fillAll = () => edit("fill holes", (mask) => Masks.fillHoles(mask, width, height));

  /** Back to the model's mask, of all layers. */
  function reset() {
    const now = layer;
    for (layer = 0; layer < masks.length; layer++) {
      edit("back to the model", (mask) => { mask.set(model[layer]); });
    }
    layer = now;
    changed();
  }

  const written = () => Data.review.layers.map((name, place) => ({
    layer: name, size: [height, width], counts: Masks.encode(masks[place], width, height),
  }));

  return {
    open, close, begin, end, cancel, line, polygon, fill, remove, fillAll, reset, written,
    undo: () => move(done, undone, "from"),
    redo: () => move(undone, done, "to"),
    onChange: (listener) => listeners.push(listener),
    isEdited: () => masks.some((mask, place) => !Masks.equal(mask, model[place])),
    isEmpty: () => masks.every((mask) => !mask.includes(1)),
    share: (which = layer) => masks.length ? Masks.area(masks[which]) / (width * height) : 0,
    get masks() { return masks; },
    get model() { return model; },
    get width() { return width; },
    get height() { return height; },
    get layer() { return layer; },
    set layer(value) { layer = value; changed(); },
    get canUndo() { return done.length > 0; },
    get canRedo() { return undone.length > 0; },
  };
})();
