// The way back: what Python answers reaches the live view of the same name, whichever of the two is mounted first.

export default function ({ data }) {
  const registry = (globalThis.heatLive ??= new Map());
  const entry = registry.get(data.view) ?? {};
  registry.set(data.view, Object.assign(entry, { message: data }));
  if (entry.live) entry.live.receive(data);
}
