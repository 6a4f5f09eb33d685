// Connects and writes the controls of the composition and the map: β, the priors that take part and their weights,
// colour and tools.

import { element, setText } from "../common/dom.js";
import { formatNumber, parseNumber } from "../common/format.js";
import { memo } from "../common/memo.js";
import { betaAt, betaPosition } from "../compute/sliders.js";

/**
 * Connects the controls with the actions.
 * @param {Element} root
 * @param {{beta: number}} current - reads the current state
 * @param {object} actions - see state/actions.js
 * @returns {function(object)} writes a state into the controls
 */
export function connectControls(root, current, actions) {
  const $ = (selector) => root.querySelector(selector), buttons = (name) => root.querySelectorAll(`[data-${name}]`);
  connectBeta(root, current, actions);
  $(".weigh").onclick = actions.toggleWeights;
  $(".colour").onchange = (e) => actions.setColour(e.target.value);
  $(".select-visible").onclick = actions.selectVisible;
  $(".clear").onclick = actions.clearSelection;
  for (const button of buttons("tool")) button.onclick = () => actions.setTool(button.dataset.tool);
  for (const button of buttons("zoom")) button.onclick = () => actions.zoom(button.dataset.zoom);
  return createWriter(root, actions);
}

function connectBeta(root, current, actions) {
  const slider = root.querySelector(".slider"), field = root.querySelector(".exactly");
  const setAndSend = (beta) => {
    actions.setBeta(beta);
    actions.sendSettings();
  };
  slider.oninput = () => actions.setBeta(betaAt(slider.value / 100));
  slider.onchange = actions.sendSettings;
  field.onchange = () => {
    const beta = parseNumber(field.value);
    if (!Number.isNaN(beta)) setAndSend(beta);
    writeBeta(root, current.beta); // This also replaces another spelling of the same β.
  };
  root.querySelector(".zero").onclick = () => setAndSend(0);
}

function createWriter(root, actions) {
  const $ = (selector) => root.querySelector(selector);
  const write = {
    beta: memo(({ beta }) => writeBeta(root, beta)),
    colour: memo(({ colour }) => Object.assign($(".colour"), { value: colour })),
    tool: memo(({ tool }) => writeTool(root, tool)),
    // The boxes are created only where the priors change, because new elements lose the keyboard's focus.
    boxes: memo(({ run, hasWeights }) => {
      createPriorBoxes($(".priors"), run.priors, hasWeights, actions);
      $(".energies").hidden = run.k < 2; // Nothing is combined.
      $(".weigh").setAttribute("aria-expanded", hasWeights);
    }),
    priors: memo(({ included, weights }) => writePriors($(".priors"), included, weights)),
  };
  return ({ run, beta, colour, tool, included, weights }) => {
    write.beta({ beta });
    write.colour({ colour });
    write.tool({ tool });
    write.boxes({ run, hasWeights: weights !== null });
    write.priors({ run, included, weights });
  };
}

function writeBeta(root, beta) {
  const slider = root.querySelector(".slider"), position = String(Math.round(betaPosition(beta) * 200) / 2);
  if (slider.value !== position && betaAt(slider.value / 100) !== beta) slider.value = position;
  slider.setAttribute("aria-valuetext", `β = ${formatNumber(beta)}`);
  root.querySelector(".exactly").value = formatNumber(beta);
  setText(root.querySelector(".beta-now"), formatNumber(beta));
  root.querySelector(".meaning").textContent = describeBeta(beta);
}

function describeBeta(beta) {
  if (beta === 0) return "mean of the energies";
  if (beta === Infinity) return "the largest energy";
  if (beta === -Infinity) return "the smallest energy";
  return beta > 0 ? "leans to the largest energy" : "leans to the smallest energy";
}

function writeTool(root, tool) {
  root.querySelector(".map").classList.toggle("pan", tool === "pan");
  for (const button of root.querySelectorAll("[data-tool]"))
    button.setAttribute("aria-checked", button.dataset.tool === tool);
}

/** Creates a box for every prior and, where priors have weights, a field for its weight. */
function createPriorBoxes(container, priors, hasWeights, actions) {
  for (const label of container.querySelectorAll("label")) label.remove();
  priors.forEach((prior, j) => {
    const label = element("label"), box = element("input", { type: "checkbox" });
    box.onchange = () => actions.setIncluded(j, box.checked);
    label.append(box, `HEAT-${prior.title}`);
    if (hasWeights) label.append(createWeightField(prior, (weight) => actions.setWeight(j, weight)));
    container.append(label);
  });
}

function createWeightField(prior, setWeight) {
  const field = element("input", { type: "number", min: 0.1, step: 0.1, ariaLabel: `weight of ${prior.title}` });
  field.onchange = () => setWeight(Number(field.value));
  return field;
}

function writePriors(container, included, weights) {
  const count = included.filter(Boolean).length, legend = container.querySelector("legend");
  setText(legend, `Corrected priors: ${count} of ${included.length}${weights ? ", weighted" : ""}`);
  for (const [j, box] of container.querySelectorAll("[type=checkbox]").entries()) box.checked = included[j];
  for (const [j, field] of container.querySelectorAll("[type=number]").entries()) field.value = weights[j];
}
