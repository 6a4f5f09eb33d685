// Numbers as text and text as numbers, and elements made in one line.

export function number(value) {
  if (value === Infinity) return "+∞";
  return value === -Infinity ? "−∞" : String(value).replace("-", "−");
}

export const percent = (share) => (100 * share).toFixed(1);
export const counting = (count) => count.toLocaleString("en");
export const signed = (value, digits = 2) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits);
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
