// The inspected sample: what the browser knows of it at once, and what Python says of it a moment later.

import { counting, element, percent } from "../common/format.js";
import { memo } from "../common/memo.js";
import { picture, pictureOf, pictureOfPoint } from "../results/pictures.js";
import { badge } from "../results/verdicts.js";
import { offered } from "../results/bar.js";
import { waterfall } from "./waterfall.js";
import { overlay } from "./where.js";

const SIDE = 384, POLL_MS = 1000;

/** A function of the state that draws the inspector. enlarge(url): show a picture in full size. */
export function createInspector(root, act, enlarge) {
  const place = root.querySelector(".inspector");
  const empty = () => place.replaceChildren(element("p", { className: "faint", textContent: "Click a picture, a line or a point to see why it is called known or unknown." }));
  const picturePlace = element("div", { className: "large" }), facts = element("div"), rest = element("div");
  const show = memo(({ run, looked }) => {
    if (looked === null) return empty();
    rest.replaceChildren(element("p", { className: "faint", textContent: "…" }));
    place.replaceChildren(picturePlace, facts, rest);
    const i = run.pointOf[looked];
    if (i >= 0) showPicture(picturePlace, pictureOfPoint(run, i, SIDE), () => enlarge(pictureOfPoint(run, i, 1536)));
  });
  const known = memo(({ run, looked, methods, h, line }) => {
    const i = looked === null ? -1 : run.pointOf[looked];
    facts.replaceChildren(...(i >= 0 ? factsOf(run, i, methods) : []));
  });
  const typed = { number: null, value: "", focused: false };
  let polling;
  const told = memo(({ subject, run, looked, tags }) => {
    clearInterval(polling);
    if (looked === null || subject?.number !== looked) return;
    if (run.pointOf[looked] < 0) showPicture(picturePlace, subject.picture, () => enlarge(subject.picture));
    rest.replaceChildren(...restOf(run, subject, tags, act, picturePlace, typed));
    if (subject.where?.pending) polling = setInterval(act.where, POLL_MS); // until it is worked out
  });
  return (state, methods, { h, line }) => {
    const { run, looked, subject, tags } = state;
    show({ run, looked });
    known({ run, looked, methods, h, line });
    told({ subject, run, looked, tags });
  };
}

function showPicture(place, url, enlarge) {
  const button = element("button", { type: "button", className: "open", title: "Full size (f)", onclick: enlarge });
  button.append(element("span", { className: "fit" }, picture(url))); // as large as the picture itself
  place.replaceChildren(button);
}

function factsOf(run, i, methods) {
  const set = run.sets[run.set[i]].name, truth = run.label[i] < run.classes.length ? run.classes[run.label[i]] : null;
  const lines = [
    element("div", { className: "verdicts" }, ...methods.map((m) => badge(run, i, m, true))),
    element("div", { className: "name", textContent: `${set} · ${run.ids[i]}`, title: run.ids[i] }),
    element("div", { textContent: `Taken for ${run.classes[run.seen[i]]}, ${percent(run.confidence[i])} % sure` }),
  ];
  if (truth !== null) lines.push(element("div", { textContent: `True class: ${truth}${truth === run.classes[run.seen[i]] ? "" : " ✗"}` }));
  return lines;
}

function restOf(run, subject, tags, act, picturePlace, typed) {
  const like = element("button", { type: "button", textContent: "More like this", onclick: () => act.ask({ question: "all", like: subject.key, values: {}, brush: null, find: "" }) });
  const where = element("button", { type: "button", textContent: "Where in the image?", onclick: act.where });
  const actions = element("div", { className: "row" }, ...(subject.others ? [like] : []), ...(subject.can_tell_where ? [where] : []));
  const parts = [element("p", { className: "reason", textContent: subject.reason }), pValues(subject.p), actions];
  if (subject.where) parts.push(overlay(subject.where, picturePlace));
  parts.push(
    folded("What the score is made of", waterfall(subject.parts, subject.score, subject.threshold), true),
    neighbours(run, "Nearest known training images", subject.training, act),
  );
  if (subject.others) parts.push(neighbours(run, "Nearest among the other images", subject.others, act));
  if (subject.columns.length) parts.push(folded("What its list says", listOf(subject.columns), true));
  if (run.truth) parts.push(noteForm(subject, tags, act, typed));
  parts.push(folded("Where every method places it", ranks(subject.shares), false));
  return parts;
}

