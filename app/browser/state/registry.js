// Where the two components of a workbench find each other: name of the view → {live, message}. It is global, since each
// component loads its modules from an address of its own, and a variable of a module would be two.
//
// `live` is the view's facade (public_api.js), there while the view is mounted; `message` is what Python said last, there
// from its first answer on. Either may come first.

const registry = (globalThis.heatLive ??= new Map());

/** A workbench is there; returns what Python said last to a view of that name. */
export function publish(name, live) {
  const entry = registry.get(name) ?? {};
  registry.set(name, Object.assign(entry, { live }));
  return entry.message;
}

/** A workbench is gone, unless another one took its name meanwhile. */
export function withdraw(name, live) {
  if (registry.get(name)?.live === live) registry.delete(name);
}

/** Python's answer reaches the view that it names, now or once it is there. */
export function deliver(message) {
  const entry = registry.get(message.view) ?? {};
  registry.set(message.view, Object.assign(entry, { message }));
  entry.live?.receive(message);
}
