// Names for controls: what the theme leaves nameless gets one, and a name begins with the words seen.
document.addEventListener("DOMContentLoaded", function () {
  "use strict";
  for (const summary of document.querySelectorAll("nav summary:not([aria-label])")) {
    const entry = summary.closest("li");
    const link = entry && entry.querySelector("a");
    summary.setAttribute("aria-label", "Pages below " + (link ? link.textContent.trim() : "this"));
  }
  for (const summary of document.querySelectorAll("details.toggle-details summary, details.hide summary")) {
    summary.removeAttribute("aria-label");
  }
  for (const button of document.querySelectorAll(".search-button-field[aria-label]")) {
    button.setAttribute("aria-label", button.textContent.replace(/\s+/g, " ").trim());
  }
  for (const icon of document.querySelectorAll(".theme-switch")) {
    icon.removeAttribute("title");
    icon.setAttribute("aria-hidden", "true");
    // The icon font may already have drawn it, with its title inside.
    icon.querySelectorAll("title").forEach((title) => title.remove());
  }
  const sidebar = document.getElementById("pst-primary-sidebar");
  if (sidebar) {
    sidebar.setAttribute("role", "complementary");
    sidebar.setAttribute("aria-label", "Book");
  }
  // A list may hold nothing but items; bibliography entries have a role that is none.
  for (const entry of document.querySelectorAll(".citation-list > .citation")) {
    entry.setAttribute("role", "listitem");
  }
});
