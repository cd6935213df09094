// Names for controls that the theme leaves without one: screen readers would say "button" alone.
document.addEventListener("DOMContentLoaded", function () {
  for (const summary of document.querySelectorAll("nav summary:not([aria-label])")) {
    const entry = summary.closest("li");
    const link = entry && entry.querySelector("a");
    summary.setAttribute("aria-label", "Pages below " + (link ? link.textContent.trim() : "this"));
  }
});
