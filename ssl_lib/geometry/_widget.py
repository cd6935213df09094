"""The style and the script of an explorable partition; nothing is fetched from elsewhere."""

__all__ = ["SCRIPT", "STYLE"]

STYLE = """
.ssl-explore { display: flex; flex-wrap: wrap; gap: 0.75rem 1.5rem; text-align: left; }
.ssl-explore[hidden] { display: none; }
.ssl-explore svg { display: block; width: 100%; height: auto; cursor: crosshair;
  touch-action: pan-y pinch-zoom; border-radius: 4px; }
.ssl-explore svg:focus-visible { outline: 3px solid var(--pst-color-accent, #8045e5);
  outline-offset: 2px; }
.ssl-explore .picture { flex: 1 1 19rem; max-width: 32rem; min-width: 0; }
.ssl-explore .readout { flex: 1 1 15rem; min-width: 0; font-size: 0.9375rem; }
.ssl-explore p { margin: 0 0 0.5rem; }
.ssl-explore .hint { color: var(--pst-color-text-muted, inherit); margin-top: 0.5rem; }
.ssl-explore .units { font-family: var(--pst-font-family-monospace, monospace);
  font-size: 1.25rem; line-height: 1.2; overflow-wrap: anywhere; }
.ssl-explore .units i { font-style: normal; opacity: 0.45; }
.ssl-explore table { width: 100%; margin: 0; border-collapse: collapse; background: none;
  color: inherit; font-size: inherit; font-variant-numeric: tabular-nums; }
.ssl-explore :is(th, td) { padding: 0.25rem 0.4rem; text-align: right; background: none;
  border: 0; border-bottom: 1px solid var(--pst-color-border, #8886); color: inherit;
  font-weight: 400; }
.ssl-explore :is(th:first-child, caption) { text-align: left; padding-left: 0; }
.ssl-explore caption { caption-side: top; color: inherit; padding: 0 0 0.25rem; }
.ssl-explore thead th { color: var(--pst-color-text-muted, inherit); }
.ssl-explore tr.largest :is(th, td) { font-weight: 700; }
.ssl-explore path { vector-effect: non-scaling-stroke; }
.ssl-explore .faces path { stroke: #fff; stroke-width: 0.6; stroke-opacity: 0.8; }
.ssl-explore .line { fill: none; pointer-events: none; stroke-linecap: round;
  stroke-linejoin: round; }
@media screen { .ssl-explore-twin { display: none !important; } }
@media print { .ssl-explore { display: none !important; } }
"""

SCRIPT = """
(function (root) {
  "use strict";
  if (!root) return;
  const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const svg = root.querySelector("svg");
  const faces = Array.from(svg.querySelectorAll("[data-region]"));
  const rows = Array.from(root.querySelectorAll("tbody tr"));
  let chosen = data.first;

  function short(value) {
    const size = Math.abs(value);
    let text = value.toExponential(1);
    if (size >= 1000 && size < 1e6) text = value.toFixed(0);
    else if ((size >= 1e-3 && size < 1000) || !size) text = value.toPrecision(3);
    return text.replace(/-/g, "\\u2212");
  }

  function units(codes) {
    const marks = (code) => Array.from(code, (on) => (on === "1" ? "\\u25a0" : "<i>\\u25a1</i>"));
    return codes.map((code) => marks(code).join("")).join("<br>");
  }

  function show(number) {
    chosen = number;
    const region = data.regions[number];
    const active = region.codes.join("").split("1").length - 1;
    const all = region.codes.join("").length;
    for (const mark of svg.querySelectorAll(".chosen")) {
      mark.setAttribute("d", faces[number].getAttribute("d"));
    }
    root.querySelector(".about").innerHTML =
      "<b>Region " + (number + 1) + "</b> of " + faces.length + ", area " + short(region.area) +
      (all ? "<br>" + active + " of " + all + " units active" : "");
    root.querySelector(".units").innerHTML = units(region.codes);
    const value = region.map.map((f) => f[0] * region.center[0] + f[1] * region.center[1] + f[2]);
    const largest = value.length > 1 ? value.indexOf(Math.max(...value)) : -1;
    rows.forEach(function (row, output) {
      row.classList.toggle("largest", output === largest);
      region.map[output].forEach((number, column) => {
        row.cells[column + 1].textContent = short(number);
      });
    });
  }

  function point(event) {
    const face = event.target.closest("[data-region]");
    if (face) show(Number(face.dataset.region));
  }

  const ways = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  function step(event) {
    let best = Infinity, next = null;
    const way = ways[event.key], from = data.regions[chosen].center;
    if (event.key === "Home") next = data.first;
    else if (!way) return;
    else data.regions.forEach(function (region, number) {
      const x = region.center[0] - from[0], y = region.center[1] - from[1];
      const along = x * way[0] + y * way[1], aside = Math.abs(x * way[1] - y * way[0]);
      const cost = along + 2 * aside;
      if (along > 0 && aside <= along && cost < best) { best = cost; next = number; }
    });
    event.preventDefault();
    if (next !== null) show(next);
  }

  svg.addEventListener("pointermove", point);
  svg.addEventListener("pointerdown", point);
  svg.addEventListener("keydown", step);

  // In the book the picture takes the place of its still twin, above the twin's caption.
  const figure = document.getElementById(data.twin);
  const still = figure && figure.querySelector("img");
  if (still) {
    const place = root.closest(".output");
    const outer = still.closest("a") || still;
    outer.classList.add("ssl-explore-twin");
    outer.before(root);
    if (place) place.hidden = true;
  }
  root.hidden = false;
  show(chosen);
})(document.getElementById(__ID__));
"""
