// The questions, with how many samples answer each; what HEAT gains on the baseline.

import { memo } from "../common/memo.js";
import { baselineOf, questionOf } from "../compute/subset.js";
import { counting, element, writeText } from "../common/format.js";

/** A function of the state and the subset that writes them. */
export function createQuestions(root, act) {
  const place = root.querySelector(".questions"), baseline = root.querySelector(".baseline");
  baseline.onchange = () => act.ask({ baseline: baseline.value });
  const make = memo(({ run, base }) => {
    const title = run.methods.find((m) => m.key === base)?.title ?? base;
    place.replaceChildren(...Object.entries(run.questions).map(([key, words]) => {
      const count = element("b"), text = element("span", { textContent: words.replace("{}", title) });
      const button = element("button", { type: "button", role: "radio" }, count, text);
      button.dataset.question = key;
      button.onclick = () => act.ask({ question: key });
      return button;
    }));
    if (!run.truth) return;
    baseline.replaceChildren(...run.methods.map((m) => element("option", { value: m.key, textContent: m.title })));
    baseline.value = base;
  });
  const check = memo(({ run, base, question }) => {
    for (const button of place.children) button.setAttribute("aria-checked", button.dataset.question === question);
  });
  const write = memo(({ counts }) => {
    for (const button of place.children) {
      writeText(button.firstChild, counting(counts[button.dataset.question]));
    }
  });
  const gains = memo(({ gained, lost }) => {
    writeText(root.querySelector(".gains"), `+${counting(gained)} −${counting(lost)}`);
  });
  const against = memo(({ run }) => void (root.querySelector(".against").hidden = !run.truth));
  return (state, subset) => {
    const { run, ask } = state, { questions } = subset;
    against({ run });
    make({ run, base: baselineOf(run, ask) });
    check({ run, base: baselineOf(run, ask), question: questionOf(run, ask) });
    write({ run, base: baselineOf(run, ask), counts: questions });
    if (run.truth) gains({ gained: questions.gained, lost: questions.lost });
  };
}
