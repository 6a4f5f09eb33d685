// Writes the questions with the number of samples that answer each, and what HEAT gains and loses against the baseline.

import { element, setText } from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { memo } from "../common/memo.js";
import { baselineOf, questionOf } from "../compute/query.js";

/**
 * Creates the questions.
 * @param {Element} root
 * @param {object} actions - see state/actions.js
 * @returns {function(object, object)} writes a state and its subset, see `computeSubset` in compute/subset.js
 */
export function createQuestions(root, actions) {
  const container = root.querySelector(".questions"), baselineSelect = root.querySelector(".baseline");
  const comparison = root.querySelector(".against"), gains = root.querySelector(".gains");
  baselineSelect.onchange = () => actions.setQuery({ baseline: baselineSelect.value });
  const writeButtons = memo(({ run, baseline }) => {
    const title = run.methods.find((method) => method.key === baseline)?.title ?? baseline;
    container.replaceChildren(...Object.entries(run.questions).map(([question, text]) =>
      createButton(question, text.replace("{}", title), actions)));
    if (run.truth) writeBaselines(baselineSelect, run, baseline);
  });
  const writeChoice = memo(({ question }) => {
    for (const button of container.children) {
      button.setAttribute("aria-checked", button.dataset.question === question);
      if (button.dataset.question === question) showIn(container, button);
    }
  });
  const writeCounts = memo(({ counts }) => {
    for (const button of container.children) setText(button.firstChild, formatCount(counts[button.dataset.question]));
  });
  return ({ run, query }, { questions: counts }) => {
    const baseline = baselineOf(run, query);
    comparison.hidden = !run.truth;
    writeButtons({ run, baseline });
    writeCounts({ run, baseline, counts }); // Comes first: the counts make the buttons wider.
    writeChoice({ run, baseline, question: questionOf(run, query) });
    if (run.truth) setText(gains, `+${formatCount(counts.gained)} −${formatCount(counts.lost)}`);
  };
}

/** Scrolls a container, which is one line on narrow pages, so that a button in it is seen. */
function showIn(container, button) {
  const bounds = container.getBoundingClientRect(), { left, right } = button.getBoundingClientRect();
  if (left < bounds.left || right > bounds.right) container.scrollLeft += left - bounds.left - bounds.width / 4;
}

function createButton(question, text, actions) {
  const count = element("b"), label = element("span", { textContent: text });
  const button = element("button", { type: "button", role: "radio" }, count, label);
  button.dataset.question = question;
  button.onclick = () => actions.setQuery({ question });
  return button;
}

function writeBaselines(select, run, baseline) {
  select.replaceChildren(...run.methods.map(({ key, title }) => element("option", { value: key, textContent: title })));
  select.value = baseline;
}
