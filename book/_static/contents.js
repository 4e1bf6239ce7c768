// In a long lesson the list of its sections is longer than the window: it scrolls along with what is being read.
window.addEventListener("DOMContentLoaded", () => {
  const panel = document.getElementById("pst-secondary-sidebar");
  if (!panel) return;
  new MutationObserver(() => {
    const current = panel.querySelector("a[aria-current]");
    if (current) panel.scrollTop += current.getBoundingClientRect().top - panel.getBoundingClientRect().top - panel.clientHeight / 2;
  }).observe(panel, { subtree: true, attributeFilter: ["aria-current"] });
});
