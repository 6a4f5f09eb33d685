// Three sentences for the first minute, until somebody takes them away; the browser remembers that.

const KEY = "heat-guide-read";

export function wireGuide(root) {
  const guide = root.querySelector(".guide");
  guide.hidden = remembered();
  guide.querySelector("button").onclick = () => {
    guide.hidden = true;
    try {
      localStorage.setItem(KEY, "yes");
    } catch { /* a browser that keeps nothing shows it again */ }
  };
}

function remembered() {
  try {
    return localStorage.getItem(KEY) === "yes";
  } catch {
    return false;
  }
}
