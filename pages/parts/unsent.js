// Keeps what stands in the field for questions and was not sent: another page takes the field away, and a reload its words. They stay
// in this tab and go to no server.

const FIELD = "[data-testid=stChatInputTextArea]";
const KEPT = "workbench.unsent";
const LONGEST_WAIT_MS = 10_000;

export default function () {
  const began = performance.now();
  let field = null, frame = 0;

  const keep = () => {
    field = document.querySelector(FIELD) ?? field;  // gone already when the page is left, with its words still in it
    if (field) sessionStorage.setItem(KEPT, field.value);
  };
  const typed = (event) => { if (event.target.matches?.(FIELD)) keep(); };

  const giveBack = () => {
    field = document.querySelector(FIELD);
    if (!field) {
      if (performance.now() - began < LONGEST_WAIT_MS) frame = requestAnimationFrame(giveBack);
      return;
    }
    const words = sessionStorage.getItem(KEPT);
    if (words && !field.value && !field.disabled) {
      Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(field, words);
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  };

  giveBack();
  document.addEventListener("input", typed);
  window.addEventListener("pagehide", keep);
  return () => {
    cancelAnimationFrame(frame);
    keep();
    document.removeEventListener("input", typed);
    window.removeEventListener("pagehide", keep);
  };
}
