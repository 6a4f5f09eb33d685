// Connects the two components of a workbench: name of the view → {live, message}. The registry is global, because each
// component loads its modules from addresses of its own and so has its own copy of a module's variables.
//
// `live` is the public interface of the mounted view (public_api.js); `message` is Python's last answer to the view.
// Either may arrive first.

globalThis.heatLive ??= new Map();
const registry = globalThis.heatLive;

/**
 * Registers a mounted view.
 * @param {string} name
 * @param {object} live - the public interface of the view
 * @returns {?object} Python's last answer to a view of this name
 */
export function registerView(name, live) {
  const entry = registry.get(name) ?? {};
  registry.set(name, Object.assign(entry, { live }));
  return entry.message;
}

/**
 * Removes a view, unless another view has been registered under its name meanwhile.
 * @param {string} name
 * @param {object} live - the public interface of the view
 */
export function unregisterView(name, live) {
  if (registry.get(name)?.live === live) registry.delete(name);
}

/**
 * Delivers Python's answer to the view that it names, now or when the view is registered.
 * @param {object} message
 */
export function deliverAnswer(message) {
  const entry = registry.get(message.view) ?? {};
  registry.set(message.view, Object.assign(entry, { message }));
  entry.live?.receive(message);
}
