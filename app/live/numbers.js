// The legend that counts, with FPR95 and AUROC beside it, and the key of the map's colours.

export function setRows(view) {
  const body = view.$(".numbers tbody");
  body.replaceChildren();
  view.run.sets.forEach((s) => {
    const row = body.insertRow();
    const button = element("button", { type: "button" });
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = s.colour + "66";
    swatch.style.borderColor = s.colour;
    button.append(swatch, element("span", { className: "label", textContent: s.name, title: s.name }));
    button.onclick = () => view.toggle(s.key);
    row.insertCell().append(button);
    for (let c = 0; c < 3; c++) row.insertCell();
  });
  const average = body.insertRow();
  average.className = "average";
  for (let c = 0; c < 4; c++) average.insertCell();
  average.cells[0].textContent = "average";
  if (view.run.background.length) {
    const row = body.insertRow(), button = element("button", { type: "button" });
    button.append(element("span", { className: "swatch" }), element("span", { className: "label", textContent: "ID train, on the map" }));
    button.onclick = () => view.toggle("train");
    row.insertCell().append(button);
    row.cells[0].colSpan = 4;
  }
}

export function writeNumbers(view) {
  const { run, selected, state } = view, any = selected.count > 0, line = view.line, exact = view.isExact;
  const counts = run.sets.map(() => 0);
  for (let i = 0; i < run.n; i++) if (any ? selected.bits[i] : view.scores[i] > line) counts[run.set[i]]++;
  view.$(".counted").textContent = any ? "selected / all" : "called OOD / all";
  const rows = view.$(".numbers tbody").rows, mark = exact ? "" : "≈ ", sums = [0, 0];
  run.sets.forEach((s, i) => {
    const cells = rows[i].cells, m = exact ? view.exact.sets[i] : view.rough[i];
    cells[0].firstChild.setAttribute("aria-pressed", !state.off.includes(s.key));
    const known = exact && !any && view.exact.line === state.threshold; // else: counted among what is drawn
    const [count, all] = known ? [view.exact.sets[i].flagged, s.total] : [counts[i], s.shown];
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
  view.$(".note").textContent = sampled + (any ? `${selected.count.toLocaleString("en")} selected. ` : "") + (exact ? "" : "≈ from histogram bins; exact when you let go.");
}

export function writeKey(view) {
  const key = view.$(".key"), { run, state } = view;
  const wanted = state.colour + JSON.stringify(view.colours);
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
