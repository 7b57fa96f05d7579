// Masks: one byte a pixel, row by row, 1 for lesion; and COCO's compressed run lengths.
const Masks = (() => {
  /** Reads COCO's compressed run lengths; throws on any that do not cover the picture. */
  function decode(text, width, height) {
    const mask = new Uint8Array(width * height);
    const counts = [];
    let place = 0, position = 0;
    while (place < text.length) {
      let value = 0, shift = 0, more = true;
      while (more) {
        const code = text.charCodeAt(place++) - 48;
        if (!(code >= 0 && code < 64) || shift > 30) throw new Error("The run lengths are damaged.");
        value |= (code & 31) << shift;
        shift += 5;
        more = (code & 32) !== 0;
        if (!more && (code & 16) && shift < 32) value |= -1 << shift;
      }
      if (counts.length > 2) value += counts[counts.length - 2];
      if (value < 0 || position + value > mask.length) throw new Error("The run lengths are damaged.");
      if (counts.length % 2) fillColumns(mask, width, height, position, value);
      counts.push(value);
      position += value;
    }
    if (position !== mask.length) throw new Error("The run lengths do not cover the picture.");
    return mask;
  }

  function fillColumns(mask, width, height, start, length) {
    let x = Math.floor(start / height), y = start - x * height;
    for (let left = length; left > 0; left--) {
      mask[y * width + x] = 1;
      if (++y === height) { y = 0; x++; }
    }
  }

  /** Writes COCO's compressed run lengths. */
  function encode(mask, width, height) {
    const counts = [];
    const box = bounds(mask, width, height);
    let end = 0;
    if (box) {
      for (let x = box.left; x < box.right; x++) {
        for (let y = box.top; y < box.bottom; y++) {
          if (!mask[y * width + x]) continue;
          const start = y;
          while (y < box.bottom && mask[y * width + x]) y++;
          const position = x * height + start;
          if (position === end && counts.length) counts[counts.length - 1] += y - start;
          else counts.push(position - end, y - start);
          end = x * height + y;
        }
      }
    }
    if (end < mask.length) counts.push(mask.length - end);
    return counts.map((value, index) => letters(index > 2 ? value - counts[index - 2] : value)).join("");
  }

  function letters(value) {
    let text = "";
    for (;;) {
      let bits = value & 31;
      value >>= 5;
      const more = bits & 16 ? value !== -1 : value !== 0;
      if (more) bits |= 32;
      text += String.fromCharCode(bits + 48);
      if (!more) return text;
    }
  }

  /** The smallest box with all foreground; null without any. */
  function bounds(mask, width, height) {
    const first = mask.indexOf(1);
    if (first < 0) return null;
    const top = Math.floor(first / width), bottom = Math.floor(mask.lastIndexOf(1) / width) + 1;
    let left = width, right = 0;
    for (let y = top; y < bottom; y++) {
      const row = mask.subarray(y * width, (y + 1) * width);
      const from = row.indexOf(1);
      if (from < 0) continue;
      left = Math.min(left, from);
      right = Math.max(right, row.lastIndexOf(1) + 1);
    }
    return { left, top, right, bottom };
  }

  function area(mask) {
    let sum = 0;
    for (let place = 0; place < mask.length; place++) sum += mask[place];
    return sum;
  }

  function equal(one, other) {
    if (one.length !== other.length) return false;
    for (let place = 0; place < one.length; place++) if (one[place] !== other[place]) return false;
    return true;
  }

  /** Where a brush of so many pixels is: at the centre of a pixel, or at a corner if it is even. */
  const snapped = (value, size) => size % 2 ? Math.floor(value) + 0.5 : Math.round(value);

  /**
   * Sets the pixels whose centres are within half a brush of a line between two snapped points.
   * Coordinates are doubled, so that all arithmetic is of whole numbers. Returns the box.
   */
  function line(mask, width, height, from, to, size, value) {
    const [ax, ay, bx, by] = [from.x * 2, from.y * 2, to.x * 2, to.y * 2];
    const dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy, reach = size * size;
    const box = {
      left: Math.max(0, Math.floor((Math.min(ax, bx) - size) / 2)),
      top: Math.max(0, Math.floor((Math.min(ay, by) - size) / 2)),
      right: Math.min(width, Math.ceil((Math.max(ax, bx) + size) / 2)),
      bottom: Math.min(height, Math.ceil((Math.max(ay, by) + size) / 2)),
    };
    for (let y = box.top; y < box.bottom; y++) {
      for (let x = box.left; x < box.right; x++) {
        const px = 2 * x + 1 - ax, py = 2 * y + 1 - ay;
        const along = px * dx + py * dy;
        let inside;
        if (along <= 0) inside = px * px + py * py <= reach;
        else if (along >= length) inside = (px - dx) ** 2 + (py - dy) ** 2 <= reach;
        else inside = (px * dy - py * dx) ** 2 <= reach * length;
        if (inside) mask[y * width + x] = value;
      }
    }
    return box;
  }

  /** Sets the pixels whose centres are inside a polygon, by the even-odd rule. */
  function polygon(mask, width, height, points, value) {
    for (let y = 0; y < height; y++) {
      const centre = y + 0.5, crossings = [];
      for (let index = 0; index < points.length; index++) {
        const one = points[index], other = points[(index + 1) % points.length];
        if ((one.y > centre) === (other.y > centre)) continue;
        crossings.push(one.x + (centre - one.y) / (other.y - one.y) * (other.x - one.x));
      }
      crossings.sort((a, b) => a - b);
      for (let index = 0; index + 1 < crossings.length; index += 2) {
        const from = Math.max(0, Math.ceil(crossings[index] - 0.5));
        const to = Math.min(width, Math.ceil(crossings[index + 1] - 0.5));
        if (to > from) mask.fill(value, y * width + from, y * width + to);
      }
    }
  }

  /**
   * The pixels of one value that are connected with a pixel: lesion by sides and corners, background
   * by sides. Says whether they reach the border of the picture.
   */
  function part(mask, width, height, x, y) {
    const value = mask[y * width + x], found = [y * width + x];
    const seen = new Uint8Array(mask.length);
    seen[found[0]] = 1;
    let border = false;
    const visit = (column, row) => {
      if (column < 0 || row < 0 || column >= width || row >= height) { border = true; return; }
      const place = row * width + column;
      if (!seen[place] && mask[place] === value) { seen[place] = 1; found.push(place); }
    };
    for (let next = 0; next < found.length; next++) {
      const row = Math.floor(found[next] / width), column = found[next] - row * width;
      for (let down = -1; down <= 1; down++) {
        for (let right = -1; right <= 1; right++) {
          if (value || !down !== !right) visit(column + right, row + down);
        }
      }
    }
    return { pixels: found, border };
  }

  /** Fills every hole; returns the number of pixels. */
  function fillHoles(mask, width, height) {
    const outside = new Uint8Array(mask.length), stack = [];
    const push = (place) => { if (!mask[place] && !outside[place]) { outside[place] = 1; stack.push(place); } };
    for (let x = 0; x < width; x++) { push(x); push((height - 1) * width + x); }
    for (let y = 0; y < height; y++) { push(y * width); push(y * width + width - 1); }
    while (stack.length) {
      const place = stack.pop(), x = place % width;
      if (x > 0) push(place - 1);
      if (x < width - 1) push(place + 1);
      if (place >= width) push(place - width);
      if (place < mask.length - width) push(place + width);
    }
    let filled = 0;
    for (let place = 0; place < mask.length; place++) {
      if (!mask[place] && !outside[place]) { mask[place] = 1; filled++; }
    }
    return filled;
  }

  return { decode, encode, bounds, area, equal, snapped, line, polygon, part, fillHoles };
})();
