// How much a person has to download, compressed as a good host compresses (brotli).
import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { brotliCompressSync } from "node:zlib";
import { launch, open, ready } from "./browser.mjs";
import { SITE } from "./server.mjs";

const KB = 1000;
/** What we want. Not reached yet: the two tests of it are marked so, and tell when they begin to pass. */
const GOAL = { whole: 600 * KB, first: 250 * KB };
/**
 * What the site may weigh today: lowered with what is saved, raised only for what it can do since. The cluster and
 * the schema that are made when the site is built put 25 KB onto the whole, and took more off what comes first. That is two parts of
 * the program, each compressed for itself (22 KB), so that one is on its way while the other works.
 */
const CEILING = { whole: 2205 * KB, first: 415 * KB };

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const entries = await readdir(SITE, { recursive: true, withFileTypes: true });
const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
const sizes = await Promise.all(
  files.map(async (file) => ({ name: basename(file), size: brotliCompressSync(await readFile(file)).length })),
);
const sum = (list) => list.reduce((total, { size }) => total + size, 0);
const told = (list) =>
  `${(sum(list) / KB).toFixed(1)} KB: ${list.map(({ name, size }) => `${name} ${(size / KB).toFixed(1)}`).join(", ")}`;

/** Sends the first request, and says whether anything until it has arrived had to wait for a part of the WASM. */
async function firstRequest(page) {
  await page.locator(".send").click();
  await page.locator(".ending.good").waitFor({ state: "attached" });
  return page.evaluate(() => globalThis.giljabiRest.waited);
}

/** What a browser fetched before the first request could be sent, the editor's bundle aside. */
async function firstLoad(t) {
  const { page } = await open(t, browser);
  await ready(page);
  const [painted, resources] = await page.evaluate(() => [
    performance.getEntriesByName("first-contentful-paint")[0].startTime,
    performance.getEntriesByType("resource").map(({ name, startTime }) => ({ name: name.split("/").pop(), startTime })),
  ]);
  const editor = resources.find(({ name }) => name.startsWith("editor-"));
  assert.ok(editor, "the editor comes");
  const before = new Set(["index.html", ...resources.filter((each) => each.startTime <= painted).map(({ name }) => name)]);
  assert.ok(!before.has(editor.name), `the editor was asked for at ${editor.startTime} ms, the first picture was at ${painted} ms`);
  // The sentences of the field reference come after the editor.
  const later = [editor.name, "fields.tsv"];
  const waited = await firstRequest(page);
  if (!waited) later.push(...sizes.filter(({ name }) => name.startsWith("rest-")).map(({ name }) => name));
  t.diagnostic(waited ? "the first request waited for a later part of the WASM: cargo xtask first" : "the first parts were enough");
  const needed = sizes.filter(({ name }) => name === "index.html" || (!later.includes(name) && resources.some((each) => each.name === name)));
  assert.ok(needed.some(({ name }) => name.endsWith(".wasm")));
  t.diagnostic(told(needed));
  return needed;
}

test("the whole site does not grow", (t) => {
  t.diagnostic(told(sizes));
  assert.ok(sum(sizes) <= CEILING.whole, told(sizes));
});

test("what comes before the first picture does not grow, and the editor is no part of it", async (t) => {
  const needed = await firstLoad(t);
  assert.ok(sum(needed) <= CEILING.first, told(needed));
});

test("the first parts send the first request by themselves, even when the rest does not come", async (t) => {
  const rest = sizes.find(({ name }) => name.startsWith("rest-"));
  const { page } = await open(t, browser, { failing: { [rest.name]: 503 } });
  await ready(page);
  assert.equal(await firstRequest(page), false);
});

test("goal: the whole site is small", { todo: "the rest of the WASM: kubectl, the shell, the lessons, what is rare" }, () => {
  assert.ok(sum(sizes) <= GOAL.whole, told(sizes));
});

test("goal: what comes before the first picture is smaller", { todo: "the code that the first request runs" }, async (t) => {
  assert.ok(sum(await firstLoad(t)) <= GOAL.first);
});
