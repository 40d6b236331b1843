// Writes the settings on screen into the address, once they have rested: a link then reproduces the screen. The history keeps one
// entry however far a slider is dragged, which is why this is not left to Streamlit's own query parameters.

let timer = 0;

export default function ({ data, parentElement }) {
  const said = newest(data, parentElement);
  if (!said) return undefined;
  const [page, query] = said;
  clearTimeout(timer);
  const mine = timer = setTimeout(() => {
    const here = window.location;
    if (here.pathname.endsWith(`/${page}`) && here.search !== `?${query}`) {
      window.history.replaceState(window.history.state, "", `${here.pathname}?${query}`);
    }
  }, 400);
  return () => clearTimeout(mine);
}
