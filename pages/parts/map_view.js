// The map of a collection on a canvas: thousands of points in a few milliseconds, moved and zoomed without a rerun. Everything that is
// text of a document goes into text nodes: a chunk can say what it likes and nothing of it is parsed.

const HUES = [186, 32, 268, 212, 140, 356, 60, 310, 100, 235, 15, 165];

function make(parent) {
  const root = document.createElement("div");
  root.className = "map";
  for (const [tag, name] of [["canvas", "sheet"], ["div", "tip"], ["div", "keys"]]) {
    const node = document.createElement(tag);
    node.className = name;
    root.append(node);
  }
  root.querySelector("canvas").tabIndex = 0;
  parent.append(root);
  return { root, canvas: root.querySelector("canvas"), tip: root.querySelector(".tip"), keys: root.querySelector(".keys"),
    zoom: 1, cx: 0.5, cy: 0.5, only: null };
}

export default function ({ data: packed, parentElement, setTriggerValue }) {
  const began = performance.now();
  const data = newest(packed, parentElement);
  if (!data) return undefined;
  const view = parentElement.map || (parentElement.map = make(parentElement));
  const { root, canvas, tip, keys } = view;
  if (view.id !== data.id) Object.assign(view, { id: data.id, zoom: 1, cx: 0.5, cy: 0.5, only: null });
  const style = getComputedStyle(root);
  const color = (name) => style.getPropertyValue(name).trim();
  const light = color("--st-text-color") && luminance(color("--st-background-color")) > 0.5;
  const tint = (document) => (document < HUES.length ? `hsl(${HUES[document]} ${light ? 55 : 60}% ${light ? 40 : 66}%)` : color("--st-gray-color"));
  const rank = new Map(data.hits.map((row, i) => [row, i + 1]));
  let width = 0, height = 0;

  const px = (x) => width * (0.5 + (x - view.cx) * view.zoom * 0.94);
  const py = (y) => height * (0.5 - (y - view.cy) * view.zoom * 0.9);
  const shown = (i) => view.only === null || data.d[i] === view.only;

  function paint() {
    const ratio = window.devicePixelRatio || 1;
    width = canvas.clientWidth; height = canvas.clientHeight;
    canvas.width = width * ratio; canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const size = Math.max(1.6, Math.min(4.5, 150 / Math.sqrt(data.x.length))) * Math.min(2, Math.sqrt(view.zoom));
    for (let document = -1; document < data.documents.length; document++) {
      if (document === -1) { pen.fillStyle = color("--st-border-color"); pen.globalAlpha = 0.6; }
      else { pen.fillStyle = tint(document); pen.globalAlpha = 0.72; }
      pen.beginPath();
      for (let i = 0; i < data.x.length; i++) {
        if (document === -1 ? shown(i) : data.d[i] !== document || !shown(i)) continue;
        const x = px(data.x[i]), y = py(data.y[i]);
        if (x < -9 || y < -9 || x > width + 9 || y > height + 9) continue;
        pen.moveTo(x + size, y);
        pen.arc(x, y, size, 0, 6.284);
      }
      pen.fill();
    }
    pen.globalAlpha = 1;
    pen.font = `600 11px ${color("--st-font") || "sans-serif"}`;
    for (const [row, place] of [...rank].reverse()) mark(pen, px(data.x[row]), py(data.y[row]), place);
    if (data.question) star(pen, px(data.question[0]), py(data.question[1]));
    root.dataset.painted = String(Math.round(performance.now() - began));
  }

  function mark(pen, x, y, place) {
    pen.beginPath(); pen.arc(x, y, 7.5, 0, 6.284);
    pen.lineWidth = 2; pen.strokeStyle = color("--st-text-color"); pen.stroke();
    pen.lineWidth = 3; pen.strokeStyle = color("--st-background-color"); pen.fillStyle = color("--st-text-color");
    pen.strokeText(place, x + 9, y - 6); pen.fillText(place, x + 9, y - 6);
  }

  function star(pen, x, y) {
    pen.beginPath();
    for (let k = 0; k < 10; k++) {
      const r = k % 2 ? 5 : 12, a = (k * Math.PI) / 5 - Math.PI / 2;
      pen[k ? "lineTo" : "moveTo"](x + r * Math.cos(a), y + r * Math.sin(a));
    }
    pen.closePath();
    pen.fillStyle = color("--st-red-color"); pen.fill();
    pen.lineWidth = 1.5; pen.strokeStyle = color("--st-background-color"); pen.stroke();
  }

  function nearest(event) {
    const box = canvas.getBoundingClientRect(), mx = event.clientX - box.left, my = event.clientY - box.top;
    let best = -1, reach = 144;
    for (let i = 0; i < data.x.length; i++) {
      if (!shown(i)) continue;
      const dx = px(data.x[i]) - mx, dy = py(data.y[i]) - my, far = dx * dx + dy * dy - (rank.has(i) ? 60 : 0);
      if (far < reach) { reach = far; best = i; }
    }
    return best;
  }

  function tell(event) {
    const i = nearest(event);
    tip.classList.toggle("on", i >= 0);
    canvas.style.cursor = i >= 0 ? "pointer" : "grab";
    if (i < 0) return;
    const head = document.createElement("b"), where = document.createElement("span"), text = document.createElement("div");
    head.textContent = data.documents[data.d[i]];
    where.textContent = [data.pages[i], rank.has(i) ? `hit ${rank.get(i)}` : ""].filter(Boolean).join(" · ");
    text.textContent = data.t[i];
    tip.replaceChildren(head, where, text);
    const box = canvas.getBoundingClientRect(), mx = event.clientX - box.left, my = event.clientY - box.top;
    tip.style.left = `${Math.max(0, Math.min(mx + 14, width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${my + 18 + tip.offsetHeight > height ? Math.max(0, my - tip.offsetHeight - 12) : my + 18}px`;
  }

  let from = null;
  canvas.onpointerdown = (event) => { from = [event.clientX, event.clientY, view.cx, view.cy, false]; canvas.setPointerCapture(event.pointerId); };
  canvas.onpointermove = (event) => {
    if (!from) return tell(event);
    const dx = event.clientX - from[0], dy = event.clientY - from[1];
    if (Math.abs(dx) + Math.abs(dy) > 4) from[4] = true;
    view.cx = from[2] - dx / (width * view.zoom * 0.94); view.cy = from[3] + dy / (height * view.zoom * 0.9);
    tip.classList.remove("on");
    requestAnimationFrame(paint);
  };
  canvas.onpointerup = (event) => {
    const moved = from && from[4];
    from = null;
    if (moved) return;
    const i = nearest(event);
    if (i >= 0) setTriggerValue("pick", String(i));
  };
  canvas.onpointerleave = () => tip.classList.remove("on");
  canvas.onwheel = (event) => {
    event.preventDefault();
    const box = canvas.getBoundingClientRect(), fx = (event.clientX - box.left) / width - 0.5, fy = 0.5 - (event.clientY - box.top) / height;
    const before = view.zoom;
    view.zoom = Math.min(40, Math.max(1, view.zoom * Math.exp(-event.deltaY / 400)));
    view.cx += (fx / 0.94) * (1 / before - 1 / view.zoom); view.cy += (fy / 0.9) * (1 / before - 1 / view.zoom);
    requestAnimationFrame(paint);
  };
  canvas.ondblclick = () => { Object.assign(view, { zoom: 1, cx: 0.5, cy: 0.5 }); paint(); };

  function legend() {
    keys.replaceChildren(...data.documents.slice(0, HUES.length).map((name, at) => {
      const button = document.createElement("button"), dot = document.createElement("i");
      button.type = "button";
      dot.style.background = tint(at);
      button.append(dot, name);
      button.title = name;
      button.setAttribute("aria-pressed", String(view.only === at));
      button.onclick = () => { view.only = view.only === at ? null : at; legend(); paint(); };
      return button;
    }));
    if (data.documents.length > HUES.length) keys.append(`and ${data.documents.length - HUES.length} more in grey`);
  }

  legend();
  paint();
  view.watch?.disconnect();  // of the data before
  const watch = view.watch = new ResizeObserver(() => { if (canvas.clientWidth !== width) paint(); });
  watch.observe(canvas);
  return () => watch.disconnect();
}

function luminance(value) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.fillStyle = value;
  const n = parseInt(pen.fillStyle.slice(1), 16);
  return (0.299 * (n >> 16) + 0.587 * ((n >> 8) & 255) + 0.114 * (n & 255)) / 255;
}
