// Numbers as text and text as numbers, and elements made in one line.

export function number(value) {
  if (value === Infinity) return "+∞";
  return value === -Infinity ? "−∞" : String(value).replace("-", "−");
}

export const percent = (share) => (100 * share).toFixed(1);
const grouping = new Intl.NumberFormat("en");
export const counting = (count) => grouping.format(count);
export const signed = (value, digits = 2) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits);
/** Writes a text where it is another one: the same once more would lay the page out again. */
export const writeText = (place, text) => void (place.textContent === text || (place.textContent = text));
export const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

/** β as a person or Python writes it. */
export function parse(text) {
  const plain = String(text).trim().replace("−", "-").replace("∞", "inf").toLowerCase();
  if (/^\+?inf(inity)?$/.test(plain)) return Infinity;
  if (/^-inf(inity)?$/.test(plain)) return -Infinity;
  return plain === "" ? NaN : Number(plain);
}
