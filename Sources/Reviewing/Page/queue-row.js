// A row of the queue. It shows no score before the decision, so that nothing sways the reviewer.
const QueueRow = (() => {
  function make(place, at, count) {
    const { queue } = Data, decision = Decisions.of(queue.id[place]);
    const verdict = decision ? Decisions.verdicts[decision.verdict] : null;
    const picture = Base.make("img", {
      src: queue.thumbnail[place] ?? queue.image[place], alt: "", loading: "lazy", decoding: "async",
      width: 56, height: 44, draggable: "false",
    });
    const facts = [queue.video[place] === null ? null : Base.seconds(queue.time[place]),
      Data.siteName(place), queue.group[place]];
    if (decision && queue.why[place] === 1) facts.push("confident control");
    const mark = Base.make("span", { class: "mark", title: verdict ? verdict.label : "To do" });
    mark.dataset.verdict = decision ? decision.verdict : "open";
    if (verdict) mark.append(Base.icon(verdict.icon));
    mark.append(Base.make("span", { class: "hidden", text: verdict ? verdict.label : "to do" }));
    const row = Base.make("div", {
      class: "row", role: "option", id: "row-" + queue.id[place], "aria-posinset": at + 1, "aria-setsize": count,
      title: queue.file[place],
    }, picture, Base.make("span", { class: "names" },
      Base.make("span", { class: "file", text: queue.file[place] }),
      Base.make("span", { class: "faint", text: facts.filter(Boolean).join(" · ") })), mark);
    row.dataset.place = at;
    return row;
  }

  return { make };
})();
