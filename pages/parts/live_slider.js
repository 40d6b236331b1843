// A range input that reports while it is dragged, at most every `throttle` ms, and at every arrow key.
// While the user moves it, values that come back from the server are older than his: they are not put into the input.

export default function ({ data: packed, parentElement, setStateValue }) {
  const data = newest(packed, parentElement);
  if (!data) return;
  const input = parentElement.querySelector("input");
  const output = parentElement.querySelector("output");
  const show = () => {
    const value = Number(input.value);
    output.textContent = value.toFixed(data.decimals) + data.unit;
    const share = (value - data.min) / ((data.max - data.min) || 1);
    input.style.setProperty("--share", `${share * 100}%`);
  };
  parentElement.querySelector(".name").textContent = data.label;
  const hint = parentElement.querySelector(".hint");
  hint.textContent = data.hint;
  const mark = parentElement.querySelector(".default");
  mark.hidden = data.mark === null;
  if (data.mark !== null) mark.style.setProperty("--at", (data.mark - data.min) / ((data.max - data.min) || 1));
  mark.title = data.mark_title;
  Object.assign(input, { min: data.min, max: data.max, step: data.step, disabled: data.disabled });
  input.setAttribute("aria-label", data.label);
  if (!input.moving && (!input.last || performance.now() - input.last > 700)) input.value = data.value;
  show();

  const send = () => { input.last = performance.now(); setStateValue("value", Number(input.value)); };
  input.oninput = () => {
    show();
    clearTimeout(input.timer);
    const wait = data.throttle - (performance.now() - (input.last || 0));
    if (wait <= 0) send(); else input.timer = setTimeout(send, wait);
  };
  input.onpointerdown = () => { input.moving = true; };
  input.onpointerup = input.onpointercancel = () => { input.moving = false; };
}