/** columns: [[name, text], …], foreign texts. */
const listOf = (columns) => element("dl", { className: "said" }, ...columns.flatMap(([name, text]) =>
  [element("dt", { textContent: name }), element("dd", { textContent: text || "–" })]));

/** found: [{name of the class, or empty for all, p, of}]. A known test image is one of those that it is compared with. */
function pValues(found) {
  const lines = found.map(({ name, p, of }) => {
    const among = name ? `of those taken for ${name}` : "of the known test images";
    const about = `(1 + how many score at least as high) / (n + 1), n = ${counting(of)}; the smallest is ${(1 / (of + 1)).toPrecision(2)}`;
    return element("div", { textContent: `p = ${p.toPrecision(2)} ${among}`, title: about });
  });
  return element("div", { className: "p-values" }, ...lines);
}

function folded(title, content, open) {
  return element("details", { open }, element("summary", { textContent: title }), content);
}

/** found: {sentence} or {images: [{set, row, sample, cosine, same, number}]}. */
function neighbours(run, title, found, act) {
  if (found.sentence) return folded(title, element("p", { className: "faint", textContent: found.sentence }), true);
  const cells = found.images.map((one) => {
    const whole = element("button", { type: "button", className: "neighbour", title: one.sample, disabled: one.number === null });
    const words = one.same ? "same picture" : one.cosine.toFixed(3);
    whole.append(picture(pictureOf(run, one.set, one.row, 96)), element("span", { textContent: words, className: one.same ? "same" : "" }));
    if (one.number !== null) whole.onclick = () => act.inspect(one.number);
    return whole;
  });
  const twin = found.images.find((one) => one.same);
  const said = twin ? [element("p", { className: "warning", textContent: `The same picture is in ${twin.where}: ${twin.sample}.` })] : [];
  return folded(title, element("div", {}, ...said, element("div", { className: "neighbours" }, ...cells)), true);
}

function ranks(shares) {
  return element("div", { className: "ranks" }, ...shares.flatMap(({ title, share, flagged }) => {
    const bar = element("span", { className: flagged ? "fill beyond" : "fill" });
    bar.style.width = `${100 * share}%`;
    const track = element("span", { className: "track", title: `more unusual than ${percent(share)} % of known test images` }, bar);
    return [element("span", { textContent: title }), track, element("span", { textContent: percent(share) })];
  }));
}

const NOTE_MS = 600; // without a key, after which a note is kept

/** typed: {number, value, focused} of the note that is being written, which outlives the form. */
function noteForm(subject, tags, act, typed) {
  const { number } = subject, draft = typed.number === number ? typed.value : subject.note, chosen = new Set(subject.tags);
  const note = element("textarea", { value: draft, placeholder: "A note", rows: 2 });
  const field = element("input", { type: "text", placeholder: "another tag" }), list = element("div", { className: "row" });
  let later;
  const keep = () => {
    clearTimeout(later);
    if (typed.number === number && typed.value !== subject.note) act.note(number, typed.value);
  };
  const toggle = (tag, given) => {
    if (given) chosen.add(tag);
    else chosen.delete(tag);
    write();
    act.tagOne(number, tag, given);
  };
  const write = () => list.replaceChildren(...[...new Set([...offered(tags), ...chosen])].map((tag) => {
    const one = element("button", { type: "button", className: "chip", textContent: tag });
    one.setAttribute("aria-pressed", chosen.has(tag));
    one.onclick = () => toggle(tag, !chosen.has(tag));
    return one;
  }));
  write();
  field.onkeydown = (e) => {
    if (e.key === "Enter" && field.value.trim()) (toggle(field.value.trim(), true), (field.value = ""));
    e.stopPropagation();
  };
  note.onkeydown = (e) => e.stopPropagation();
  note.oninput = () => {
    Object.assign(typed, { number, value: note.value });
    clearTimeout(later);
    later = setTimeout(keep, NOTE_MS);
  };
  note.onfocus = () => (typed.focused = true);
  note.onblur = () => note.isConnected && ((typed.focused = false), keep());
  if (typed.focused && typed.number === number) queueMicrotask(() => note.focus());
  return folded("Tags and note", element("div", { className: "note-form" }, list, field, note), true);
}
