// Shows three lines on how to go on until they are closed; the browser remembers that.

const STORAGE_KEY = "heat-guide-read";

/**
 * Shows the guide where it has not been closed, and makes its button close it.
 * @param {Element} root
 */
export function connectGuide(root) {
  const guide = root.querySelector(".guide");
  guide.hidden = isClosed();
  guide.querySelector("button").onclick = () => {
    guide.hidden = true;
    try {
      localStorage.setItem(STORAGE_KEY, "yes");
    } catch { /* A browser without storage shows the guide again. */ }
  };
}

function isClosed() {
  try {
    return localStorage.getItem(STORAGE_KEY) === "yes";
  } catch {
    return false;
  }
}
