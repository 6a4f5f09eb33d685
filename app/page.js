// One step back leaves a page: the address that a page writes when it is opened replaces the bare one of its link, where
// Streamlit would add a second entry to the browser's history.

if (!history.replacesBare) {
  const push = history.pushState;
  history.replacesBare = true;
  history.pushState = function (state, title, url) {
    const isSamePage = new URL(url ?? "", location.href).pathname === location.pathname;
    (isSamePage && !location.search ? this.replaceState : push).call(this, state, title, url);
  };
}
