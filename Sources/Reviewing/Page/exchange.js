// Decisions as a file: the export, which is a COCO file, too, and its import.
const Exchange = (() => {
  const kind = "mcdrl review decisions";
  const fileName = () => "decisions-" + Decisions.reviewer.replaceAll(" ", "_") + ".json";

  async function contents() {
    const { review, queue } = Data;
    const categories = review.layers.map((name, place) => ({ id: place + 1, name }));
    const decisions = [], images = [], annotations = [];
    for (let place = 0; place < queue.count; place++) {
      const entry = Decisions.entry(queue.id[place]);
      const decision = entry && Decisions.of(queue.id[place]);
      if (!decision) continue;
      decisions.push(decision);
      const masks = await trueMasks(place, decision, entry);
      if (!masks) continue;
      const image = place + 1;
      images.push({
        id: image, file_name: queue.image[place], width: queue.width[place], height: queue.height[place],
        mcdrl_item: decision.item,
      });
      for (const mask of masks) {
        const [height, width] = mask.size;
        const pixels = Masks.decode(mask.counts, width, height);
        const box = Masks.bounds(pixels, width, height);
        if (!box) continue;
        annotations.push({
          id: annotations.length + 1, image_id: image, category_id: review.layers.indexOf(mask.layer) + 1,
          iscrowd: 1, area: Masks.area(pixels),
          bbox: [box.left, box.top, box.right - box.left, box.bottom - box.top],
          segmentation: { size: mask.size, counts: mask.counts },
        });
      }
    }
    return {
      format: 1, kind, review: review.id, title: review.title, reviewer: Decisions.reviewer,
      exported: new Date().toISOString(), decisions,
      info: { description: review.title, contributor: Decisions.reviewer },
      images, categories, annotations,
    };
  }

  async function trueMasks(place, decision, entry) {
    switch (decision.verdict) {
      case "correct": return decision.masks;
      case "no-lesion": return [];
      case "accept": return entry.masks ?? (await Data.item(place)).masks;
      default: return null;
    }
  }

  async function save() {
    Announce.say("Writing " + fileName() + ".");
    const content = await contents();
    const blob = new Blob([JSON.stringify(content, null, 1) + "\n"], { type: "application/json" });
    const link = Base.make("a", { href: URL.createObjectURL(blob), download: fileName() });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    Announce.say(Base.count(content.decisions.length, "decision") + " exported as " + fileName() +
      ". Put the file into the folder “decisions” of the review.");
  }

  /** Takes decisions of a file; the later one of two stays. */
  async function read(file) {
    const content = JSON.parse(await file.text());
    if (content.kind !== kind || content.format !== 1) throw new Error(
      file.name + " is no export of a review.");
    if (content.review !== Data.review.id) throw new Error(
      file.name + " belongs to another review: " + content.title + ".");
    if (content.reviewer !== Decisions.reviewer) throw new Error(
      file.name + " is by " + content.reviewer + ", and you are " + Decisions.reviewer +
      ". Change the name first.");
    let taken = 0;
    for (const decision of content.decisions) {
      if (!Data.queue.place.has(decision.item)) continue;
      const own = Decisions.entry(decision.item);
      if (own && own.decision.time >= decision.time) continue;
      await Decisions.take(decision, own ? own.known : 0, true);
      taken++;
    }
    Announce.say(Base.count(taken, "decision") + " taken from " + file.name + ".");
    Sync.wake();
  }

  return { save, read };
})();
