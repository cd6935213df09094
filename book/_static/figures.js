// Figures: the variant for the colour scheme at hand, which an SVG shows when its address names it, and wide ones scroll in a box of their own.
(function () {
  "use strict";

  function swap() {
    const dark = document.documentElement.dataset.theme === "dark";
    for (const mark of document.querySelectorAll(".figure-dark[data-fragment]")) {
      const figure = mark.closest("figure");
      // A slider beside the still picture chooses its own variants.
      const picture = figure && figure.querySelector("img:not(.ssl-slider img)");
      if (!picture) continue;
      if (!picture.dataset.light) picture.dataset.light = picture.getAttribute("src");
      const wanted = picture.dataset.light + (dark ? "#" + mark.dataset.fragment : "");
      if (picture.getAttribute("src") !== wanted) picture.setAttribute("src", wanted);
      picture.classList.toggle("dark-variant", dark);
    }
  }

  function box(figure) {
    const picture = figure.querySelector("img");
    if (!picture) return;
    const frame = document.createElement("div");
    frame.className = "figure-scroll";
    frame.tabIndex = 0;
    frame.setAttribute("role", "group");
    frame.setAttribute("aria-label", "Figure, scrolls sideways on narrow screens");
    const shown = picture.closest("a") || picture;
    shown.replaceWith(frame);
    frame.append(shown);
  }

  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("figure.wide").forEach(box);
    swap();
    new MutationObserver(swap).observe(document.documentElement, {
      attributes: true,
      attributeFilter: ["data-theme"],
    });
  });
})();
