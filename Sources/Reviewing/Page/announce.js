// What a screen reader says, and what appears for a moment below the picture.
const Announce = (() => {
  let timer = 0;

  function show(text, problem) {
    const toast = Base.byId("toast");
    toast.textContent = text;
    toast.dataset.problem = problem;
    toast.hidden = false;
    clearTimeout(timer);
    timer = setTimeout(() => { toast.hidden = true; }, problem ? 12000 : 3500);
  }

  function live(id, text) {
    const region = Base.byId(id);
    region.textContent = "";
    // A change after a pause is read out, even if it is the same text again.
    setTimeout(() => { region.textContent = text; }, 40);
  }

  return {
    say(text) { live("live", text); show(text, false); },
    /** Only for a screen reader. */
    whisper(text) { live("live", text); },
    problem(text) { live("alert", text); show(text, true); },
  };
})();
