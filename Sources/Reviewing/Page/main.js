// The page: opens items, takes decisions, and starts everything.
const Page = (() => {
  let place = -1, opening = 0, ready = false;
  let opened = null;             // the decision that the shown masks come from
  let active = 0, touched = 0;   // for the seconds that an item was in view

  const clock = () => performance.now();
  function touch() {
    if (place >= 0) active += Math.min(60000, clock() - touched);
    touched = clock();
  }
  const seconds = () => { touch(); return Math.round(active / 100) / 10; };

  /** Opens an item: picture, masks, facts, explanation, strip. */
  async function open(next) {
    if (next === null || next === undefined) return;
    if (next === place && ready) { closeDrawer(); return; }
    settle();
    const turn = ++opening, id = Data.queue.id[next];
    ready = false;
    Tools.leave();
    Queue.select(next);
    closeDrawer();
    const slow = setTimeout(() => { if (turn === opening) blank(next, "Opening …"); }, 400);
    try {
      // Name, picture and masks change together, so that no decision is about another picture than the shown one.
      const parts = await Promise.all([Data.item(next), Data.picture(next), readDraft(id)]);
      if (turn === opening) show(next, ...parts);
    } catch (error) {
      if (turn !== opening) return;
      blank(next, "This item cannot be opened.");
      Announce.problem(error.message);
    } finally {
      clearTimeout(slow);
    }
  }

  /** What was drawn and written before; an item opens without it, too. */
  const readDraft = (id) => Store.get("drafts", [Decisions.reviewer, id]).catch(() => null);

  /** Keeps what is half done about the open item. */
  function settle() {
    keepDraft.now();
    Panel.amend();
  }

  /** Shows no item, so that nothing that is done belongs to the wrong one. */
  function blank(next, text) {
    [place, ready] = [-1, false];
    Tools.leave();
    Editor.close();
    View.hide();
    Panel.blank(next, text);
    if (next !== null) Strip.show(next);
  }

  /** Shows an item whose parts were read. */
  function show(next, details, picture, draft) {
    const { queue } = Data, id = queue.id[next], decision = Decisions.of(id);
    const size = { width: queue.width[next], height: queue.height[next] };
    try {
      Editor.open(size, details.masks, draft?.masks ?? decision?.masks ?? null);
      View.show(picture, queue.file[next], details.probability);
    } catch (error) {
      throw new Error("items/" + id + ".js: " + error.message);
    }
    [place, opened] = [next, decision];
    [active, touched] = [(decision?.seconds ?? 0) * 1000, clock()];
    Base.byId("mode-probability").disabled = !details.probability;
    if (!details.probability && View.mode === "probability") mode("contour");
    legend();
    Panel.show(place, details, draft?.comment);
    Explain.show(details);
    Strip.show(place);
    ready = true;
    document.title = queue.file[place] + " · " + Data.review.title;
    const position = Queue.position(place);
    Announce.whisper(queue.file[place] + (position ? ", " + position.at + " of " + position.of : "") + ", " +
      (decision ? Decisions.verdicts[decision.verdict].label : "to do") + ". The mask covers " +
      Base.percent(Editor.share()) + ".");
    const after = Queue.beside(1, false);
    if (after !== null) Data.prepare(after);
  }

  /** Shows the masks of a decision that came from the server after the item was opened. */
  function follow(id) {
    if (!ready) return;
    const own = Data.queue.id[place], decision = Decisions.of(own), before = opened;
    if (id !== null && id !== own) return;
    opened = decision;
    if (id !== null || decision?.time === before?.time || !decision?.masks) return;
    if (Editor.isEdited()) { Decisions.doubt(own); return; }
    const now = place;
    settle();
    ready = false;
    open(now);
  }

  const notKept = (error) => Announce.problem("This browser could not keep the mask: " + error.message);

  /** Shows the item anew if it is the open one: its decision came from elsewhere. */
  async function renew(id) {
    const now = place, name = Decisions.reviewer, elsewhere = () => Queue.current() !== now;
    if (now < 0 || Data.queue.id[now] !== id || elsewhere()) return;
    keepDraft.drop();
    blank(now, "Opening …");
    await Store.put("drafts", [name, id], null).catch(notKept);
    // The reviewer may have gone elsewhere meanwhile.
    if (!elsewhere()) await open(now);
  }

  function legend() {
    const threshold = Data.review.thresholds?.[Editor.layer] ?? null;
    ProbabilityMap.legend(Base.byId("legend-bar"), threshold);
    Base.byId("legend-text").textContent = threshold === null ? "" : "lesion from " + Base.number(threshold);
  }

  function go(step, onlyOpen = false) {
    const next = Queue.beside(step, onlyOpen);
    if (next === null) Announce.say(onlyOpen ? "Every item in the list is decided." : "The list ends here.");
    else open(next);
  }

  /** Takes a decision about what is in view, and goes on. */
  async function decide(choice) {
    if (!ready) return;
    if (Tools.hasPoints) {
      Announce.say("Close the polygon with Enter or with a tap on its first corner, or drop it with Escape, " +
        "and decide then.");
      return;
    }
    Tools.finish();
    const edited = Editor.isEdited(), { details } = Panel, id = Data.queue.id[place];
    let verdict = choice, masks = null;
    if (choice === "accept" && edited) {
      verdict = Editor.isEmpty() ? "no-lesion" : "correct";
      masks = verdict === "correct" ? Editor.written() : null;
    }
    keepDraft.now();
    const turn = opening, name = Decisions.reviewer;
    const saved = Decisions.save(id, { ...Panel.fields(), verdict, masks, seconds: seconds() }, details);
    Announce.say(Decisions.verdicts[verdict].label + ".");
    const next = Base.byId("go-on").checked ? Queue.beside(1, true) : null;
    await saved;
    // A drawn mask that a decision does not hold stays in the browser.
    if (verdict === "accept" || verdict === "correct") {
      await Store.put("drafts", [name, id], null).catch(notKept);
    }
    // The reviewer may have gone elsewhere meanwhile.
    if (turn !== opening) return;
    if (next !== null) open(next);
    else if (Base.byId("go-on").checked) Announce.say("Every item in the list is decided.");
  }

  async function withdraw() {
    if (!ready || !Decisions.of(Data.queue.id[place])) return;
    await Decisions.save(Data.queue.id[place],
      { ...Panel.fields(), verdict: "undecided", masks: null, seconds: seconds() }, Panel.details);
    Announce.say("Decision withdrawn.");
  }

  /** Keeps what is drawn and written over a reload, before it is a decision. */
  const keepDraft = (() => {
    let waits = false;
    const now = () => {
      if (!waits || !ready) return;
      waits = false;
      const id = Data.queue.id[place];
      const draft = {
        masks: Editor.isEdited() ? Editor.written() : null,
        comment: Decisions.of(id) ? "" : Base.byId("comment").value,
      };
      const kept = Store.put("drafts", [Decisions.reviewer, id], draft.masks || draft.comment ? draft : null);
      kept.catch(notKept);
    };
    const soon = Base.later(150, now);
    const drop = () => { waits = false; };
    return { now, drop, soon: () => { if (ready) { waits = true; soon(); } } };
  })();

  function mode(name) {
    if (Base.byId("mode-" + name).disabled) { Announce.say("There is no probability of this item."); return; }
    View.mode = name;
    for (const button of document.querySelectorAll("[data-mode-name]")) {
      button.setAttribute("aria-pressed", button.dataset.modeName === name);
    }
    Base.byId("legend").hidden = name !== "probability";
    Announce.whisper({ contour: "Image with contour", probability: "Image with probability", mask: "Mask alone" }[name]);
  }

  /** Changes the mask of the open item, after a stroke that goes on. */
  function edit(work) {
    if (!ready) return;
    Tools.finish();
    work();
  }

  const changed = (name, what) => Announce.whisper(name ? what + ": " + name + ". The mask covers " +
    Base.percent(Editor.share()) + "." : "Nothing to " + what.toLowerCase() + ".");

  function drawer(opens) {
    document.body.dataset.drawer = opens;
    Base.byId("drawer").setAttribute("aria-expanded", opens);
    if (opens) Base.byId("queue-list").focus();
  }
  function closeDrawer() {
    if (document.body.dataset.drawer !== "true") return false;
    drawer(false);
    return true;
  }

  async function reviewer(name) {
    // What is open belongs to the reviewer before.
    settle();
    blank(null, "Opening …");
    const turn = ++opening;
    Keys.localStorageSet("reviewer-" + Data.review.id, name);
    Base.byId("reviewer-text").textContent = name;
    await Decisions.open(name);
    await Sync.fetchDecisions();
    Queue.filter();
    if (turn === opening) await open(Queue.first());
  }

  async function start() {
    const keeps = await (await Data.open(), Store.open());
    const { review } = Data;
    document.title = review.title;
    Base.byId("title").textContent = review.title;
    View.open();
    Tools.open();
    Tools.resize(20, true);
    Strip.open();
    Panel.open();
    Keys.open();
    Theme.open();
    Queue.open();
    listen();
    document.body.dataset.drawer = "false";
    Base.byId("loading").hidden = true;
    Base.byId("page").hidden = false;
    if (!keeps) Announce.problem("This browser keeps nothing. Export your decisions before you close the page.");
    await Sync.open();
    Sync.show();
    const known = Keys.localStorageGet("reviewer-" + review.id);
    await reviewer(known ?? await Dialogs.name(Sync.reviewers, true));
    document.body.dataset.ready = "true";
  }

  function listen() {
    for (const name of ["pointerdown", "pointermove", "keydown", "wheel"]) {
      addEventListener(name, touch, { passive: true, capture: true });
    }
    Decisions.onChange(follow);
    Editor.onChange(keepDraft.soon);
    Editor.onChange(Base.later(100, legend));
    Base.byId("comment").addEventListener("input", keepDraft.soon);
    addEventListener("pagehide", keepDraft.now);
    addEventListener("visibilitychange", keepDraft.now);
    Base.byId("size").addEventListener("input", (event) => Tools.resize(Number(event.target.value), true));
    Base.byId("theme").addEventListener("click", Theme.change);
    Base.byId("export").addEventListener("click", () => Exchange.save().catch((error) => Announce.problem(error.message)));
    Base.byId("import").addEventListener("change", async (event) => {
      for (const file of event.target.files) {
        try { await Exchange.read(file); } catch (error) { Announce.problem(error.message); }
      }
      event.target.value = "";
    });
    Base.byId("reviewer").addEventListener("click", async () => {
      const name = await Dialogs.name(Sync.reviewers, false);
      if (name && name !== Decisions.reviewer) await reviewer(name);
    });
    Base.byId("drawer").addEventListener("click", () => drawer(document.body.dataset.drawer !== "true"));
    Base.byId("shade").addEventListener("click", closeDrawer);
    const bare = Base.byId("bare"), end = () => { View.bare = false; };
    bare.addEventListener("pointerdown", () => { View.bare = true; });
    for (const name of ["pointerup", "pointerleave", "pointercancel", "keyup", "blur"]) bare.addEventListener(name, end);
    bare.addEventListener("keydown", (event) => { if (event.key === " " || event.key === "Enter") View.bare = true; });
  }

  return {
    open, renew, go, decide, withdraw, mode, seconds, closeDrawer, start,
    get isReady() { return ready; },
    undo: () => edit(() => changed(Editor.undo(), "Undo")),
    redo: () => edit(() => changed(Editor.redo(), "Redo")),
    reset: () => edit(() => { Editor.reset(); Announce.say("Back to the model's mask."); }),
    fillAll: () => edit(() => Announce.say(Base.count(Editor.fillAll(), "pixel") + " of holes filled.")),
    search: () => { if (Base.byId("drawer").offsetParent) drawer(true); Base.byId("queue-search").focus(); },
  };
})();

Page.start().catch((error) => {
  document.getElementById("loading").textContent = error.message;
  document.getElementById("loading").setAttribute("role", "alert");
});
