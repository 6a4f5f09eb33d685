// β, the priors that take part and their weights: the state written into controls, and what is done to them taken over.

export function wireControls(view) {
  const slider = view.$(".slider"), exactly = view.$(".exactly");
  slider.oninput = () => view.setBeta(betaAt(slider.value / 100));
  slider.onchange = () => view.tell();
  exactly.onchange = () => {
    const beta = parse(exactly.value);
    if (Number.isNaN(beta)) return writeControls(view);
    view.setBeta(beta);
    view.tell();
  };
  view.$(".zero").onclick = () => (view.setBeta(0), view.tell());
  view.$(".weigh").onclick = () => {
    view.state.weights = view.state.weights ? null : view.run.priors.map(() => 1);
    setPriors(view);
    view.show("score");
    view.tell();
  };
  view.$(".colour").onchange = (e) => {
    view.state.colour = e.target.value;
    view.show("map");
    view.tell();
  };
  for (const button of view.root.querySelectorAll("[data-tool]")) button.onclick = () => view.setTool(button.dataset.tool);
  for (const button of view.root.querySelectorAll("[data-zoom]")) button.onclick = () => view.zoom(button.dataset.zoom);
  view.$(".in-view").onclick = () => view.select(view.inView(), "set");
  view.$(".clear").onclick = () => view.select(() => false, "set");
  wireLine(view);
  wireMap(view);
  view.setTool("lasso");
}

/** Write the state into the controls. */
export function writeControls(view) {
  const { beta, colour, weights } = view.state;
  const slider = view.$(".slider"), at = String(Math.round(positionOf(beta) * 200) / 2);
  if (slider.value !== at && betaAt(slider.value / 100) !== beta) slider.value = at;
  slider.setAttribute("aria-valuetext", `β = ${number(beta)}`);
  view.$(".exactly").value = number(beta);
  view.$(".colour").value = colour;
  view.$(".weigh").setAttribute("aria-expanded", weights !== null);
  view.$(".meaning").textContent =
    beta === 0 ? "mean of the energies" : beta === Infinity ? "the largest energy" : beta === -Infinity ? "the smallest energy"
    : beta > 0 ? "leans to the largest energy" : "leans to the smallest energy";
}

export function setPriors(view) {
  const set = view.$(".priors"), { run, state } = view;
  for (const old of set.querySelectorAll("label")) old.remove();
  run.priors.forEach((prior, j) => {
    const label = element("label", {}), box = element("input", { type: "checkbox", checked: state.taking[j] });
    box.onchange = () => {
      state.taking[j] = box.checked;
      if (!state.taking.some(Boolean)) state.taking[j] = box.checked = true; // one must take part
      view.show("score");
      view.tell();
    };
    label.append(box, `HEAT-${prior.title}`);
    if (state.weights) {
      const weight = element("input", { type: "number", min: 0.1, step: 0.1, value: state.weights[j], ariaLabel: `weight of ${prior.title}` });
      weight.onchange = () => {
        weight.value = state.weights[j] = Math.min(Math.max(Number(weight.value) || 0.1, 0.1), 1000);
        view.show("score");
        view.tell();
      };
      label.append(weight);
    }
    set.append(label);
  });
  writeControls(view);
}
