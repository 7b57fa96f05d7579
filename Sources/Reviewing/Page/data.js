// The files of the review: scripts with one call each, since a page from disk may load nothing else.
const Data = (() => {
  const waiting = new Map();   // address of a script → what its call gave
  // ID of an item or a video → a promise; the oldest first.
  const details = new Map(), pictures = new Map(), videos = new Map();
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

  /** Reads a value once and keeps some of them; what could not be read is tried again the next time. */
  function once(values, id, kept, read) {
    if (!values.has(id)) {
      const promise = read();
      values.set(id, promise);
      promise.catch(() => { if (values.get(id) === promise) values.delete(id); });
      if (values.size > kept) values.delete(values.keys().next().value);
    }
    return values.get(id);
  }

  /** The masks and facts of an item. */
  const item = (place) => once(details, queue.id[place], 24, () => load("items/" + queue.id[place] + ".js"));

  const video = (place) => once(videos, review.videos[place].id, 24, () => load("videos/" + review.videos[place].id + ".js"));

  /** The picture of an item as an element of its own, once all of it is there. */
  const picture = (place) => once(pictures, queue.id[place], 3, () => new Promise((resolve, reject) => {
    const image = new Image(), path = queue.image[place], wanted = queue.width[place] + " × " + queue.height[place];
    image.decoding = "sync";
    image.onload = () => {
      const size = image.naturalWidth + " × " + image.naturalHeight;
      if (size === wanted) resolve(image);
      else reject(new Error(path + " has " + size + " pixels, and its masks " + wanted + ". Run mcdrl review again."));
    };
    image.onerror = () => reject(new Error(path + " cannot be read."));
    image.src = path;
  }));

  /** Reads what the next item needs before it is opened. */
  function prepare(place) {
    item(place).catch(() => {});
    picture(place).catch(() => {});
  }

  return {
    open, item, video, picture, prepare,
    get review() { return review; },
    get queue() { return queue; },
    siteName: (place) => queue.site[place] === null ? "" : review.sites[queue.site[place]].name,
    isHeldOut: (place) => queue.site[place] !== null && review.sites[queue.site[place]].held_out,
  };
})();
