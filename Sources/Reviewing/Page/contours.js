// The border of a mask as a path in the coordinates of the picture.
const Contours = (() => {
  // East, south, west, north.
  const steps = [[1, 0], [0, 1], [-1, 0], [0, -1]];

  /**
   * Follows the sides of pixels with the lesion on the right. Lesion pixels that touch at a corner
   * are one part. `smooth` joins the middles of sides, which shows fewer stairs.
   */
  function path(mask, width, height, smooth) {
    const result = new Path2D(), box = Masks.bounds(mask, width, height);
    if (!box) return result;
    const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x] === 1;
    const seen = new Uint8Array(mask.length), nothing = new Uint8Array(width);
    for (let y = box.top; y < box.bottom; y++) {
      const row = mask.subarray(y * width, (y + 1) * width);
      const above = y > 0 ? mask.subarray((y - 1) * width, y * width) : nothing;
      // `indexOf` passes over what has no border much faster than a loop does.
      for (let x = row.indexOf(1, box.left); x >= 0;) {
        const next = row.indexOf(0, x), end = next < 0 ? width : next;
        for (let place = above.indexOf(0, x); place >= 0 && place < end; place = above.indexOf(0, place + 1)) {
          if (!seen[y * width + place]) follow(place, y, inside, seen, width, smooth, result);
        }
        x = next < 0 ? -1 : row.indexOf(1, end);
      }
    }
    return result;
  }

  function follow(startX, startY, inside, seen, width, smooth, result) {
    let x = startX, y = startY, heading = 0, first = true;
    const add = (px, py) => {
      if (first) result.moveTo(px, py); else result.lineTo(px, py);
      first = false;
    };
    let turned = true;
    do {
      const [dx, dy] = steps[heading];
      if (heading === 0) seen[y * width + x] = 1;
      const middle = [x + dx / 2, y + dy / 2];
      if (turned && smooth) add(...middle);
      x += dx;
      y += dy;
      // The two pixels ahead, left and right of the way.
      const left = ahead(x, y, heading, true), right = ahead(x, y, heading, false);
      const next = inside(...left) ? (heading + 3) % 4 : inside(...right) ? heading : (heading + 1) % 4;
      turned = next !== heading;
      if (turned) add(...(smooth ? middle : [x, y]));
      heading = next;
    } while (x !== startX || y !== startY || heading !== 0);
    result.closePath();
  }

  /** The pixel ahead of a corner; pixels have the number of their corner at the top left. */
  function ahead(x, y, heading, left) {
    switch (heading) {
      case 0: return [x, left ? y - 1 : y];
      case 1: return [left ? x : x - 1, y];
      case 2: return [x - 1, left ? y : y - 1];
      default: return [left ? x - 1 : x, y - 1];
    }
  }

  return { path };
})();
