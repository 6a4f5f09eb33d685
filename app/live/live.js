// The live view: β, threshold, histogram, map and selection, linked. The run comes once, as one block of bytes; what
// Python answers comes through a second, small component (state.js), so that the block is never sent again.

const BINS = 2048, SNAP = 6, HOVER_MS = 70;
const views = new WeakMap();
const registry = (globalThis.heatLive ??= new Map()); // name of the view → its live end, for state.js and measurements

const number = (value) => (value === Infinity ? "+∞" : value === -Infinity ? "−∞" : String(value).replace("-", "−"));
const percent = (share) => (100 * share).toFixed(1);

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
    this.wire();
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
      this.scores = new Float32Array(run.n);
      this.selected = { bits: new Uint8Array(run.n), count: 0 };
      this.thumbs.clear();
      if (!known || this.state.taking.length !== run.k) this.state.taking = run.priors.map(() => true);
      this.priorBoxes();
      this.rows();
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
      Object.assign(this.state, { beta: parse(beta), threshold, weights, colour, off });
      if (taking.length === this.run.k) this.state.taking = taking;
      if (selection !== undefined) this.adoptSelection(selection);
      this.priorBoxes();
      this.controls();
      this.adoptedSignature = this.signature();
      this.show("score");
    }
    this.exact = { ...message.exact, signature: message.exact.signature ?? this.adoptedSignature };
    if (message.thumb) this.thumbs.set(message.thumb.number, message.thumb);
    this.inspected = message.inspected === null ? -1 : this.run.number.indexOf(message.inspected);
    this.show("numbers");
    if (this.hovered >= 0 && message.thumb?.number === this.run.number[this.hovered]) this.tip();
  }

  adoptSelection(text) {
    if (text) unpackBits(text, this.selected.bits);
    else this.selected.bits.fill(0);
    this.selected.count = this.selected.bits.reduce((a, b) => a + b, 0);
  }

  /** Names the composition: exact numbers belong to the one that they were asked for. */
  signature() {
    const { beta, taking, weights } = this.state;
    return JSON.stringify([number(beta), taking, weights]);
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
    if (dirty.size) this.writeNumbers();
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
    if (!run.map) return;
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
    this.writeKey();
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

  // ---- numbers ---------------------------------------------------------------------------------------------------

  rows() {
    const body = this.$(".numbers tbody");
    body.replaceChildren();
    this.run.sets.forEach((s, i) => {
      const row = body.insertRow();
      const button = element("button", { type: "button" });
      const swatch = element("span", { className: "swatch" });
      swatch.style.background = s.colour + "66";
      swatch.style.borderColor = s.colour;
      button.append(swatch, element("span", { className: "label", textContent: s.name, title: s.name }));
      button.onclick = () => this.toggle(s.key, i);
      row.insertCell().append(button);
      for (let c = 0; c < 3; c++) row.insertCell();
    });
    const average = body.insertRow();
    average.className = "average";
    for (let c = 0; c < 4; c++) average.insertCell();
    average.cells[0].textContent = "average";
    if (this.run.background.length) {
      const row = body.insertRow(), button = element("button", { type: "button" });
      button.append(element("span", { className: "swatch" }), element("span", { className: "label", textContent: "ID train, on the map" }));
      button.onclick = () => this.toggle("train", -1);
      row.insertCell().append(button);
      row.cells[0].colSpan = 4;
    }
  }

  toggle(key) {
    const off = this.state.off;
    this.state.off = off.includes(key) ? off.filter((k) => k !== key) : [...off, key];
    this.show("hist");
    this.tell();
  }

  get visible() { return this.run.sets.map((s) => !this.state.off.includes(s.key)); }

  writeNumbers() {
    const { run, selected, state } = this, any = selected.count > 0, line = this.line, exact = this.isExact;
    const counts = run.sets.map(() => 0);
    for (let i = 0; i < run.n; i++) if (any ? selected.bits[i] : this.scores[i] > line) counts[run.set[i]]++;
    this.$(".counted").textContent = any ? "selected / all" : "called OOD / all";
    const rows = this.$(".numbers tbody").rows, mark = exact ? "" : "≈ ", sums = [0, 0];
    run.sets.forEach((s, i) => {
      const cells = rows[i].cells, m = exact ? this.exact.sets[i] : this.rough[i];
      cells[0].firstChild.setAttribute("aria-pressed", !state.off.includes(s.key));
      const known = exact && !any && this.exact.line === state.threshold; // else: counted among what is drawn
      const [count, all] = known ? [this.exact.sets[i].flagged, s.total] : [counts[i], s.shown];
      cells[1].textContent = `${count.toLocaleString("en")} / ${all.toLocaleString("en")}`;
      if (!i) return void (cells[2].textContent = cells[3].textContent = "–");
      [m.fpr95, m.auroc].forEach((v, c) => {
        sums[c] += v;
        cells[2 + c].textContent = mark + percent(v);
        cells[2 + c].className = exact ? "" : "rough";
      });
    });
    const average = rows[run.sets.length].cells, oods = run.sets.length - 1;
    sums.forEach((v, c) => {
      average[2 + c].textContent = mark + percent(v / oods);
      average[2 + c].className = exact ? "" : "rough";
    });
    rows[run.sets.length + 1]?.cells[0].firstChild.setAttribute("aria-pressed", !state.off.includes("train"));
    const sampled = run.n < run.total ? `${run.n.toLocaleString("en")} of ${run.total.toLocaleString("en")} samples are drawn, every set with its share; exact numbers are of all. ` : "";
    this.$(".note").textContent = sampled + (any ? `${selected.count.toLocaleString("en")} selected. ` : "") + (exact ? "" : "≈ from histogram bins; exact when you let go.");
  }

  writeKey() {
    const key = this.$(".key"), { run, state } = this;
    const wanted = state.colour + JSON.stringify(this.colours);
    if (key.dataset.for === wanted) return;
    key.dataset.for = wanted;
    key.replaceChildren();
    const chip = (colour, text) => {
      const swatch = element("span", { className: "swatch" });
      swatch.style.background = swatch.style.borderColor = colour;
      const item = element("span", {});
      item.append(swatch, text);
      key.append(item);
    };
    if (state.colour === "verdict") VERDICTS.forEach(([colour, text]) => chip(colour, text));
    if (state.colour === "class") {
      run.classes.slice(0, 12).forEach((name, i) => chip(CLASS_COLOURS[i % CLASS_COLOURS.length], name));
      if (run.classes.length > 12) key.append(`and ${run.classes.length - 12} more: ten colours come round again`);
    }
    if (state.colour === "score") {
      const strip = element("span", { className: "ramp" });
      strip.style.background = "linear-gradient(90deg, rgb(0,34,78), rgb(87,93,109), rgb(166,157,117), rgb(254,232,56))";
      key.append("typical", strip, "out-of-distribution");
    }
  }

  // ---- what a person does ----------------------------------------------------------------------------------------

  wire() {
    const slider = this.$(".slider"), exactly = this.$(".exactly");
    slider.oninput = () => this.setBeta(betaAt(slider.value / 100));
    slider.onchange = () => this.tell();
    exactly.onchange = () => {
      const beta = parse(exactly.value);
      if (Number.isNaN(beta)) return this.controls();
      this.setBeta(beta);
      this.tell();
    };
    this.$(".zero").onclick = () => (this.setBeta(0), this.tell());
    this.$(".weigh").onclick = () => {
      this.state.weights = this.state.weights ? null : this.run.priors.map(() => 1);
      this.priorBoxes();
      this.show("score");
      this.tell();
    };
    this.$(".colour").onchange = (e) => {
      this.state.colour = e.target.value;
      this.show("map");
      this.tell();
    };
    for (const button of this.root.querySelectorAll("[data-tool]")) button.onclick = () => this.setTool(button.dataset.tool);
    for (const button of this.root.querySelectorAll("[data-zoom]")) button.onclick = () => this.zoom(button.dataset.zoom);
    this.$(".in-view").onclick = () => this.select(this.inView(), "set");
    this.$(".clear").onclick = () => this.select(() => false, "set");
    this.wireLine();
    this.wireMap();
    this.setTool("lasso");
  }

  setBeta(beta) {
    this.state.beta = beta;
    this.controls();
    this.show("score");
  }

  /** Write the state into the controls. */
  controls() {
    const { beta, colour, weights } = this.state;
    const slider = this.$(".slider"), at = String(Math.round(positionOf(beta) * 200) / 2);
    if (slider.value !== at && betaAt(slider.value / 100) !== beta) slider.value = at;
    slider.setAttribute("aria-valuetext", `β = ${number(beta)}`);
    this.$(".exactly").value = number(beta);
    this.$(".colour").value = colour;
    this.$(".weigh").setAttribute("aria-expanded", weights !== null);
    this.$(".meaning").textContent =
      beta === 0 ? "mean of the energies" : beta === Infinity ? "the largest energy" : beta === -Infinity ? "the smallest energy"
      : beta > 0 ? "leans to the largest energy" : "leans to the smallest energy";
  }

  priorBoxes() {
    const set = this.$(".priors"), { run, state } = this;
    for (const old of set.querySelectorAll("label")) old.remove();
    run.priors.forEach((prior, j) => {
      const label = element("label", {}), box = element("input", { type: "checkbox", checked: state.taking[j] });
      box.onchange = () => {
        state.taking[j] = box.checked;
        if (!state.taking.some(Boolean)) state.taking[j] = box.checked = true; // one must take part
        this.show("score");
        this.tell();
      };
      label.append(box, `HEAT-${prior.title}`);
      if (state.weights) {
        const weight = element("input", { type: "number", min: 0.1, step: 0.1, value: state.weights[j], ariaLabel: `weight of ${prior.title}` });
        weight.onchange = () => {
          state.weights[j] = Math.max(Number(weight.value) || 1, 0.1);
          this.show("score");
          this.tell();
        };
        label.append(weight);
      }
      set.append(label);
    });
    this.controls();
  }

  wireLine() {
    const canvas = this.$(".hist");
    const move = (e) => {
      const x = e.clientX - canvas.getBoundingClientRect().left;
      const auto = this.isExact ? this.exact.threshold : this.auto;
      this.state.threshold = Math.abs(x - xOf(canvas, this.h, auto)) <= SNAP ? null : scoreAt(canvas, this.h, x);
      this.show("hist");
    };
    canvas.onpointerdown = (e) => {
      canvas.setPointerCapture(e.pointerId);
      canvas.onpointermove = move;
      move(e);
    };
    canvas.onpointerup = () => {
      canvas.onpointermove = null;
      this.tell();
    };
    canvas.onkeydown = (e) => {
      const step = { ArrowLeft: -2, ArrowRight: 2, PageDown: -16, PageUp: 16 }[e.key];
      if (step) this.state.threshold = scoreAt(canvas, this.h, xOf(canvas, this.h, this.line) + step);
      else if (e.key === "s" || e.key === "Escape") this.state.threshold = null;
      else return;
      e.preventDefault();
      this.show("hist");
      clearTimeout(this.later);
      this.later = setTimeout(() => this.tell(), 250);
    };
  }

  wireMap() {
    const canvas = this.$(".map");
    const place = (e) => {
      const box = canvas.getBoundingClientRect();
      return [e.clientX - box.left, e.clientY - box.top];
    };
    let from = null;
    canvas.onpointerdown = (e) => {
      canvas.setPointerCapture(e.pointerId);
      from = place(e);
      this.path = this.tool === "pan" ? null : [...from];
      this.dragged = false;
    };
    canvas.onpointermove = (e) => {
      const [x, y] = place(e);
      if (!from) return this.hover(x, y);
      this.dragged ||= Math.hypot(x - from[0], y - from[1]) > 4;
      if (this.tool === "pan") this.pan(x - from[0], y - from[1], (from = [x, y]));
      else if (this.tool === "box") this.path = [from[0], from[1], x, from[1], x, y, from[0], y];
      else this.path.push(x, y);
      this.show("over");
    };
    canvas.onpointerup = (e) => {
      const path = this.path;
      from = this.path = null;
      if (!this.dragged) {
        const [x, y] = place(e), i = nearest(canvas, { n: this.run.n, xy: this.run.xy }, this.where, this.shown, x, y);
        if (i >= 0) this.send("inspect", this.run.number[i]);
      } else if (path) {
        const at = toScreen(canvas, this.where), { xy } = this.run;
        const how = e.shiftKey ? "add" : e.ctrlKey || e.altKey || e.metaKey ? "remove" : "set";
        this.select((i) => inside(path, ...at(xy[2 * i], xy[2 * i + 1])), how);
      }
      this.show("over");
    };
    canvas.onpointerleave = () => this.hover(-99, -99);
    canvas.onwheel = (e) => {
      if (!e.ctrlKey && this.root.activeElement !== canvas) return; // the page scrolls until the map has the focus
      e.preventDefault();
      this.zoom(e.deltaY < 0 ? "in" : "out", place(e));
    };
    canvas.onkeydown = (e) => {
      const by = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[e.key];
      if (by) this.pan(...by);
      else if (e.key === "+" || e.key === "=") this.zoom("in");
      else if (e.key === "-") this.zoom("out");
      else if (e.key === "0") this.zoom("all");
      else if (e.key === "Escape") this.select(() => false, "set");
      else if (e.key === "Enter") this.select(this.inView(), "set");
      else return;
      e.preventDefault();
    };
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
    this.tip();
    this.show("over");
    const sample = this.run.number[i];
    if (i >= 0 && !this.thumbs.has(sample)) this.asking = setTimeout(() => this.send("hover", sample), HOVER_MS);
  }

  tip() {
    const tip = this.$(".tip"), i = this.hovered, { run } = this;
    tip.hidden = i < 0;
    if (i < 0) return;
    const thumb = this.thumbs.get(run.number[i]), set = run.sets[run.set[i]], called = this.scores[i] > this.line;
    const picture = thumb?.url ? element("img", { src: thumb.url, alt: "" }) : element("img", { alt: thumb ? "no picture" : "" });
    const verdict = run.set[i] ? (called ? "✓ caught" : "✗ missed") : called ? "✗ flagged by mistake" : "✓ kept";
    tip.replaceChildren(picture, element("div", { textContent: `${set.name} · ${verdict}` }),
      element("div", { textContent: `taken for ${run.classes[run.seen[i]]} · score ${this.scores[i].toPrecision(3)}` }),
      element("div", { textContent: thumb?.id ?? "" }));
    const canvas = this.$(".map"), [x, y] = toScreen(canvas, this.where)(run.xy[2 * i], run.xy[2 * i + 1]);
    tip.style.left = `${x > canvas.clientWidth / 2 ? x - 178 : x + 14}px`;
    tip.style.top = `${Math.max(4, Math.min(y - 60, canvas.clientHeight - 200))}px`;
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

const element = (tag, properties) => Object.assign(document.createElement(tag), properties);

/** β as a person or Python writes it. */
function parse(text) {
  const plain = String(text).trim().replace("−", "-").replace("∞", "inf").toLowerCase();
  if (/^\+?inf(inity)?$/.test(plain)) return Infinity;
  if (/^-inf(inity)?$/.test(plain)) return -Infinity;
  return plain === "" ? NaN : Number(plain);
}
