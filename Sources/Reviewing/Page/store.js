// What the browser keeps over a reload: decisions, drawn masks, the reviewer's name.
const Store = (() => {
  let database = null;
  const memory = { decisions: new Map(), drafts: new Map(), settings: new Map() };

  const wait = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

  /** Opens the database; false if the browser keeps nothing, and all is lost with the page. */
  async function open() {
    try {
      const request = indexedDB.open("mcdrl-review", 1);
      request.onupgradeneeded = () => {
        for (const name of Object.keys(memory)) request.result.createObjectStore(name);
      };
      database = await wait(request);
      database.onversionchange = () => database.close();
      return true;
    } catch {
      return false;
    }
  }

  const key = (...parts) => [Data.review.id, ...parts];

  /** Writes a value, or removes it if it is null, and waits until it is on the disk. */
  async function put(name, parts, value) {
    const place = key(...parts);
    if (!database) {
      if (value === null) memory[name].delete(JSON.stringify(place));
      else memory[name].set(JSON.stringify(place), value);
      return;
    }
    const transaction = database.transaction(name, "readwrite", { durability: "strict" });
    const store = transaction.objectStore(name);
    if (value === null) store.delete(place); else store.put(value, place);
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  }

  async function get(name, parts) {
    const place = key(...parts);
    if (!database) return memory[name].get(JSON.stringify(place)) ?? null;
    return (await wait(database.transaction(name).objectStore(name).get(place))) ?? null;
  }

  /** All decisions of a reviewer in this review. */
  async function decisions(reviewer) {
    if (!database) {
      return [...memory.decisions.values()].filter((entry) => entry.decision.reviewer === reviewer);
    }
    const range = IDBKeyRange.bound(key(reviewer), key(reviewer, []));
    return wait(database.transaction("decisions").objectStore("decisions").getAll(range));
  }

  return { open, put, get, decisions };
})();
