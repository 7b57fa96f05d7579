// Name, help, and a decision that two windows changed.
const Dialogs = (() => {
  const form = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N} ._'-]{0,38}[\p{L}\p{M}\p{N}_'-])?$/u;

  /** Asks for the reviewer's name; without `must` the dialog can be left. */
  function name(known, must) {
    const dialog = Base.byId("name-dialog"), field = Base.byId("name"), problem = Base.byId("name-problem");
    field.value = Decisions.reviewer ?? "";
    problem.textContent = "";
    Base.byId("names").replaceChildren(...known.map((value) => Base.make("option", { value })));
    Base.byId("name-cancel").hidden = must;
    dialog.showModal();
    return new Promise((resolve) => {
      const submit = (event) => {
        event.preventDefault();
        const value = field.value.trim().normalize("NFC");
        if (!form.test(value)) {
          problem.textContent = "Use 1 to 40 letters, digits, blanks and . _ - '";
          field.setAttribute("aria-invalid", "true");
          field.focus();
          return;
        }
        field.removeAttribute("aria-invalid");
        end(value);
      };
      const leave = (event) => { event.preventDefault(); if (!must) end(null); };
      const cancel = () => end(null);
      const end = (value) => {
        dialog.querySelector("form").removeEventListener("submit", submit);
        dialog.removeEventListener("cancel", leave);
        Base.byId("name-cancel").removeEventListener("click", cancel);
        dialog.close();
        resolve(value);
      };
      dialog.querySelector("form").addEventListener("submit", submit);
      dialog.addEventListener("cancel", leave);
      Base.byId("name-cancel").addEventListener("click", cancel);
    });
  }

  function describe(decision) {
    const parts = [Decisions.verdicts[decision.verdict]?.label ?? "Withdrawn",
      new Date(decision.time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" })];
    if (decision.class) parts.push(decision.class);
    for (const mask of decision.masks ?? []) {
      const [height, width] = mask.size;
      parts.push(mask.layer + " " +
        Base.percent(Masks.area(Masks.decode(mask.counts, width, height)) / (width * height)));
    }
    if (decision.comment) parts.push("“" + decision.comment + "”");
    return parts.join(" · ");
  }

  // One question at a time; the others wait.
  const conflicts = [];

  /** Shows both decisions, and calls `choose` with true for the one of this window. */
  function conflict(mine, stored, choose) {
    conflicts.push({ mine, stored, choose });
    if (conflicts.length === 1) askNext();
  }

  function askNext() {
    const { mine, stored, choose } = conflicts[0];
    const dialog = Base.byId("conflict-dialog");
    const place = Data.queue.place.get(mine.item);
    Base.byId("conflict-file").textContent = Data.queue.file[place];
    Base.byId("conflict-mine").textContent = describe(mine);
    Base.byId("conflict-stored").textContent = describe(stored);
    const once = (id, value) => {
      Base.byId(id).onclick = () => {
        dialog.close();
        conflicts.shift();
        choose(value);
        if (conflicts.length) askNext();
      };
    };
    once("keep-mine", true);
    once("keep-stored", false);
    dialog.oncancel = (event) => event.preventDefault();
    dialog.showModal();
    Base.byId("keep-stored").focus();
  }

  /** Fills the help from the list of keys. */
  function help(actions) {
    const groups = new Map();
    for (const action of actions) {
      if (!groups.has(action.group)) groups.set(action.group, []);
      groups.get(action.group).push(action);
    }
    Base.byId("help-keys").replaceChildren(...[...groups].map(([name, list]) => Base.make("section", {},
      Base.make("h3", { text: name }),
      Base.make("dl", { class: "keys" }, ...list.flatMap((action) => [
        Base.make("dt", {}, ...action.keys.flatMap((key, index) =>
          index ? [" ", Base.make("kbd", { text: key })] : [Base.make("kbd", { text: key })])),
        Base.make("dd", { text: action.text }),
      ])))));
    Base.byId("help-dialog").showModal();
  }

  return { name, conflict, help };
})();
