// The list of items: order, filters, and a list that has only the rows in view.
const Queue = (() => {
  const rowHeight = 60;
  let order = [];          // the items in the chosen order, with confident ones mixed in
  let shown = [];          // those that pass the filters
  let rank = new Map();    // place of an item → place in `shown`
  let current = -1;
  const rows = new Map();  // place in `shown` → element
  const fields = ["sort", "site", "state", "kind", "search"];
  const value = (name) => Base.byId("queue-" + name).value;
  const panel = () => Base.byId("queue-list");

  function open() {
    const { review } = Data;
    for (const [place, site] of review.sites.entries()) {
      Base.byId("queue-site").append(Base.make("option", { value: String(place), text: site.name }));
    }
    Base.byId("queue-site-field").hidden = review.sites.length < 2;
    Base.byId("queue-kind-field").hidden = !review.videos.length;
    for (const name of fields) {
      const field = Base.byId("queue-" + name);
      const work = () => { if (name === "sort") sort(); filter(); };
      field.addEventListener("input", name === "search" ? Base.later(120, work) : work);
    }
    panel().addEventListener("scroll", Base.onceAFrame(draw), { passive: true });
    panel().addEventListener("click", (event) => {
      const row = event.target.closest("[data-place]");
      if (row) Page.open(shown[Number(row.dataset.place)]);
    });
    panel().addEventListener("keydown", keys);
    new ResizeObserver(Base.onceAFrame(draw)).observe(panel());
    Decisions.onChange((id) => {
      progress();
      const at = id === null ? undefined : rank.get(Data.queue.place.get(id));
      if (id === null) filter();
      else if (rows.has(at)) { rows.get(at).remove(); rows.delete(at); draw(); }
    });
    sort();
    filter();
  }

  /** Orders the queued items by the chosen value, and puts confident ones among them at even distances. */
  function sort() {
    const { queue } = Data, by = value("sort");
    const all = Array.from({ length: queue.count }, (_, place) => place);
    if (by === "file") { order = all.sort(byFile); return; }
    if (by === "site") {
      order = all.sort((a, b) => (queue.site[a] ?? 1e9) - (queue.site[b] ?? 1e9) || byFile(a, b));
      return;
    }
    const score = queue[by], chance = new Map(all.map((place) => [place, Base.hash(queue.id[place])]));
    const queued = all.filter((place) => queue.why[place] !== 1);
    const controls = all.filter((place) => queue.why[place] === 1);
    queued.sort((a, b) => (score[b] ?? -1) - (score[a] ?? -1) || a - b);
    controls.sort((a, b) => chance.get(a) - chance.get(b));
    order = [];
    const step = all.length / Math.max(1, controls.length);
    const places = controls.map((place, index) => (index + (chance.get(place) % 997) / 997) * step);
    let next = 0, control = 0;
    for (let at = 0; at < all.length; at++) {
      const turn = control < controls.length && (at >= Math.floor(places[control]) || next === queued.length);
      order.push(turn ? controls[control++] : queued[next++]);
    }
  }

  const names = new Intl.Collator("en", { numeric: true });
  function byFile(a, b) {
    const { queue } = Data;
    return names.compare(queue.file[a], queue.file[b]) || (queue.frame[a] ?? 0) - (queue.frame[b] ?? 0);
  }

  function filter() {
    const { queue } = Data;
    const site = value("site"), state = value("state"), kind = value("kind");
    const text = value("search").trim().toLowerCase();
    shown = order.filter((place) => {
      if (site !== "" && queue.site[place] !== Number(site)) return false;
      if (kind === "image" && queue.video[place] !== null) return false;
      if (kind === "frame" && queue.video[place] === null) return false;
      if (text && !queue.file[place].toLowerCase().includes(text) &&
        !(queue.group[place] ?? "").toLowerCase().includes(text)) return false;
      if (state === "") return true;
      const decision = Decisions.of(queue.id[place]);
      if (state === "open") return !decision;
      if (state === "decided") return Boolean(decision);
      if (state === "unsaved") return Boolean(Decisions.entry(queue.id[place])?.unsaved);
      if (state === "commented") return Boolean(decision?.comment);
      return decision?.verdict === state;
    });
    rank = new Map(shown.map((place, at) => [place, at]));
    for (const row of rows.values()) row.remove();
    rows.clear();
    Base.byId("queue-space").style.height = shown.length * rowHeight + "px";
    Base.byId("queue-count").textContent = shown.length === queue.count
      ? Base.count(queue.count, "item") : shown.length.toLocaleString("en") + " of " + Base.count(queue.count, "item");
    Base.byId("queue-none").hidden = shown.length > 0;
    progress();
    reveal();
    draw();
  }

  function progress() {
    const { decided, verdicts } = Decisions.counts(), { count } = Data.queue;
    const bar = Base.byId("progress");
    bar.max = Math.max(1, count);
    bar.value = decided;
    Base.byId("progress-text").textContent =
      decided.toLocaleString("en") + " of " + count.toLocaleString("en") + " decided";
    bar.title = Object.entries(verdicts)
      .map(([verdict, n]) => Decisions.verdicts[verdict].label + ": " + n).join(", ");
  }

  /** Makes the rows in view, and removes the others. */
  function draw() {
    const list = panel(), top = list.scrollTop;
    const from = Math.max(0, Math.floor(top / rowHeight) - 4);
    const to = Math.min(shown.length, Math.ceil((top + list.clientHeight) / rowHeight) + 4);
    for (const [at, row] of rows) {
      if (at < from || at >= to) { row.remove(); rows.delete(at); }
    }
    const space = Base.byId("queue-space");
    for (let at = from; at < to; at++) {
      if (!rows.has(at)) {
        const row = QueueRow.make(shown[at], at, shown.length);
        row.style.transform = "translateY(" + at * rowHeight + "px)";
        rows.set(at, row);
        space.append(row);
      }
      const selected = shown[at] === current;
      rows.get(at).setAttribute("aria-selected", selected);
      if (selected) list.setAttribute("aria-activedescendant", rows.get(at).id);
    }
    if (!rank.has(current)) list.removeAttribute("aria-activedescendant");
  }

  function reveal() {
    const at = rank.get(current), list = panel();
    if (at === undefined) return;
    const top = at * rowHeight;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + rowHeight > list.scrollTop + list.clientHeight) {
      list.scrollTop = top + rowHeight - list.clientHeight;
    }
  }

  function select(place) {
    current = place;
    reveal();
    draw();
  }

  /** The item so many rows on; with `open`, the next one without a decision, if any. */
  function beside(step, onlyOpen) {
    const { queue } = Data;
    let at = rank.get(current);
    if (at === undefined) at = step > 0 ? -1 : shown.length;
    for (let next = at + step; next >= 0 && next < shown.length; next += step) {
      if (!onlyOpen || !Decisions.of(queue.id[shown[next]])) return shown[next];
    }
    if (!onlyOpen) return null;
    return shown.find((place) => place !== current && !Decisions.of(queue.id[place])) ?? null;
  }

  function keys(event) {
    const page = Math.max(1, Math.floor(panel().clientHeight / rowHeight) - 1), at = rank.get(current) ?? 0;
    const to = {
      ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: shown.length - 1,
    }[event.key];
    if (event.key === "Enter") { Base.byId("stage").focus(); event.preventDefault(); return; }
    if (to === undefined || !shown.length || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    Page.open(shown[Math.min(shown.length - 1, Math.max(0, to))]);
  }

  return {
    open, select, beside, filter, current: () => current,
    first: () => shown.find((place) => !Decisions.of(Data.queue.id[place])) ?? shown[0] ?? null,
    position: (place) => rank.has(place) ? { at: rank.get(place) + 1, of: shown.length } : null,
  };
})();
