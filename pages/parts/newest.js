// Stands before every script of a component that is given data. Streamlit imports the script anew for each change of the data, and a
// browser ends imports of a script that is still loading in any order: what came last might be drawn first, and then drawn over.

const drawnAt = new WeakMap();

// Returns what `packed` in newest.py was given; undefined when this element has drawn something newer already.
function newest(bytes, element) {
  const [key, at, data] = JSON.parse(new TextDecoder().decode(bytes));
  const last = drawnAt.get(element);
  if (last && last.key === key && at < last.at && last.at - at < 60_000) return undefined;  // further back, a clock was put right
  drawnAt.set(element, { key, at });
  return data;
}

