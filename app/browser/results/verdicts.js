// Verdicts as people read them: the same words and marks wherever one is shown.

import { element } from "../common/format.js";

const WORDS = {
  kept: ["right", "✓", "known, kept"],
  flagged: ["wrong", "✗", "known, flagged by mistake"],
  missed: ["wrong", "✗", "unknown, missed"],
  caught: ["right", "✓", "unknown, caught"],
  called: ["unknown", "?", "called unknown"],
  taken: ["known", "✓", "taken for known"],
};

/** {kind: for style sheets, sign, words} of point i under a method's verdict. */
export function verdictOn(run, i, called) {
  const ood = run.set[i] > 0;
  const name = run.truth || !ood ? (ood ? (called ? "caught" : "missed") : called ? "flagged" : "kept") : called ? "called" : "taken";
  const [kind, sign, words] = WORDS[name];
  return { name, kind, sign, words };
}

/** A badge: the sign in its colour, with the method's name where there is room. */
export function badge(run, i, method, named) {
  const { kind, sign, words } = verdictOn(run, i, method.flagged(i));
  const mark = element("span", { className: `mark ${kind}`, textContent: sign });
  const whole = element("span", { className: "badge", title: `${method.title}: ${words}` }, mark);
  if (named) whole.append(method.title);
  return whole;
}
