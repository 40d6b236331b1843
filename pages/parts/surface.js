// Draws the tree that safe_text.draw sends. Texts become text nodes and attributes come from a list without addresses, styles
// or handlers, so nothing in the tree can load, run or link anything. Parts that did not change keep their DOM: no flicker.

const HTML = new Set(["div", "span", "p", "mark", "button", "strong", "em", "small", "br", "ol", "ul", "li", "h3", "h4", "table",
  "thead", "tbody", "tr", "th", "td", "details", "summary", "section", "header", "pre", "code", "b", "sup"]);
const SVG = new Set(["svg", "g", "rect", "line", "circle", "text", "path", "polyline", "title"]);
const ATTRIBUTES = new Set(["title", "role", "tabindex", "aria-label", "aria-hidden", "aria-pressed", "aria-current", "data-pick", "data-toggle",
  "data-id", "data-from", "data-words", "scope", "start", "open", "disabled", "colspan", "viewBox", "preserveAspectRatio", "x", "y", "x1", "x2", "y1", "y2", "cx",
  "cy", "r", "rx", "width", "height", "points", "d", "text-anchor", "transform"]);

function build(spec) {
  if (typeof spec === "string") return document.createTextNode(spec);
  const [tag, attributes, ...children] = spec;
  const [name, ...classes] = tag.split(".");
  const svg = SVG.has(name);
  if (!svg && !HTML.has(name)) return document.createTextNode("");
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  if (classes.length) node.setAttribute("class", classes.join(" "));
  if (name === "button") node.type = "button";
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "w") node.style.width = `${Number(value)}%`;
    else if (key === "l") node.style.left = `${Number(value)}%`;
    else if (key === "scroll") node.dataset.scroll = "1";
    else if (key === "bring") node.dataset.bring = value;
    else if (ATTRIBUTES.has(key)) node.setAttribute(key, value);
  }
  for (const child of children) node.append(build(child));
  return node;
}

// Changes a node into what `spec` says, part by part, so that a selection, a hover and an open fold outlive a redraw.
function patch(node, old, spec) {
  if (old === spec) return;
  const same = Array.isArray(old) && Array.isArray(spec) && old[0] === spec[0]
    && JSON.stringify(old[1]) === JSON.stringify(spec[1]);
  if (!same) {
    if (typeof old === "string" && typeof spec === "string") node.nodeValue = spec;
    else node.replaceWith(build(spec));
    return;
  }
  const children = [...node.childNodes];
  for (let i = 2; i < spec.length; i++) {
    if (i < old.length) {
      if (JSON.stringify(old[i]) !== JSON.stringify(spec[i])) patch(children[i - 2], old[i], spec[i]);
    } else node.append(build(spec[i]));
  }
  children.slice(spec.length - 2).forEach((child) => child.remove());
}

function scrollToMark(root) {
  const target = root.querySelector("[data-scroll]");
  const box = target && target.closest(".scroller");
  if (box) box.scrollTop += target.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 3;
}

// Brings what was just asked into view, once for each id: Streamlit keeps to the bottom only where the page is there already.
function bringIntoView(root) {
  const brought = (window.workbenchBrought ||= new Set());
  const id = root.querySelector("[data-bring]")?.dataset.bring;
  if (!id || brought.has(id)) return;
  brought.add(id);
  const bring = () => {
    const node = root.querySelector("[data-bring]");
    if (!node || node.dataset.bring !== id) return;
    const { top } = node.getBoundingClientRect();
    if (top < 0 || top > window.innerHeight * 0.6) node.scrollIntoView({ block: "start" });
  };
  requestAnimationFrame(bring);
  setTimeout(bring, 500);  // what stands above may have changed its height meanwhile
}

