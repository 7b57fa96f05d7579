// Small helpers that every other file uses.
const Base = (() => {
  const byId = (id) => document.getElementById(id);

  /** Makes an element; `text`, `on…` and `aria…` are understood, everything else is an attribute. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name === "text") element.textContent = value;
      else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  }

  /** One of the icons that the page's markup defines. */
  function icon(name) {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    const use = document.createElementNS(space, "use");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", "#i-" + name);
    svg.append(use);
    return svg;
  }

  const percent = (share) => {
    if (share === null || share === undefined) return "not known";
    const value = share * 100;
    return (value > 0 && value < 0.1 ? "under 0.1" : value.toFixed(value < 10 ? 1 : 0)) + " %";
  };

  const number = (value) => value === null || value === undefined ? "not known" : value.toFixed(2);

  const count = (n, one, many = one + "s") => n.toLocaleString("en") + " " + (n === 1 ? one : many);

  const seconds = (time) => {
    const minutes = Math.floor(time / 60);
    const rest = (time - minutes * 60).toFixed(1).padStart(4, "0");
    return minutes + ":" + rest;
  };

  function bytes(base64) {
    const text = atob(base64);
    const result = new Uint8Array(text.length);
    for (let place = 0; place < text.length; place++) result[place] = text.charCodeAt(place);
    return result;
  }

  /** A small hash of a text that is the same everywhere, for an order that looks like chance. */
  function hash(text) {
    let value = 2166136261;
    for (let place = 0; place < text.length; place++) {
      value = Math.imul(value ^ text.charCodeAt(place), 16777619);
    }
    return (value ^ (value >>> 13)) >>> 0;
  }

  /** Calls a function once, a while after the last of many calls. */
  function later(milliseconds, work) {
    let timer = 0;
    return (...values) => {
      clearTimeout(timer);
      timer = setTimeout(() => work(...values), milliseconds);
    };
  }

  /** Calls a function at most once a frame of the screen. */
  function onceAFrame(work) {
    let waits = false;
    return () => {
      if (waits) return;
      waits = true;
      requestAnimationFrame(() => { waits = false; work(); });
    };
  }

  return { byId, make, icon, percent, number, count, seconds, bytes, hash, later, onceAFrame };
})();
