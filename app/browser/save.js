// Saves the figure above as PNG or SVG. Plotly's own button knows one format a figure, so it is told which one first.

const SCALES = { png: 3, svg: 1 };

export default function ({ data, parentElement }) {
  for (const button of parentElement.querySelectorAll("button")) {
    button.onclick = () => save(figureBefore(parentElement), button.dataset.format, data.name);
  }
}

/** The last figure before an element, in the smallest part of the page that holds both. */
function figureBefore(element) {
  const here = element.getRootNode().host ?? element;
  for (let part = here.parentElement; part; part = part.parentElement) {
    const before = [...part.querySelectorAll(".js-plotly-plot")].filter(
      (plot) => plot.compareDocumentPosition(here) & Node.DOCUMENT_POSITION_FOLLOWING,
    );
    if (before.length) return before.at(-1);
  }
  return null;
}

function save(figure, format, name) {
  const button = figure?.querySelector('.modebar-btn[data-title^="Download plot"]');
  if (!button) return;
  figure._context.toImageButtonOptions = { format, filename: name, scale: SCALES[format] };
  button.click();
}
