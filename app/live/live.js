// The live view: β, threshold, histogram, map and selection, linked. The run comes once, as one block of bytes; what
// Python answers comes through a second, small component (state.js), so that the block is never sent again.

const BINS = 2048, HOVER_MS = 70;
const views = new WeakMap();
const registry = (globalThis.heatLive ??= new Map()); // name of the view → its live end, for state.js and measurements

/** Bytes: u32 length of a JSON header, the header padded to 4 bytes, then the arrays that it lists. */
export function unpack(bytes) {
  const whole = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const length = new DataView(whole).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, length)));
  const types = { f4: Float32Array, u4: Uint32Array, u2: Uint16Array, u1: Uint8Array };
  let at = 4 + length + ((4 - (length % 4)) % 4);
  for (const [name, type, count] of header.arrays) {
    header[name] = new types[type](whole, at, count);
    at += Math.ceil((header[name].byteLength) / 4) * 4;
  }
  return header;
}

export default function ({ data, parentElement: root, setTriggerValue }) {
  let view = views.get(root);
  if (!view) views.set(root, (view = new View(root)));
  view.send = setTriggerValue;
  view.load(data);
  return () => view.stop();
}

class View {
  constructor(root) {
    this.root = root;
    this.$ = (selector) => root.querySelector(selector);
    this.state = { beta: 0, threshold: null, taking: [], weights: null, colour: "dataset", off: [] };
    this.where = { zoom: 1, x: 0.5, y: 0.5 };
    this.tool = "lasso";
    this.dirty = new Set();
    this.thumbs = new Map();
    this.stats = { frames: [], score: 0, draw: 0 };
    this.adopted = -1;
    this.hovered = this.inspected = -1;
    wireControls(this);
    this.observer = new ResizeObserver(() => this.resize());
    for (const canvas of [".hist", ".map"]) this.observer.observe(this.$(canvas));
  }

  stop() {
    this.observer.disconnect();
    if (registry.get(this.run?.view)?.live === this) registry.delete(this.run.view);
  }

  // ---- what comes in ---------------------------------------------------------------------------------------------

  load(bytes) {
    this.theme();
    const run = unpack(bytes);
    if (this.run?.fingerprint !== run.fingerprint) {
      const known = this.run?.view === run.view;
      this.run = run;
      this.adopted = -1; // a further residual: Python's state is taken over again, with the selection
      this.scores = new Float32Array(run.n);
      this.selected = { bits: new Uint8Array(run.n), count: 0 };
      this.thumbs.clear();
      if (!known || this.state.taking.length !== run.k) Object.assign(this.state, { taking: run.priors.map(() => true), weights: null });
      setPriors(this);
      setRows(this);
      const entry = registry.get(run.view) ?? {};
      registry.set(run.view, Object.assign(entry, { live: this }));
      if (entry.message) this.receive(entry.message);
    }
    this.resize();
    this.show("score");
  }

  /** What Python says: the state to take over (when its version is new), exact numbers, a thumbnail. */
  receive(message) {
    if (message.version > this.adopted) {
      this.adopted = message.version;
      const { beta, threshold, taking, weights, colour, off, selection } = message.state;
      Object.assign(this.state, { beta: parse(beta), threshold, colour, off });
      if (taking.length === this.run.k) Object.assign(this.state, { taking, weights }); // else: said of fewer residuals
      if (selection !== undefined) this.adoptSelection(selection);
      setPriors(this);
      writeControls(this);
      this.adoptedSignature = this.signature();
      this.show("score");
    }
    this.exact = { ...message.exact, signature: message.exact.signature ?? this.adoptedSignature };
    if (message.thumb) this.thumbs.set(message.thumb.number, message.thumb);
    this.inspected = message.inspected === null ? -1 : this.run.number.indexOf(message.inspected);
    this.show("numbers");
    if (this.hovered >= 0 && message.thumb?.number === this.run.number[this.hovered]) showTip(this);
  }

  adoptSelection(text) {
    if (text) unpackBits(text, this.selected.bits);
    else this.selected.bits.fill(0);
    this.selected.count = this.selected.bits.reduce((a, b) => a + b, 0);
  }

  /** Names the composition: exact numbers belong to the one that they were asked for. */
  signature() {
    const { beta, taking, weights } = this.state;
    return JSON.stringify([number(beta), taking, weights && weights.map((w, j) => (taking[j] ? w : 1))]);
  }

  tell() {
    const s = this.state;
    this.send("view", JSON.stringify({ ...s, beta: String(s.beta), signature: this.signature() }));
  }

  // ---- drawing ---------------------------------------------------------------------------------------------------

