// Writes assets/first.txt: which functions of the WASM run until the first request has been sent and has arrived and all panels are
// there, which stretches of them, and which of them run before the map is filled and before the panels come. The site must be one
// that records (`cargo xtask first` builds it and calls this).
import { readFile, writeFile } from "node:fs/promises";
import { launch, open, ready } from "./browser.mjs";
import { REPORT } from "../../assets/hooks/pack.mjs";

const LIST = new URL("../../assets/first.txt", import.meta.url);
const HEAD = `# What runs until the first request has arrived and all panels are there: what the first three parts of the WASM hold.
# A line a function: the sums of its name and of its instructions, and a digit for each stretch of it: 1 it ran before the map was
# filled, 2 until the request had arrived on the map, 3 later, 0 not at all; or one digit and a + when it is the same for all of them.
# The line that begins with - holds what was there and did not run, by the first letters of the sums of the names.
# Written by \`cargo xtask first\`, read by xtask/split.
`;
/** How people come: both languages, light and dark, with and without motion; and screens on each of which the map lies otherwise. */
const VISITS = [
  { locale: "ko-KR", colorScheme: "light" },
  { locale: "en-GB", colorScheme: "dark", reducedMotion: "reduce" },
  { locale: "ko-KR", viewport: { width: 390, height: 844 }, hasTouch: true },
  { locale: "en-GB", viewport: { width: 360, height: 640 }, hasTouch: true },
  { locale: "ko-KR", viewport: { width: 820, height: 1180 }, hasTouch: true },
  { locale: "ko-KR", viewport: { width: 1280, height: 720 } },
  { locale: "en-GB", viewport: { width: 1366, height: 768 } },
  { locale: "ko-KR", viewport: { width: 1920, height: 1080 } },
];

const browser = await launch();
const cleanup = [];
const functions = (await readFile(REPORT, "utf8")).trimEnd().split("\n").map((line) => {
  const [start, count, name, shape] = line.split("\t")[2].split(" ");
  return { start: Number(start), ran: new Array(Number(count)).fill(0), name, shape };
});
/** Notes what has run on a page for the first time in this part, or an earlier one. */
async function note(page, part) {
  const marks = await page.evaluate(() => new TextDecoder("latin1").decode(globalThis.giljabiRest.first.memory.buffer));
  for (const { start, ran } of functions) {
    ran.forEach((known, index) => (ran[index] = marks.charCodeAt(start + index) ? Math.min(known || part, part) : known));
  }
}

/** Waits for the page, which stops before it fills the map until what ran has been noted, and everything before it has been painted. */
async function begin(page) {
  await page.waitForFunction(() => globalThis.fillMap && document.querySelector(".map-main"));
  await page.waitForTimeout(1_000);
  await note(page, 1);
  await page.evaluate(() => globalThis.fillMap());
  await page.locator("#starting").waitFor({ state: "detached" });
}

/** Sends the request that the page offers, and waits until it has arrived on the map. */
async function send(page) {
  await page.locator(".send").click();
  await page.locator(".map-ended.good").waitFor({ state: "attached", timeout: 60_000 });
}

/** Has the page make its panels, and notes what else has run then. */
async function panels(page) {
  await page.evaluate(() => globalThis.makePanels());
  await ready(page);
  await note(page, 3);
}

/** Has the page wait for `fillMap` and `makePanels` where a split program waits for its second and its third part. */
function halt() {
  let rest;
  Object.defineProperty(globalThis, "giljabiRest", {
    get: () => rest,
    set(value) {
      rest = value;
      rest.drawable = new Promise((done) => (globalThis.fillMap = done));
      rest.panelled = new Promise((done) => (globalThis.makePanels = done));
      // What is done when the whole program is there is none of what comes first.
      rest.whole = new Promise(() => {});
    },
  });
}

for (const visit of VISITS) {
  const { page, complaints } = await open({ after: (f) => cleanup.push(f) }, browser, { ...visit, init: halt });
  await begin(page);
  await send(page);
  await note(page, 2);
  await panels(page);
  // Who comes back has a language, a theme and sizes that the browser kept.
  await page.evaluate(() => localStorage.setItem("giljabi.theme", "dark"));
  await page.reload();
  await begin(page);
  await note(page, 2);
  await panels(page);
  await send(page);
  await note(page, 3);
  if (complaints.length) console.warn(complaints.join("\n"));
}
for (const each of cleanup) await each();
await browser.close();
const lines = new Map();
for (const { ran, name, shape } of functions) {
  if (!ran[0]) continue;
  // Functions of one name and shape are one to the splitter.
  const before = lines.get(`${name} ${shape}`);
  const first = (a, b) => (a && b ? Math.min(a, b) : a || b);
  lines.set(`${name} ${shape}`, before ? before.map((part, index) => first(part, ran[index])) : ran);
}
const ran = new Set([...lines.keys()].map((sums) => sums.split(" ")[0]));
const idle = [...new Set(functions.filter(({ name }) => !ran.has(name)).map(({ name }) => name.slice(0, 6)))].sort();
const list = [...lines].map(([sums, ran]) => `${sums} ${ran.every((part) => part === ran[0]) ? `${ran[0]}+` : ran.join("")}\n`).sort();
await writeFile(LIST, `${HEAD}- ${idle.join("")}\n${list.join("")}`);
console.log(`${list.length} of ${functions.length} functions run until the first request has arrived and the panels are there`);
