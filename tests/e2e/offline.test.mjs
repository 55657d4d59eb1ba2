// After the first visit the page works without a network; a new build comes with a notice and takes nothing away.
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { after, before, test } from "node:test";
import { launch, ready } from "./browser.mjs";
import { eventually } from "./hands.mjs";
import { SITE, serve } from "./server.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Waits until the page is in a service worker's hands. */
const inHands = (page) =>
  page.evaluate(
    () =>
      navigator.serviceWorker.controller ??
      new Promise((taken) => navigator.serviceWorker.addEventListener("controllerchange", () => taken(), { once: true })),
  ).then(() => undefined);

test("the network goes, and everything is still there", async (t) => {
  const server = await serve();
  const context = await browser.newContext({ locale: "en-GB" });
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(server.url);
  await ready(page);
  await inHands(page);
  // The program is kept as the browser compiles it, without anything left to do.
  const kept = await page.evaluate(async () => {
    const cache = await caches.open((await caches.keys())[0]);
    const programs = (await cache.keys()).filter(({ url }) => url.endsWith(".wasm"));
    const answers = await Promise.all(programs.map((program) => cache.match(program)));
    return Promise.all(answers.map(async (answer) => [answer.headers.get("content-type"), WebAssembly.validate(await answer.arrayBuffer())]));
  });
  assert.deepEqual(kept, Array(4).fill(["application/wasm", true]));
  await server.close();
  await context.setOffline(true);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.reload();
  await ready(page);
  await page.locator(".send").click();
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("End");
  await page.locator(".ending.good").waitFor();
  // A part that was never opened before comes from the same store.
  await page.evaluate(() => (location.hash = "#/lessons"));
  await page.getByRole("heading").filter({ hasText: /lesson/i }).first().waitFor();
  assert.deepEqual(complaints, []);
});

test("what is kept for later waits until the page stands, and for who comes back the panels wait until a request can be sent", async (t) => {
  const server = await serve();
  const context = await browser.newContext({ locale: "en-GB" });
  t.after(async () => {
    await context.close();
    await server.close();
  });
  const page = await context.newPage();
  let letGo;
  const held = new Promise((go) => (letGo = go));
  await page.route("**/rest-*.wasm", async (route) => {
    await held;
    await route.continue();
  });
  const times = (part) =>
    page.evaluate((part) => performance.getEntriesByType("resource").filter(({ name }) => name.includes(`/${part}-`)).map((each) => each.startTime), part);
  await page.goto(server.url);
  await ready(page);
  // More than it takes from then on.
  await page.waitForTimeout(1500);
  assert.deepEqual(await times("offline"), [], "it is not asked for while the rest of the program is on its way");
  letGo();
  await inHands(page);
  assert.equal((await times("offline")).length, 1);
  await page.addInitScript(() => {
    let there = false;
    new MutationObserver(() => {
      const starting = document.getElementById("starting");
      if (there && !starting) globalThis.sendable ??= performance.now();
      there ||= Boolean(starting);
    }).observe(document, { childList: true, subtree: true });
  });
  await page.reload();
  await ready(page);
  const sendable = await page.evaluate(() => globalThis.sendable);
  const [third, ...more] = await times("third");
  assert.deepEqual(more, []);
  assert.ok(third >= sendable, `the panels were asked for at ${third} ms, a request could be sent at ${sendable} ms`);
});

test("a new build is told of, and changing over keeps the text", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "giljabi-site-"));
  await cp(SITE, folder, { recursive: true });
  const server = await serve({ site: folder });
  const context = await browser.newContext({ locale: "en-GB" });
  t.after(async () => {
    await context.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const page = await context.newPage();
  await page.goto(server.url);
  await ready(page);
  await inHands(page);
  await page.locator(".cm-content").first().click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("# mine");
  await page.waitForFunction(() => localStorage.getItem("giljabi.files")?.includes("# mine"));
  const worker = join(folder, "sw.js");
  const [build, ...others] = (await readFile(worker, "utf8")).match(/"[0-9a-f]{16}"/g);
  assert.equal(others.length, 0, "the worker names its build once");
  await writeFile(worker, (await readFile(worker, "utf8")).replace(build, '"0123456789abcdef"'));
  await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).update());
  const notice = page.locator("#update");
  await notice.waitFor();
  await eventually(async () => assert.match(await notice.innerText(), /new version is ready/i));
  await Promise.all([page.waitForEvent("load"), notice.getByRole("button", { name: /change over/i }).click()]);
  await ready(page);
  await page.waitForFunction(() => document.querySelector(".cm-content")?.innerText.includes("# mine"));
  const caches = await page.evaluate(() => globalThis.caches.keys());
  assert.equal(caches.length, 1, caches.join(", "));
  assert.match(caches[0], /0123456789abcdef/);
});

test("the manifest makes it installable", async () => {
  const manifest = JSON.parse(await readFile(join(SITE, "manifest.webmanifest"), "utf8"));
  assert.ok(manifest.name && manifest.start_url && manifest.display === "standalone");
  for (const { src } of manifest.icons) assert.ok((await readFile(join(SITE, src))).length > 100, src);
  assert.ok(manifest.icons.some(({ sizes, purpose }) => sizes === "512x512" && purpose === "maskable"));
});

test("what the site is made of is listed with its licences, and the version is named", async () => {
  const list = await readFile(join(SITE, "licences.txt"), "utf8");
  for (const name of ["leptos ", "imbl ", "@codemirror/view "]) assert.ok(list.includes(`\n${name}`), name);
  assert.match(await readFile(join(SITE, "index.html"), "utf8"), /name="giljabi-version" content="\d+\.\d+\.\d+"/);
  assert.match(await readFile(join(SITE, "lessons-guide.txt"), "utf8"), /lesson\.yaml/);
  assert.match(await readFile(join(SITE, "changelog.txt"), "utf8"), /# What changed/);
});
