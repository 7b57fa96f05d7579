// The panel beside the picture: facts, verdict, class and comment.
const Panel = (() => {
  let place = -1, details = null;
  let shown = null;             // class and comment as they were shown or saved last

  function open() {
    const { review } = Data;
    const choice = Base.byId("class");
    for (const name of review.classes) choice.append(Base.make("option", { value: name, text: name }));
    Base.byId("class-field").hidden = !review.classes.length;
    choice.addEventListener("change", () => amend());
    Base.byId("comment").addEventListener("change", () => amend());
    const layers = Base.byId("layers");
    layers.hidden = review.layers.length < 2;
    for (const [index, name] of review.layers.entries()) {
      const swatch = Base.make("span", { class: "swatch" });
      swatch.style.background = View.colours[index % View.colours.length];
      const button = Base.make("button", { type: "button", role: "radio", class: "layer",
        onclick: () => chooseLayer(index) }, swatch, name);
      layers.append(button);
    }
    layers.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      chooseLayer((Editor.layer + step + review.layers.length) % review.layers.length);
      layers.children[Editor.layer].focus();
    });
    Editor.onChange(Base.later(100, edited));
    Decisions.onChange((id) => {
      if (place < 0 || id !== null && id !== Data.queue.id[place]) return;
      // A decision that came from elsewhere brings its own words, unless somebody is writing.
      if (id === null && isShown(fields())) words(fields().comment);
      verdict();
    });
  }

  function chooseLayer(index) {
    Editor.layer = index;
    Announce.whisper("Drawing " + Data.review.layers[index]);
  }

  function show(next, item, comment) {
    place = next;
    details = item;
    const { queue } = Data;
    Base.byId("file").textContent = queue.file[place];
    Base.byId("file").title = queue.file[place];
    const position = Queue.position(place);
    Base.byId("position").textContent = position
      ? position.at.toLocaleString("en") + " of " + position.of.toLocaleString("en") : "";
    Base.byId("comment").readOnly = false;
    words(comment);
    const warnings = Base.byId("warnings");
    warnings.replaceChildren(...(item.warnings ?? []).map((text) => Base.make("li", { text })));
    warnings.hidden = !warnings.children.length;
    verdict();
    edited();
  }

  /** Shows class and comment: of the decision, or else of a draft. */
  function words(comment) {
    const { queue } = Data, decision = Decisions.of(queue.id[place]);
    Base.byId("comment").value = decision?.comment ?? comment ?? "";
    Base.byId("class").value = decision?.class ?? queue.class[place] ?? "";
    shown = fields();
  }

  const isShown = (now) => now.class === shown.class && now.comment === shown.comment;

  function facts() {
    const { queue } = Data, id = queue.id[place], decided = Boolean(Decisions.of(id));
    const list = [
      ["Site", Data.siteName(place) + (Data.isHeldOut(place) ? " (held out: never trained on)" : "")],
      ["Patient or sequence", queue.group[place] ?? ""],
      ["Size", queue.width[place] + " × " + queue.height[place]],
      ["Share of lesion", "<area>"],
    ];
    if (queue.video[place] !== null) {
      list.push(["Frame", queue.frame[place] + " at " + Base.seconds(queue.time[place])]);
    }
    if (decided) {
      list.push(["Unsure inside its border", Base.number(queue.unsure[place])]);
      list.push(["Moves under do(z)", Base.number(queue.movement[place])]);
      list.push(["Sure of a lesion", Base.number(queue.presence[place])]);
      list.push(["Confidence", Base.number(details.confidence)]);
      if (details.expected_dice !== undefined) list.push(["Expected Dice", Base.number(details.expected_dice)]);
      list.push(["Why it was here", queue.why[place] === 1
        ? "a confident case, mixed in so that bias shows" : "chosen for review"]);
    }
    Base.byId("facts").replaceChildren(...list.filter(([, text]) => text).flatMap(([name, text]) => [
      Base.make("dt", { text: name }),
      text === "<area>" ? Base.make("dd", { id: "area" }) : Base.make("dd", { text }),
    ]));
    Base.byId("blind").hidden = decided;
  }

  function verdict() {
    const decision = Decisions.of(Data.queue.id[place]);
    const now = decision?.verdict ?? "open";
    for (const button of document.querySelectorAll("[data-verdict-name]")) {
      const name = button.dataset.verdictName;
      button.setAttribute("aria-pressed", name === now || name === "accept" && now === "correct");
    }
    const text = decision
      ? Decisions.verdicts[now].label + ", " + new Date(decision.time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" })
      : "Not decided yet";
    const state = Base.byId("verdict-text");
    state.textContent = text;
    state.dataset.verdict = now;
    Base.byId("withdraw").hidden = !decision;
    facts();
    edited();
  }

  /** Shows whether the mask differs from the model's, and what accepting would save. */
  function edited() {
    if (place < 0 || !Editor.masks.length) return;
    const changed = Editor.isEdited(), empty = Editor.isEmpty(), share = Base.percent(Editor.share());
    Base.byId("accept-text").textContent = !changed ? "Accept mask" : empty ? "Save: no lesion" : "Save correction";
    Base.byId("undo").disabled = !Editor.canUndo;
    Base.byId("redo").disabled = !Editor.canRedo;
    Base.byId("reset").disabled = !changed;
    for (const [index, button] of [...Base.byId("layers").children].entries()) {
      button.setAttribute("aria-checked", index === Editor.layer);
      button.tabIndex = index === Editor.layer ? 0 : -1;
    }
    const area = Base.byId("area");
    const layer = Data.review.layers.length > 1 ? Data.review.layers[Editor.layer] + " " : "";
    if (area) area.textContent = layer + share + (changed ? ", edited" : "");
    Base.byId("stage").setAttribute("aria-label", "Picture " + Data.queue.file[place] + ". The mask covers " +
      share + (changed ? ", edited." : "."));
    View.key(changed);
  }

  const fields = () => ({
    class: Data.review.classes.length ? Base.byId("class").value || null : null,
    comment: Base.byId("comment").value.slice(0, 4000).normalize("NFC"),
  });

  /** A later change of class or comment belongs to the decision. Fields that nobody touched change nothing. */
  function amend() {
    const decision = place >= 0 ? Decisions.of(Data.queue.id[place]) : null;
    if (!decision) return;
    const now = fields();
    if (isShown(now)) return;
    shown = now;
    Decisions.save(decision.item, { ...now, verdict: decision.verdict, masks: decision.masks,
      seconds: Page.seconds() }, details);
    Announce.whisper("Decision changed.");
  }

  /** Shows the name of an item that is not open: its files are on the way, or cannot be read. */
  function blank(next, text) {
    [place, details, shown] = [-1, null, null];
    Base.byId("file").textContent = next === null ? "" : Data.queue.file[next];
    Base.byId("comment").value = Base.byId("position").textContent = "";
    // Not disabled: a field that loses the focus would turn what is typed into keys.
    Base.byId("comment").readOnly = true;
    const state = Base.byId("verdict-text");
    state.textContent = text;
    state.dataset.verdict = "open";
    for (const button of document.querySelectorAll("[data-verdict-name]")) button.setAttribute("aria-pressed", false);
    for (const id of ["warnings", "withdraw", "explain"]) Base.byId(id).hidden = true;
    Base.byId("facts").replaceChildren();
    Base.byId("stage").setAttribute("aria-label", "Picture. " + text);
    View.key(false);
  }

  return {
    open, show, amend, blank,
    /** Class and comment, to be saved with a decision. */
    fields: () => (shown = fields()),
    nextLayer() {
      if (Data.review.layers.length > 1) chooseLayer((Editor.layer + 1) % Data.review.layers.length);
    },
    get details() { return details; },
  };
})();
