// Saving on the server, one decision at a time, until each is on its disk.
const Sync = (() => {
  const token = location.protocol.startsWith("http") ? location.pathname.split("/")[1] : "";
  let server = null;        // what the server states; null from disk
  let busy = false, fetched = false, stopped = null, pause = 0, timer = 0;
  let fetches = 0;
  const lost = new Map();      // ID → the time of the decision whose answer did not come
  const refused = new Map();   // ID → the decision that the server does not take as it is

  const headers = { "X-Review-Token": token };

  async function ask(path, options = {}) {
    const abort = new AbortController();
    const limit = setTimeout(() => abort.abort(), 20000);
    try {
      return await fetch(path, {
        ...options, headers: { ...headers, ...options.headers }, cache: "no-store", signal: abort.signal,
      });
    } finally {
      clearTimeout(limit);
    }
  }

  /** Finds out whether a server takes decisions. A page from disk, or of a plain server, has none. */
  async function open() {
    if (!location.protocol.startsWith("http")) return;
    try {
      const reply = await ask("api/served");
      if (reply.status === 404) return;
      if (reply.ok) server = await reply.json();
      else await fail(reply);
    } catch {
      server = { writable: true, reviewers: [] };
    }
  }

  /** Takes the reviewer's decisions from the server, and then saves what waits. */
  async function fetchDecisions() {
    fetched = false;
    if (!server) return;
    const name = Decisions.reviewer, turn = ++fetches;
    const isOld = () => turn !== fetches || name !== Decisions.reviewer;
    try {
      const reply = await ask("api/decisions?reviewer=" + encodeURIComponent(name));
      if (isOld()) return;
      if (!reply.ok) return await fail(reply);
      const { decisions, faults } = await reply.json();
      if (isOld()) return;
      Decisions.takeAll(decisions);
      fetched = true;
      if (faults?.length) Announce.problem("Not read: " + faults.join(" "));
    } catch {
      return isOld() ? undefined : again("The server does not answer.");
    }
    wake();
  }

  async function message(reply) {
    try { return (await reply.json()).error ?? "Status " + reply.status + "."; } catch {
      return "Status " + reply.status + ".";
    }
  }

  async function fail(reply) {
    if (reply.status === 401 || reply.status === 403) {
      stopped = "The server was started anew. Open the address that it printed. Your decisions wait in " +
        "this browser; export them to be safe.";
      show();
    } else {
      const wait = Number(reply.headers.get("Retry-After"));
      again(await message(reply), wait > 0 ? Math.min(wait, 60) : 0);
    }
  }

  function again(text, wait = 0) {
    pause = wait || Math.min(30, Math.max(1, pause * 2));
    stopped = text;
    clearTimeout(timer);
    timer = setTimeout(() => { stopped = null; wake(); }, pause * 1000);
    show();
  }

  const waiting = () => Decisions.unsaved().filter(
    (entry) => refused.get(entry.decision.item) !== entry.decision);

  /** Saves what waits; a change calls this, and the end of a pause. */
  async function wake() {
    show();
    if (!server || !server.writable || busy || stopped) return;
    if (!fetched) { await fetchDecisions(); return; }
    const entry = waiting()[0];
    if (!entry) return;
    busy = true;
    try {
      await send(entry);
    } catch {
      again("The server does not answer.");
    }
    busy = false;
    if (!stopped) wake();
  }

  async function send(entry) {
    const { decision } = entry, id = decision.item;
    const reply = await ask("api/decisions/" + id, {
      method: "PUT", body: JSON.stringify(decision),
      headers: { "Content-Type": "application/json", "If-Match": '"' + entry.known + '"' },
    }).catch((error) => {
      lost.set(id, decision.time);
      throw error;
    });
    // Another reviewer has the page now. The decision waits in the browser until its own one comes back.
    if (decision.reviewer !== Decisions.reviewer) return;
    const now = Decisions.entry(id);
    if (reply.ok) {
      const { revision } = await reply.json();
      pause = 0;
      // The reviewer may have changed the decision while this one travelled.
      if (now.decision === decision) {
        await Decisions.keep(id, { ...now, decision: { ...decision, revision }, unsaved: false, known: revision });
      } else {
        await Decisions.keep(id, { ...now, known: revision });
      }
    } else if (reply.status === 409) {
      const stored = (await reply.json()).decision;
      if (!stored) {
        // Somebody removed the file, so there is nothing to replace.
        await Decisions.keep(id, { ...now, known: 0 });
        return;
      }
      const isSame = stored.time === decision.time && stored.verdict === decision.verdict;
      if (isSame || stored.time === lost.get(id)) {
        // The server saved this decision, or the one before it, and its answer was lost on the way.
        const saved = isSame && now.decision === decision;
        lost.delete(id);
        await Decisions.keep(id, { ...now, unsaved: !saved, known: stored.revision });
        return;
      }
      refused.set(id, now.decision);
      Dialogs.conflict(now.decision, stored, async (mine) => {
        refused.delete(id);
        if (mine) await Decisions.keep(id, { ...Decisions.entry(id), known: stored.revision });
        else {
          await Decisions.take(stored, stored.revision, false);
          Page.renew(id);
        }
        wake();
      });
    } else if ([400, 404, 413, 422].includes(reply.status)) {
      refused.set(id, decision);
      Announce.problem("Not saved: " + await message(reply) + " The decision stays in this browser.");
    } else {
      await fail(reply);
    }
  }

  function show() {
    const saved = Base.byId("saved"), banner = Base.byId("banner");
    const count = Decisions.unsaved().length;
    let text, state;
    if (!server || !server.writable) {
      text = "Kept in this browser";
      state = "local";
    } else if (count) {
      text = count.toLocaleString("en") + " not saved";
      state = "waiting";
    } else {
      text = stopped ? "No server" : "All saved";
      state = stopped ? "waiting" : "saved";
    }
    saved.dataset.state = state;
    Base.byId("saved-text").textContent = text;
    const problem = server && stopped ? stopped : "";
    if (banner.textContent !== problem) banner.textContent = problem;
    banner.hidden = !problem;
  }

  addEventListener("beforeunload", (event) => {
    if (server && server.writable && Decisions.unsaved().length) event.preventDefault();
  });
  addEventListener("online", () => { if (stopped) { clearTimeout(timer); stopped = null; wake(); } });

  return {
    open, fetchDecisions, wake, show,
    get reviewers() { return server?.reviewers ?? []; },
    get hasServer() { return Boolean(server && server.writable); },
  };
})();
