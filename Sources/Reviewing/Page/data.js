// The files of the review: scripts with one call each, since a page from disk may load nothing else.
const Data = (() => {
  const waiting = new Map();   // address of a script → what its call gave
  const details = new Map();   // ID of an item → its details, or a promise of them; the oldest first
  const kept = 24;
  let review = null, queue = null;

  const receive = (key) => (value) => waiting.set(key(value), value);
  window.mcdrlReview = receive(() => "review.js");
  window.mcdrlReviewQueue = receive(() => "queue.js");
  window.mcdrlReviewItem = receive((value) => "items/" + value.id + ".js");
  window.mcdrlReviewVideo = receive((value) => "videos/" + value.id + ".js");

  /** Runs a script of the folder and gives what its call received. */
  function load(path) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      const end = (work) => () => { script.remove(); work(); };
      script.onload = end(() => {
        const value = waiting.get(path);
        waiting.delete(path);
        if (value === undefined) reject(new Error(path + " is damaged. Run mcdrl review again."));
        else resolve(value);
      });
      script.onerror = end(() => reject(new Error(
        path + " cannot be read. Keep index.html in its folder" +
        (location.protocol === "file:" ? "." : ", and see whether the server runs."))));
      script.src = path;
      document.head.append(script);
    });
  }

  async function open() {
    review = await load("review.js");
    if (review.format !== 1) throw new Error(
      "review.js has format " + review.format + ", this page reads 1. Run mcdrl review again.");
    const columns = await load("queue.js");
    const count = columns.id.length;
    const empty = new Array(count).fill(null);
    queue = {};
    for (const [name, list] of Object.entries(columns)) queue[name] = list === null ? empty : list;
    queue.count = count;
    queue.place = new Map(columns.id.map((id, place) => [id, place]));
    for (const [name, list] of Object.entries(queue)) {
      if (Array.isArray(list) && list.length !== count) throw new Error(
        "queue.js has " + list.length + " values of " + name + " for " + count + " items.");
    }
  }

  /** The masks and facts of an item; they are read once and kept for a while. */
  function item(place) {
    const id = queue.id[place];
    if (!details.has(id)) {
      const promise = load("items/" + id + ".js");
      details.set(id, promise);
      promise.catch(() => details.delete(id));
      if (details.size > kept) details.delete(details.keys().next().value);
    }
    return details.get(id);
  }

  const videos = new Map();
  function video(place) {
    const id = review.videos[place].id;
    if (!videos.has(id)) videos.set(id, load("videos/" + id + ".js"));
    return videos.get(id);
  }

  /** Reads what the next item needs before it is opened. */
  function prepare(place) {
    item(place).catch(() => {});
    const picture = new Image();
    picture.src = queue.image[place];
  }

  return {
    open, item, video, prepare,
    get review() { return review; },
    get queue() { return queue; },
    siteName: (place) => queue.site[place] === null ? "" : review.sites[queue.site[place]].name,
    isHeldOut: (place) => queue.site[place] !== null && review.sites[queue.site[place]].held_out,
  };
})();
