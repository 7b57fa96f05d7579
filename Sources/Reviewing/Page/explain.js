// What `explain` knows: the confounders that the model sees, and the mask without each.
const Explain = (() => {
  let pinned = null, details = null;

  const masksOf = (list) => Data.review.layers.map((name) => {
    const mask = list.find((entry) => entry.layer === name);
    return mask ? Masks.decode(mask.counts, Editor.width, Editor.height)
      : new Uint8Array(Editor.width * Editor.height);
  });

  function show(item) {
    const panel = Base.byId("explain"), list = Base.byId("explain-list");
    const explanation = item.explanation;
    pinned = null;
    // A button that has the focus loses it, which is an event of its own.
    list.replaceChildren();
    details = item;
    View.compare(null);
    panel.hidden = !explanation;
    if (!explanation) return;
    const seen = (entry) => entry.seen ?? entry.attention ?? entry.zero_shot ?? 0;
    const sorted = [...explanation.confounders].sort((a, b) => seen(b) - seen(a));
    const most = Math.max(0.001, ...sorted.map(seen));
    for (const entry of sorted) list.append(row(entry, seen(entry), seen(entry) / most));
    if (explanation.intervention_off) {
      list.append(Base.make("li", { class: "confounder" },
        Base.make("span", { class: "name", text: "No intervention at all" }),
        change("Mask without it", explanation.intervention_off, null)));
    }
    tell();
  }

  function row(entry, seen, share) {
    const bar = Base.make("span", { class: "bar", "aria-hidden": "true" }, Base.make("span"));
    bar.firstChild.style.width = Math.round(share * 100) + "%";
    const item = Base.make("li", { class: "confounder" },
      Base.make("span", { class: "name", text: entry.name }),
      Base.make("span", { class: "value", text: Base.number(seen) }), bar);
    if (entry.without) item.append(change("Mask without it", entry.without, entry.name));
    if (entry.added) item.append(change("Under do(z)", entry.added, entry.name));
    return item;
  }

  /** A button that shows another mask while it is hovered or focused, and keeps it when it is pressed. */
  function change(label, other, name) {
    const button = Base.make("button", {
      type: "button", class: "change", "aria-pressed": "false",
      "aria-label": label + (name ? ", " + name : "") + ": Dice " + Base.number(other.dice),
    }, label, Base.make("span", { class: "dice", text: "Dice " + Base.number(other.dice) }));
    const text = label + (name ? " (" + name + ")" : "") + ": Dice with the model's mask " +
      Base.number(other.dice) + (other.area === undefined || other.area === null ? ""
        : ", area " + Base.percent(other.area));
    const preview = () => { View.compare(masksOf(other.masks), label.toLowerCase().replace(" it", name ? " " + name : " intervention")); tell(text); };
    const end = () => { if (pinned) pinned.preview(); else { View.compare(null); tell(); } };
    button.addEventListener("pointerenter", preview);
    button.addEventListener("pointerleave", end);
    button.addEventListener("focus", preview);
    button.addEventListener("blur", end);
    button.addEventListener("click", () => {
      const same = pinned?.button === button;
      pinned?.button.setAttribute("aria-pressed", "false");
      pinned = same ? null : { button, preview };
      button.setAttribute("aria-pressed", !same);
      if (same) { View.compare(null); tell(); } else { preview(); Announce.whisper(text); }
    });
    return button;
  }

  function tell(text) {
    Base.byId("explain-text").textContent = text ?? (details.explanation.attends
      ? "Attention of the model, or what it finds in the picture. Point at a button to see the other mask, dashed."
      : "What the model finds in the picture. Point at a button to see the other mask, dashed.");
  }

  return { show };
})();
