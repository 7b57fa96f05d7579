// The timeline of a video: lesion area and confidence, cuts, and the frames that are to be reviewed.
const Strip = (() => {
  let canvas, thumbs, video = null, timeline = null, frames = [], current = -1;
  const pad = 10;

  function open() {
    canvas = Base.byId("timeline");
    thumbs = Base.byId("strip-frames");
    canvas.addEventListener("click", (event) => {
      const share = (event.offsetX - pad) / (canvas.clientWidth - 2 * pad);
      nearest(start() + share * (finish() - start()));
    });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (step) Strip.step(step);
      else if (event.key === "Home") Page.open(frames[0]);
      else if (event.key === "End") Page.open(frames.at(-1));
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    thumbs.addEventListener("click", (event) => {
      const button = event.target.closest("[data-item]");
      if (button) Page.open(Number(button.dataset.item));
    });
    new ResizeObserver(Base.onceAFrame(draw)).observe(canvas);
    Decisions.onChange((id) => { if (video !== null && id !== null) mark(); });
  }

  const start = () => timeline?.time[0] ?? 0;
  const finish = () => Math.max(start() + 0.001, timeline?.time.at(-1) ?? Data.review.videos[video].duration);

  async function show(place) {
    const { queue } = Data, next = queue.video[place];
    Base.byId("strip").hidden = next === null;
    current = place;
    if (next === null) { video = null; return; }
    if (next !== video) {
      video = next;
      timeline = null;
      frames = [];
      for (let item = 0; item < queue.count; item++) if (queue.video[item] === video) frames.push(item);
      frames.sort((a, b) => queue.time[a] - queue.time[b]);
      fill();
      try {
        const loaded = await Data.video(video);
        if (video === next) timeline = loaded;
      } catch (error) {
        Announce.problem(error.message);
      }
    }
    mark();
    describe();
  }

  function fill() {
    const { queue } = Data;
    thumbs.replaceChildren(...frames.map((item) => {
      const button = Base.make("button", {
        type: "button", class: "thumb", tabindex: "-1", title: "Frame " + queue.frame[item],
      }, Base.make("img", {
        src: queue.thumbnail[item] ?? queue.image[item], alt: "", loading: "lazy", decoding: "async",
      }), Base.make("span", { text: Base.seconds(queue.time[item]) }));
      button.dataset.item = item;
      return button;
    }));
  }

  function mark() {
    for (const button of thumbs.children) {
      const item = Number(button.dataset.item), decision = Decisions.of(Data.queue.id[item]);
      button.setAttribute("aria-current", item === current);
      button.dataset.verdict = decision ? decision.verdict : "open";
      const label = "Frame at " + Base.seconds(Data.queue.time[item]) + ", " +
        (decision ? Decisions.verdicts[decision.verdict].label : "to do");
      button.setAttribute("aria-label", label);
      if (item === current && (button.offsetLeft < thumbs.scrollLeft ||
        button.offsetLeft + button.offsetWidth > thumbs.scrollLeft + thumbs.clientWidth)) {
        thumbs.scrollLeft = button.offsetLeft - thumbs.clientWidth / 2;
      }
    }
    draw();
  }

  function describe() {
    const { queue } = Data, at = frames.indexOf(current);
    const row = timeline ? timeline.index.indexOf(queue.frame[current]) : -1;
    const parts = ["frame " + queue.frame[current] + " at " + Base.seconds(queue.time[current]),
      (at + 1) + " of " + frames.length];
    if (row >= 0) parts.push("area " + Base.percent(timeline.area[row]));
    if (row >= 0 && timeline.confidence[row] !== null) {
      parts.push("confidence " + Base.number(timeline.confidence[row]));
    }
    canvas.setAttribute("aria-valuemax", frames.length);
    canvas.setAttribute("aria-valuenow", at + 1);
    canvas.setAttribute("aria-valuetext", parts.join(", "));
    Base.byId("strip-text").textContent = parts.join(" · ");
  }

  function draw() {
    if (video === null || !canvas.clientWidth) return;
    const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d"), style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    context.scale(ratio, ratio);
    const x = (time) => pad + (time - start()) / (finish() - start()) * (width - 2 * pad);
    const base = height - 14, high = base - 8;
    if (timeline) {
      const most = Math.max(0.01, timeline.area.reduce((most, area) => Math.max(most, area ?? 0), 0));
      context.fillStyle = colour("--line");
      for (const cut of timeline.cuts) context.fillRect(Math.round(x(cut)), 4, 1, base - 4);
      series(context, timeline.area.map((area) => area === null ? null : area / most), x, base, high, true, colour("--area"));
      series(context, timeline.confidence, x, base, high, false, colour("--ink"));
    }
    context.fillStyle = colour("--line");
    context.fillRect(pad, base, width - 2 * pad, 1);
    for (const item of frames) {
      const decision = Decisions.of(Data.queue.id[item]), at = x(Data.queue.time[item]);
      context.beginPath();
      context.arc(at, base + 7, item === current ? 5 : 3.5, 0, 7);
      context.fillStyle = decision ? colour("--done") : colour("--paper");
      context.strokeStyle = decision ? colour("--done") : colour("--faint");
      context.lineWidth = 1.5;
      context.fill();
      context.stroke();
    }
    context.fillStyle = colour("--accent");
    context.fillRect(Math.round(x(Data.queue.time[current])) - 1, 2, 2, base);
  }

  function series(context, values, x, base, high, filled, colour) {
    context.beginPath();
    let from = null;
    const close = (to) => {
      if (filled && from !== null) { context.lineTo(to, base); context.lineTo(from, base); context.closePath(); }
      from = null;
    };
    let at = 0;
    for (let index = 0; index < values.length; index++) {
      if (values[index] === null) { close(at); continue; }
      const y = base - values[index] * high;
      at = x(timeline.time[index]);
      if (from === null) { from = at; context.moveTo(at, y); } else context.lineTo(at, y);
    }
    close(at);
    context.lineWidth = 1.5;
    context[filled ? "fillStyle" : "strokeStyle"] = colour;
    if (filled) context.fill(); else context.stroke();
  }

  function nearest(time) {
    let best = null, distance = Infinity;
    for (const item of frames) {
      const now = Math.abs(Data.queue.time[item] - time);
      if (now < distance) [best, distance] = [item, now];
    }
    if (best !== null) Page.open(best);
  }

  return {
    open, show,
    /** The frame to review before or after the one that is open. */
    step(by) {
      if (video === null) { Announce.say("This is no frame of a video."); return; }
      const next = frames[frames.indexOf(current) + by];
      if (next === undefined) Announce.whisper("No more frames."); else Page.open(next);
    },
  };
})();
