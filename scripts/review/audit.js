// Runs in the page: what a screen reader and a tired eye would miss. Gives a list of sentences.
(() => {
  const problems = [];
  const name = (element) => element.tagName.toLowerCase() + (element.id ? "#" + element.id : "") +
    (element.className && element.className.baseVal === undefined ? "." + element.className : "");
  const visible = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
    !element.closest(".hidden, dialog:not([open])");

  // Every control has a name, and can be reached.
  for (const element of document.querySelectorAll("button, input, select, textarea, [role=listbox], [role=slider], [role=application]")) {
    const text = element.getAttribute("aria-label") || element.innerText ||
      [...(element.labels ?? [])].map((label) => label.innerText || label.textContent).join("") ||
      (element.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent).join("");
    if (!text.trim()) problems.push(name(element) + " has no name");
  }
  for (const image of document.images) if (!image.hasAttribute("alt")) problems.push(name(image) + " has no alt");
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) problems.push("id " + id + " is there twice");
  for (const element of document.querySelectorAll("[aria-labelledby], [aria-controls], [aria-describedby], [aria-activedescendant]")) {
    for (const attribute of ["aria-labelledby", "aria-controls", "aria-describedby", "aria-activedescendant"]) {
      const id = element.getAttribute(attribute);
      if (id && !document.getElementById(id)) problems.push(name(element) + " names " + id + ", which is missing");
    }
  }

  // Contrast of text by WCAG 2: 4.5, of large text 3.
  const parse = (text) => { const all = text.match(/[\d.]+/g).map(Number); return all.length < 4 ? [...all, 1] : all; };
  const over = (top, below) => [0, 1, 2].map((part) => top[part] * top[3] + below[part] * (1 - top[3])).concat(1);
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const layers = [];
    for (let node = element; node; node = node.parentElement) layers.push(parse(getComputedStyle(node).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || seen.has(element) || !visible(element) || element.closest(":disabled, svg, noscript, script, style")) continue;
    seen.add(element);
    const style = getComputedStyle(element), below = ground(element);
    const colour = over(parse(style.color), below);
    const [high, low] = [light(colour), light(below)].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05), size = parseFloat(style.fontSize);
    const needed = size >= 24 || size >= 18.66 && style.fontWeight >= 700 ? 3 : 4.5;
    if (contrast < needed) problems.push(name(element) + " “" + walker.currentNode.data.trim().slice(0, 20) + "” has contrast " + contrast.toFixed(2));
  }

  // Nothing wider than the window, and fingers hit every button.
  if (document.documentElement.scrollWidth > innerWidth) problems.push("the page is " + document.documentElement.scrollWidth + " wide");
  if (innerWidth > 700 && document.documentElement.scrollHeight > innerHeight) problems.push("the page is higher than the window");
  for (const element of document.querySelectorAll("button")) {
    const box = element.getBoundingClientRect();
    if (visible(element) && box.width && (box.width < 24 || box.height < 24)) problems.push(name(element) + " is " + Math.round(box.width) + " × " + Math.round(box.height));
  }
  return problems;
})()
