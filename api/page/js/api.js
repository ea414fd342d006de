// Requests to the server; a refusal becomes an Error whose message is the server's own sentence.

async function answer(response) {
  const text = await response.text();
  let content = null;
  try { content = text ? JSON.parse(text) : null; } catch { /* said below */ }
  if (!response.ok) throw new Error(content?.detail ?? `${response.status} ${response.statusText}`);
  if (content === null && text) throw new Error(`${response.url}: not JSON`);
  return content;
}

export const get = async (path, signal) =>
  answer(await fetch(path, { headers: { Accept: "application/json" }, signal }));

export const post = async (path, body) =>
  answer(await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }));

export const query = (path, parameters) => `${path}?${new URLSearchParams(parameters)}`;

/** Elements without markup in strings: what comes from data is only ever text. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