  /** Ask for parts to be drawn at the next frame: "score" recomposes first, "map", "hist", "numbers", "over". */
  show(...parts) {
    for (const part of parts) this.dirty.add(part);
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = null;
    if (!this.run || !this.$(".hist").width) return;
    const dirty = this.dirty, began = performance.now();
    this.dirty = new Set();
    if (dirty.has("score")) this.rescore();
    const scored = performance.now();
    if (dirty.has("score") || dirty.has("hist")) this.drawHist();
    if (dirty.has("score") || dirty.has("map") || dirty.has("hist")) this.drawPoints();
    if (dirty.size) writeNumbers(this);
    this.drawOver();
    this.stats.score = scored - began;
    this.stats.draw = performance.now() - scored;
    this.stats.frames.push(performance.now());
    if (this.stats.frames.length > 600) this.stats.frames.shift();
  }

  rescore() {
    const { run, state } = this;
    const weights = state.taking.map((t, j) => (t ? (state.weights ? state.weights[j] : 1) : 0));
    compose(run.energies, run.n, run.k, state.beta, weights, this.scores);
    this.h = histogram(this.scores, run.set, run.sets.length, BINS);
    this.rough = binnedMetrics(this.h);
    this.auto = binnedThreshold(this.h);
  }

  get isExact() { return this.exact?.signature === this.signature(); }
  get line() { return this.state.threshold ?? (this.isExact ? this.exact.threshold : this.auto); }
  shown = (i) => this.visible[this.run.set[i]];

  drawHist() {
    const kept = this.state.threshold === null ? "95 % of ID" : `your line: keeps ${percent(this.keptShare())} % of ID`;
    const sets = this.run.sets.map((s, i) => ({ colour: s.colour, visible: this.visible[i] }));
    const canvas = this.$(".hist");
    drawHistogram(canvas, this.h, sets, this.line, kept, this.colours);
    canvas.setAttribute("aria-valuetext", `${this.line.toPrecision(3)}, ${kept}`);
  }

  keptShare() {
    const { set } = this.run, line = this.line;
    let kept = 0, all = 0;
    for (let i = 0; i < set.length; i++) if (!set[i]) (all++, (kept += this.scores[i] <= line));
    return kept / all;
  }

  drawPoints() {
    const { run, scores } = this, line = this.line;
    if (!run.map) return void (this.$(".key").textContent = "This run has no map yet.");
    const { set, seen } = run, h = this.h;
    const verdict = (i) => (set[i] ? 2 : 0) + (scores[i] > line ? 1 : 0);
    const looks = {
      dataset: { ...this.setPalette, colour: (i) => set[i] },
      class: { ...this.classPalette, colour: (i) => seen[i] % CLASS_COLOURS.length },
      verdict: { ...this.verdictPalette, colour: verdict, cross: (i) => verdict(i) === 2 || verdict(i) === 1 },
      score: { plain: ramp, faded: this.rampFaded, colour: (i) => h.at[i] >> 3 }, // 2048 bins, 256 colours
    };
    const look = { cross: () => false, shown: this.shown, ...looks[this.state.colour] };
    const background = { xy: this.state.off.includes("train") ? [] : run.background, colour: this.trainColour };
    drawMap(this.$(".map"), { n: run.n, xy: run.xy }, look, this.where, this.selected, background);
    writeKey(this);
  }

  /** The lasso while it is drawn, and rings around the point under the pointer and the inspected one. */
  drawOver() {
    const canvas = this.$(".over"), g = canvas.getContext("2d"), r = canvas.ratio;
    g.setTransform(r, 0, 0, r, 0, 0);
    g.clearRect(0, 0, canvas.width / r, canvas.height / r);
    g.strokeStyle = this.colours.text;
    g.lineWidth = 1.5;
    if (this.path) {
      g.setLineDash([5, 4]);
      g.beginPath();
      for (let i = 0; i < this.path.length; i += 2) g.lineTo(this.path[i], this.path[i + 1]);
      g.closePath();
      g.stroke();
      g.setLineDash([]);
    }
    const at = toScreen(this.$(".map"), this.where);
    for (const [i, radius] of [[this.hovered, 7], [this.inspected, 10]]) {
      if (i < 0 || !this.run.map) continue;
      const [x, y] = at(this.run.xy[2 * i], this.run.xy[2 * i + 1]);
      g.beginPath();
      g.arc(x, y, radius, 0, 2 * Math.PI);
      g.lineWidth = radius / 4;
      g.stroke();
    }
  }

  // ---- what a person does; controls.js and hands.js call it -----------------------------------------------------

  toggle(key) {
    const off = this.state.off;
    this.state.off = off.includes(key) ? off.filter((k) => k !== key) : [...off, key];
    this.show("hist");
    this.tell();
  }

