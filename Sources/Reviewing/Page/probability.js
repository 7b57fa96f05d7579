// The probability as a picture: transparent to yellow over red, with a legend.
const ProbabilityMap = (() => {
  // Level → red, green, blue and opacity; between them values are linear.
  const stops = [
    [0, 30, 20, 80, 0.1], [0.25, 90, 25, 120, 0.45], [0.5, 200, 60, 90, 0.6], [0.75, 250, 150, 50, 0.68],
    [1, 255, 245, 130, 0.75],
  ];

  function colour(value) {
    let place = 1;
    while (place < stops.length - 1 && stops[place][0] < value) place++;
    const [low, high] = [stops[place - 1], stops[place]];
    const share = (value - low[0]) / (high[0] - low[0]);
    return [1, 2, 3, 4].map((part) => low[part] + (high[part] - low[part]) * share);
  }

  const table = Array.from({ length: 256 }, (_, level) => {
    const [red, green, blue, opacity] = colour(level / 255);
    return [red, green, blue, opacity * 255];
  });

  function canvas(map) {
    const levels = Base.bytes(map.levels);
    const result = new OffscreenCanvas(map.width, map.height), context = result.getContext("2d");
    const pixels = context.createImageData(map.width, map.height);
    for (let place = 0; place < levels.length; place++) pixels.data.set(table[levels[place]], place * 4);
    context.putImageData(pixels, 0, 0);
    return result;
  }

  /** Draws the legend, with a mark at the threshold. */
  function legend(target, threshold) {
    const context = target.getContext("2d"), { width, height } = target;
    context.clearRect(0, 0, width, height);
    for (let x = 0; x < width; x++) {
      const [red, green, blue] = table[Math.round(x / (width - 1) * 255)];
      context.fillStyle = "rgb(" + [red, green, blue].map(Math.round).join(" ") + ")";
      context.fillRect(x, 0, 1, height);
    }
    if (threshold === null || threshold === undefined) return;
    context.fillStyle = "#fff";
    context.fillRect(Math.round(threshold * (width - 1)) - 1, 0, 3, height);
    context.fillStyle = "#000";
    context.fillRect(Math.round(threshold * (width - 1)), 0, 1, height);
  }

  return { canvas, legend };
})();
