// Opens every page of a built site at two widths and in both colour schemes. Fails on accessibility
// violations beyond the theme's own, on requests that leave this machine, on errors in scripts and on
// pages wider than the window. Usage: node browse.mjs SITE OUTPUT CHROMIUM [PAGE...]
import { createServer } from "node:http";
import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join, normalize, relative, sep } from "node:path";
import { chromium } from "playwright-core";

const [site, output, executablePath, ...wanted] = process.argv.slice(2);
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
// Rules that the theme breaks by itself on an empty page; anything in our own content still counts.
const THEME = {
  "label-content-name-mismatch": /search-button|theme-switch-button/,
  region: /skip-link|pst-skip-link|back-to-top|sidebar|search-dialog|pst-/,
};
// jupyter-book puts the same inline script on a page twice.
const THEME_ERROR = /'THEBE_JS_URL' has already been declared/;
const LOOKS = [[1280, "light"], [390, "dark"], [1280, "dark"], [390, "light"]];
// Made by a machine from one template, and long: two looks at each of these are enough.
const GENERATED = /^(book\/api|genindex|py-modindex)/;
const TALLEST = 12000;
const TYPES = {
  ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".mjs": "text/javascript",
  ".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".ico": "image/x-icon",
  ".json": "application/json", ".woff": "font/woff", ".woff2": "font/woff2", ".csv": "text/csv",
};

function pages(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name.startsWith("_") ? [] : pages(path);
    // The index at the top only leads on to the book's own.
    if (path === join(site, "index.html")) return [];
    return entry.name.endsWith(".html") ? [relative(site, path).split(sep).join("/")] : [];
  });
}

function serve(root) {
  const server = createServer((request, response) => {
    const name = normalize(decodeURIComponent(new URL(request.url, "http://x").pathname));
    try {
      const body = readFileSync(join(root, name.endsWith("/") ? `${name}index.html` : name));
      response.writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream" });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

function ownViolations(violations) {
  return violations.flatMap(({ id, impact, nodes }) => {
    const ours = nodes.filter(({ html, target }) => !THEME[id]?.test(html + target.join(" ")));
    return ours.length ? [`${id} (${impact}, ${ours.length}): ${ours[0].html.slice(0, 160)}`] : [];
  });
}

async function look(page, url, shot) {
  const faults = [];
  const origin = new URL(url).origin;
  const note = (request) => {
    if (!request.url().startsWith(origin) && !/^(data|blob):/.test(request.url())) {
      faults.push(`asks for ${request.url()}`);
    }
  };
  const failed = (response) => {
    if (response.status() >= 400) faults.push(`${response.status()} for ${response.url()}`);
  };
  const thrown = (error) => {
    if (!THEME_ERROR.test(error.message)) faults.push(`script error: ${error.message}`);
  };
  page.on("request", note).on("response", failed).on("pageerror", thrown);
  await page.goto(url, { waitUntil: "load" });
  await page.evaluate(() => window.MathJax?.startup?.promise);
  await page.waitForTimeout(200);
  const [wide, tall, window] = await page.evaluate(() => {
    const { scrollWidth, scrollHeight } = document.documentElement;
    return [scrollWidth, scrollHeight, innerWidth];
  });
  if (wide > window + 1) faults.push(`is ${wide} pixels wide in a window of ${window}`);
  const clip = { x: 0, y: 0, width: window, height: Math.min(tall, TALLEST) };
  await page.screenshot({ path: shot, fullPage: true, clip });
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  page.off("request", note).off("response", failed).off("pageerror", thrown);
  return [...faults, ...ownViolations(violations)];
}

async function browse(browser, base, names) {
  let faults = 0;
  for (const [turn, [width, colorScheme]] of LOOKS.entries()) {
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
    const page = await context.newPage();
    for (const name of names.filter((name) => turn < 2 || !GENERATED.test(name))) {
      const shot = join(output, `${name.replaceAll("/", "-")}-${width}-${colorScheme}.png`);
      for (const fault of await look(page, `${base}/${name}`, shot)) {
        console.log(`error: ${name} at ${width}, ${colorScheme}: ${fault}`);
        faults += 1;
      }
    }
    await context.close();
  }
  return faults;
}

mkdirSync(output, { recursive: true });
const names = wanted.length ? wanted : pages(site);
const server = await serve(site);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const faults = await browse(browser, `http://127.0.0.1:${server.address().port}`, names);
  console.log(`${names.length} pages, ${faults} faults; pictures in ${output}`);
  process.exitCode = faults ? 1 : 0;
} finally {
  await browser.close();
  server.close();
}
