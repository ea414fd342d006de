// Elements without a framework; text is always text, never markup.
export const byId = (id) => document.getElementById(id);

/** An element: h("button.quiet", {onclick}, "text", child…). */
export function h(kind, properties = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const node = document.createElement(tag || "div");
  node.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties)) {
    if (name === "style") node.style.cssText = value;
    else if (name === "data") Object.assign(node.dataset, value);
    else node[name] = value;
  }
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
}

/** At most one call in so many milliseconds, the last one always. */
export function throttled(call, ms) {
  let timer = null;
  return (...args) => {
    if (timer !== null) return;
    timer = setTimeout(() => { timer = null; call(...args); }, ms);
  };
}