  get visible() { return this.run.sets.map((s) => !this.state.off.includes(s.key)); }

  setBeta(beta) {
    this.state.beta = beta;
    writeControls(this);
    this.show("score");
  }

  setTool(tool) {
    this.tool = tool;
    this.$(".map").classList.toggle("pan", tool === "pan");
    for (const button of this.root.querySelectorAll("[data-tool]"))
      button.setAttribute("aria-checked", button.dataset.tool === tool);
  }

  pan(dx, dy) {
    const canvas = this.$(".map"), [x, y] = toMap(canvas, this.where, 0, 0), [u, v] = toMap(canvas, this.where, dx, dy);
    this.where.x -= u - x;
    this.where.y -= v - y;
    this.show("map");
  }

  zoom(how, at) {
    const canvas = this.$(".map"), w = this.where;
    if (how === "all") this.where = { zoom: 1, x: 0.5, y: 0.5 };
    else {
      const [px, py] = at ?? [canvas.clientWidth / 2, canvas.clientHeight / 2], [x, y] = toMap(canvas, w, px, py);
      w.zoom = Math.min(Math.max(w.zoom * (how === "in" ? 1.4 : 1 / 1.4), 0.5), 200);
      const [u, v] = toMap(canvas, w, px, py);
      w.x += x - u;
      w.y += y - v;
    }
    this.show("map");
  }

  inView() {
    const canvas = this.$(".map"), at = toScreen(canvas, this.where), { xy } = this.run;
    return (i) => {
      const [x, y] = at(xy[2 * i], xy[2 * i + 1]);
      return x >= 0 && y >= 0 && x <= canvas.clientWidth && y <= canvas.clientHeight;
    };
  }

  /** Change the selection: among the shown points, those that `fits` accepts are set, added or removed. */
  select(fits, how) {
    const { run, selected } = this, visible = this.visible;
    selected.count = 0;
    for (let i = 0; i < run.n; i++) {
      const hit = visible[run.set[i]] && fits(i);
      if (how === "set") selected.bits[i] = hit ? 1 : 0;
      else if (hit) selected.bits[i] = how === "add" ? 1 : 0;
      selected.count += selected.bits[i];
    }
    this.show("map");
    this.send("lasso", JSON.stringify({ fingerprint: run.fingerprint, bits: selected.count ? packBits(selected.bits) : "" }));
  }

  hover(x, y) {
    const canvas = this.$(".map");
    if (!this.run?.map) return;
    const i = nearest(canvas, { n: this.run.n, xy: this.run.xy }, this.where, this.shown, x, y);
    if (i === this.hovered) return;
    this.hovered = i;
    clearTimeout(this.asking);
    showTip(this);
    this.show("over");
    const sample = this.run.number[i];
    if (i >= 0 && !this.thumbs.has(sample)) this.asking = setTimeout(() => this.send("hover", sample), HOVER_MS);
  }

  // ---- looks -----------------------------------------------------------------------------------------------------

  theme() {
    const style = getComputedStyle(this.$(".live")), value = (name) => style.getPropertyValue(name).trim();
    const text = value("--st-text-color") || "#222222", back = value("--st-background-color") || "#ffffff";
    this.colours = { text, faint: text + "b0", border: value("--st-border-color") || "#8886", font: value("--st-font") || "sans-serif", back };
    this.back = rgb(back.length === 7 ? back : "#ffffff");
    if (this.run) this.palettes();
  }

  palettes() {
    this.setPalette = palette(this.run.sets.map((s) => s.colour), this.back);
    this.classPalette = palette(CLASS_COLOURS, this.back);
    this.verdictPalette = palette(VERDICTS.map(([colour]) => colour), this.back);
    this.rampFaded = fadedRamp(this.back);
    this.trainColour = palette([TRAIN_COLOUR], this.back).faded[0];
  }

  resize() {
    if (this.run) this.palettes();
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    for (const name of [".hist", ".map", ".over"]) {
      const canvas = this.$(name), w = Math.round(canvas.clientWidth * ratio), h = Math.round(canvas.clientHeight * ratio);
      canvas.ratio = ratio;
      if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    }
    this.$(".stage").hidden = false;
    this.show("hist");
  }
}

const CLASS_COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#B79F00", "#7B61C9", "#8C564B", "#17A2A2"];
const VERDICTS = [["#9AA0A6", "ID kept"], ["#56B4E9", "× ID flagged by mistake"], ["#D55E00", "× OOD missed"], ["#009E73", "OOD caught"]];
const TRAIN_COLOUR = "#9AA0A6";
