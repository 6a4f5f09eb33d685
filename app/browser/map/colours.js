// Colours: those of the page, and those of data as pixels of an image, plain and faded into the page.

const FADED = 0.78, STEPS = 256;

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const pack = ([r, g, b]) => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
const mix = (a, b, share) => a.map((v, i) => Math.round(v + (b[i] - v) * share));

/** The page's colours and font, around an element. */
export function theme(element) {
  const style = getComputedStyle(element), value = (name) => style.getPropertyValue(name).trim();
  const text = value("--st-text-color") || "#222222", back = value("--st-background-color");
  return {
    text,
    faint: text + "b0",
    back: back.length === 7 ? back : "#ffffff",
    border: value("--st-border-color") || "#8886",
    font: value("--st-font") || "sans-serif",
  };
}

const pixels = (colours, back) => {
  const page = rgb(back);
  return { plain: Uint32Array.from(colours, pack), faded: Uint32Array.from(colours, (c) => pack(mix(c, page, FADED))) };
};

/** Pixels of "#rrggbb" colours on a page of colour `back`. */
export const palette = (hexes, back) => pixels(hexes.map(rgb), back);

/** Pixels of STEPS steps between colours, from low to high. */
export function ramp(hexes, back) {
  const stops = hexes.map(rgb);
  const steps = Array.from({ length: STEPS }, (_, i) => {
    const at = (i / (STEPS - 1)) * (stops.length - 1), k = Math.min(at | 0, stops.length - 2);
    return mix(stops[k], stops[k + 1], at - k);
  });
  return pixels(steps, back);
}

/** The step of a ramp at a share (0 … 1, without 1). */
export const rampStep = (share) => (share * STEPS) | 0;
