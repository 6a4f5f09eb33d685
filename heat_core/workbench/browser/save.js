// Mounts the component that saves the Plotly figure above it as PNG or SVG. Plotly's own button saves in one configured
// format, so the format is configured before the button is pressed.

const SCALES = { png: 3, svg: 1 };

/**
 * Mounts the component.
 * @param {{data: {name: string}, parentElement: Element}} component - name is that of the file, without its extension
 */
export default function ({ data, parentElement }) {
  for (const button of parentElement.querySelectorAll("button")) {
    button.onclick = () => save(figureBefore(parentElement), button.dataset.format, data.name);
  }
}

/** Returns the last figure before an element, in the smallest part of the page that holds both. */
function figureBefore(element) {
  const host = element.getRootNode().host ?? element;
  for (let ancestor = host.parentElement; ancestor; ancestor = ancestor.parentElement) {
    const figures = [...ancestor.querySelectorAll(".js-plotly-plot")].filter(
      (figure) => figure.compareDocumentPosition(host) & Node.DOCUMENT_POSITION_FOLLOWING,
    );
    if (figures.length) return figures.at(-1);
  }
  return null;
}

function save(figure, format, name) {
  const button = figure?.querySelector('.modebar-btn[data-title^="Download plot"]');
  if (!button) return;
  figure._context.toImageButtonOptions = { format, filename: name, scale: SCALES[format] };
  button.click();
}
