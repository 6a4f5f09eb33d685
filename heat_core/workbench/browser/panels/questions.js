// Writes the questions with the number of samples that answer each, and the choice of the baseline that HEAT is
// compared with.

import { element, setText } from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { memo } from "../common/memo.js";
import { baselineOf, questionOf } from "../compute/query.js";

// The names on the buttons; the titles that Python sends are their tooltips. {} stands for the baseline's title.
const SHORT_NAMES = {
  missed: "Missed", flagged: "Flagged", misclassified: "Misclassified", mislabelled: "Mislabelled",
  "looks-known": "Looks known", duplicates: "Duplicates", tagged: "Tagged", all: "All", unknown: "Called unknown",
  known: "Called known", gained: "caught", lost: "lost", "missed-by-baseline": "missed by {}",
  "missed-by-all": "missed by all",
};
const COMPARED = ["gained", "lost", "missed-by-baseline", "missed-by-all"]; // questions beside the baseline's name
const SIGNS = { gained: "+", lost: "−" };

/**
 * Creates the questions.
 * @param {Element} root
 * @param {object} actions - see state/actions.js
 * @returns {function(object, object)} writes a state and its subset, see `computeSubset` in compute/subset.js
 */
export function createQuestions(root, actions) {
  const container = root.querySelector(".questions"), select = root.querySelector(".baseline");
  const comparison = root.querySelector(".against"), buttons = () => container.querySelectorAll("[data-question]");
  select.onchange = () => actions.setQuery({ baseline: select.value });
  // Only another run replaces the elements, because new ones lose the keyboard's focus.
  const createAll = memo(({ run }) => {
    const isCompared = (question) => COMPARED.includes(question), names = Object.keys(run.questions);
    const create = (question) => createButton(question, actions);
    const first = names.filter((name) => !isCompared(name)), last = names.filter(isCompared);
    container.replaceChildren(...first.map(create), comparison, ...last.map(create));
    comparison.hidden = !run.truth || !run.methods.length;
    if (run.truth) writeBaselines(select, run);
  });
  const writeNames = memo(({ run, baseline }) => {
    const title = run.methods.find((method) => method.key === baseline)?.title ?? baseline;
    for (const button of buttons()) {
      const { question } = button.dataset;
      setText(button.lastChild, SHORT_NAMES[question].replace("{}", title));
      button.title = run.questions[question].replace("{}", title);
    }
    if (run.truth) select.value = baseline;
  });
  const writeChoice = memo(({ question }) => {
    for (const button of buttons()) {
      button.setAttribute("aria-checked", button.dataset.question === question);
      if (button.dataset.question === question) showIn(container, button);
    }
  });
  const writeCounts = memo(({ counts }) => {
    for (const { firstChild, dataset: { question } } of buttons())
      setText(firstChild, (SIGNS[question] ?? "") + formatCount(counts[question]));
  });
  return ({ run, query }, { questions: counts }) => {
    const baseline = baselineOf(run, query);
    createAll({ run });
    writeNames({ run, baseline });
    writeCounts({ run, counts }); // Comes first: the counts make the buttons wider.
    writeChoice({ run, question: questionOf(run, query) });
  };
}

/** Scrolls a container, which is one line on narrow pages, so that a button in it is seen. */
function showIn(container, button) {
  const bounds = container.getBoundingClientRect(), { left, right } = button.getBoundingClientRect();
  if (left < bounds.left || right > bounds.right) container.scrollLeft += left - bounds.left - bounds.width / 4;
}

function createButton(question, actions) {
  const button = element("button", { type: "button", role: "radio" }, element("b"), element("span"));
  button.dataset.question = question;
  button.onclick = () => actions.setQuery({ question });
  return button;
}

const writeBaselines = (select, run) => select.replaceChildren(...run.methods.map(({ key, title }) =>
  element("option", { value: key, textContent: title })));
