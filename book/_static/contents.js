// The list of a lesson's sections is narrow, and may be longer than the window: minutes and stars stay in the headings,
// and it scrolls along with what is being read.
window.addEventListener("DOMContentLoaded", () => {
  const panel = document.getElementById("pst-secondary-sidebar");
  if (!panel) return;
  for (const link of panel.querySelectorAll("a.nav-link")) {
    const last = link.lastChild;
    last.textContent = last.textContent.replace(/ \(\d+ minutes.*\)\s*$/, "");
  }
  new MutationObserver(() => {
    const current = panel.querySelector("a[aria-current]");
    if (current) panel.scrollTop += current.getBoundingClientRect().top - panel.getBoundingClientRect().top - panel.clientHeight / 2;
  }).observe(panel, { subtree: true, attributeFilter: ["aria-current"] });
  // On a phone the list lies over the page: who chose a section wants to see it.
  document.getElementById("pst-secondary-sidebar-modal")?.addEventListener("click", (event) => {
    if (event.target.closest("a")) event.currentTarget.close();
  });
});

// Paper is white, and a lecturer's has the answers to the quiz.
let theme;
window.addEventListener("beforeprint", () => {
  theme = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
  if (location.pathname.includes("/teach/lessons/"))
    document.querySelectorAll(".bd-article details").forEach((folded) => (folded.open = true));
});
window.addEventListener("afterprint", () => (document.documentElement.dataset.theme = theme));

// What scrolls sideways can be reached by keyboard, also what only scrolls, or is only seen, later.
async function reachWhatScrolls() {
  await window.MathJax?.startup?.promise;
  for (const one of document.querySelectorAll(".bd-article :is(table, pre, span.math, mjx-container, .els-scrolls)"))
    if (one.scrollWidth > one.clientWidth + 3) one.tabIndex = 0;
}
window.addEventListener("load", reachWhatScrolls);
window.addEventListener("resize", () => document.readyState === "complete" && reachWhatScrolls());
