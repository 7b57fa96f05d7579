// The decisions of the reviewer, in memory and in the browser's store.
const Decisions = (() => {
  const verdicts = {
    accept: { label: "Accepted", icon: "check" },
    correct: { label: "Corrected", icon: "pencil" },
    "no-lesion": { label: "No lesion", icon: "empty" },
    reject: { label: "Rejected", icon: "cross" },
    "not-usable": { label: "Not usable", icon: "ban" },
  };
  // ID of an item → { decision, unsaved, known, masks }: `known` is the revision on the server, `masks`
  // are those of the model that a decision without masks stands for.
  let entries = new Map();
  let reviewer = null;
  const listeners = [];

  const changed = (item) => { for (const listener of listeners) listener(item); };

  async function open(name) {
    reviewer = name;
    entries = new Map();
    for (const entry of await Store.decisions(name)) entries.set(entry.decision.item, entry);
    changed(null);
  }

  /** The decision of an item; null where there is none or it was withdrawn. */
  function of(id) {
    const entry = entries.get(id);
    return entry && entry.decision.verdict !== "undecided" ? entry.decision : null;
  }

  async function keep(id, entry) {
    entries.set(id, entry);
    changed(id);
    try {
      // What the server has on its disk need not be here, too.
      await Store.put("decisions", [reviewer, id], entry.unsaved ? entry : null);
    } catch (error) {
      Announce.problem("This browser could not keep the decision (" + error.message +
        "). Export before you close the page.");
    }
  }

  /** Makes and keeps a decision. `modelMasks` are those of the item's details. */
  async function save(id, fields, details) {
    const before = entries.get(id);
    const known = before ? before.known : 0;
    const decision = {
      format: 1, review: Data.review.id, item: id, reviewer, time: new Date().toISOString(),
      verdict: fields.verdict, class: fields.class, comment: fields.comment,
      masks: fields.verdict === "correct" ? fields.masks : null,
      model_hash: details.model_hash, seconds: fields.seconds,
      revision: before ? before.decision.revision + 1 : 1,
    };
    await keep(id, { decision, unsaved: true, known, masks: details.masks });
    Sync.wake();
  }

  /** Takes a decision of the server, or of a file. */
  async function take(decision, known, unsaved) {
    await keep(decision.item, { decision, unsaved, known, masks: null });
  }

  /** Takes all decisions of the server; those that wait here stay. */
  function takeAll(decisions) {
    entries = new Map([...entries].filter(([, entry]) => entry.unsaved));
    for (const decision of decisions) {
      if (entries.has(decision.item)) continue;
      entries.set(decision.item, { decision, unsaved: false, known: decision.revision, masks: null });
    }
    changed(null);
  }

  /** Makes the next decision about an item a conflict: what is in view does not follow from the saved one. */
  function doubt(id) {
    const entry = entries.get(id);
    if (entry) entries.set(id, { ...entry, known: 0 });
  }

  const unsaved = () => [...entries.values()].filter((entry) => entry.unsaved);

  function counts() {
    const result = { decided: 0, verdicts: {} };
    for (const entry of entries.values()) {
      const verdict = entry.decision.verdict;
      if (verdict === "undecided" || !Data.queue.place.has(entry.decision.item)) continue;
      result.decided++;
      result.verdicts[verdict] = (result.verdicts[verdict] ?? 0) + 1;
    }
    return result;
  }

  return {
    verdicts, open, of, keep, save, take, takeAll, doubt, unsaved, counts,
    entry: (id) => entries.get(id) ?? null,
    onChange: (listener) => listeners.push(listener),
    get reviewer() { return reviewer; },
  };
})();