// The range that is selected in the tree of this surface; undefined when none is. Selections do not cross a shadow root by themselves.
function selectedRange(root) {
  const tree = root.getRootNode();
  const selection = tree.getSelection ? tree.getSelection() : document.getSelection();
  const [found] = selection.getComposedRanges?.({ shadowRoots: [tree] }) ?? [];
  const part = found || (selection.rangeCount ? selection.getRangeAt(0) : undefined);
  if (!part || !root.contains(part.startContainer) || !root.contains(part.endContainer)) return undefined;
  const range = document.createRange();
  range.setStart(part.startContainer, part.startOffset);
  range.setEnd(part.endContainer, part.endOffset);
  return range.collapsed ? undefined : range;
}

const length = (text) => [...text].length;  // in characters, as Python counts them: a pair of surrogates is one

// The words that are selected inside the text of one card, as offsets into that text; undefined when something else is selected as
// well. A text that begins in the middle says where (data-from), and marks part it into many nodes.
function selectedWords(root) {
  const range = selectedRange(root);
  if (!range) return undefined;
  let text, from, to, at = 0;
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT, (node) =>
    (node.parentElement.getClientRects().length ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_REJECT));
  let counted;  // the text that `at` counts in
  while (walk.nextNode()) {
    const node = walk.currentNode, whole = node.nodeValue;
    const own = node.parentElement.closest("[data-from]");
    if (own !== counted) [counted, at] = [own, own ? Number(own.dataset.from) : 0];
    if (range.intersectsNode(node)) {
      const start = node === range.startContainer ? range.startOffset : 0;
      const end = node === range.endContainer ? range.endOffset : whole.length;
      if (whole.slice(start, end).replace("…", "").trim()) {
        if (!own || (text && text !== own)) return undefined;
        if (!text) [text, from] = [own, at + length(whole.slice(0, start))];
        to = at + length(whole.slice(0, end));
      }
    }
    at += length(whole);
  }
  const card = text?.closest(".card");
  return card?.querySelector("[data-words]") ? { card, from, to } : undefined;
}

// Shows the action for selected words at the card where they are, for as long as they are selected.
function followSelection(root) {
  if (root.following || !root.querySelector("[data-words]")) return;
  root.following = true;
  const follow = () => {
    if (!root.isConnected) return document.removeEventListener("selectionchange", follow);
    const card = selectedWords(root)?.card;
    root.querySelectorAll(".card.selecting").forEach((each) => each === card || each.classList.remove("selecting"));
    card?.classList.add("selecting");
  };
  document.addEventListener("selectionchange", follow);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const nodes = newest(data, parentElement);
  if (!nodes) return;
  let root = parentElement.querySelector(".surface");
  if (!root) {
    root = document.createElement("div");
    root.className = "surface";
    parentElement.append(root);
  }
  root.onclick = (event) => {
    const target = event.target.closest("[data-pick], [data-toggle], [data-words]");
    if (!target) return;
    if (target.dataset.words) {
      const words = selectedWords(root);
      if (words) setTriggerValue("pick", `${target.dataset.words}:${words.from}:${words.to}`);
      document.getSelection().removeAllRanges();
    } else if (target.dataset.toggle) target.closest(`.${target.dataset.toggle}`).classList.toggle("open");
    else setTriggerValue("pick", target.dataset.pick);
  };
  root.onmousedown = (event) => {  // a press would take the selection away that it is about
    if (event.target.closest("[data-words]")) event.preventDefault();
  };
  root.onmouseover = (event) => {  // a tip stays inside the window
    const marker = event.target.closest(".marker");
    if (!marker) return;
    const place = marker.getBoundingClientRect();
    marker.classList.toggle("low", place.top < 220);
    marker.classList.toggle("end", place.left > window.innerWidth - 420);
  };
  let changed = false;
  const known = root.specs || [];
  nodes.forEach((spec, i) => {
    const old = root.childNodes[i];
    if (!old) root.append(build(spec));
    else if (JSON.stringify(known[i]) === JSON.stringify(spec)) return;
    else patch(old, known[i], spec);
    changed = true;
  });
  root.specs = nodes;
  while (root.childNodes.length > nodes.length) root.lastChild.remove();
  if (changed) requestAnimationFrame(() => scrollToMark(root));
  bringIntoView(root);
  followSelection(root);
}
