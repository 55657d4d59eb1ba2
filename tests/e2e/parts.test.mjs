// The program comes in four parts (assets/boot.js): what each waits for, and what is said when one does not come.
import assert from "node:assert/strict";
import { copyFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { eventually } from "./hands.mjs";
import { serve, SITE } from "./server.mjs";

let browser, second, third, styles;
before(async () => {
  browser = await launch();
  const names = await readdir(SITE);
  [second, third, styles] = ["second", "third", "later"].map((part) => names.find((name) => name.startsWith(`${part}-`)));
  assert.ok(second && third && styles, "the site has a second and a third part, and styles of its own for that");
});
after(() => browser?.close());

/** Notes from now on when which part is asked for, begins to come and has come, in order; also what a worker of the page asks for. */
function watchParts(page) {
  const seen = new Map();
  const note = (what) => (request) => {
    const part = /\/(app|second|third|rest)-\w+\.wasm$/.exec(request.url())?.[1];
    if (part) seen.set(`${part} ${what}`, [...(seen.get(`${part} ${what}`) ?? []), performance.now()]);
  };
  page.on("request", note("asked"));
  page.on("response", (response) => note("begins")(response.request()));
  page.on("requestfinished", note("came"));
  return seen;
}

/** Opens the page anew, and keeps a part of the program back until the function that this returns is called. */
async function without(page, part) {
  await ready(page);
  let letGo;
  const held = new Promise((go) => (letGo = go));
  await page.route(`**/${part}`, async (route) => {
    await held;
    await route.continue();
  });
  await page.reload();
  await page.locator(".map-main").waitFor({ state: "attached" });
  return letGo;
}

test("the page stands while what draws the map is on its way, and goes on when it has come", async (t) => {
  const { page, complaints } = await open(t, browser);
  const letGo = await without(page, second);
  for (const part of [".top", ".time", ".bottom"]) assert.equal(await page.locator(part).count(), 1, part);
  assert.equal(await page.locator(".map-main .pod").count(), 0, "nothing is on the map yet");
  assert.equal(await page.locator("#starting").count(), 1, "it is still being loaded");
  letGo();
  await ready(page);
  for (const part of [".task", ".editor", ".tabs"]) assert.equal(await page.locator(part).count(), 1, part);
  await page.locator(".send").click();
  await page.locator(".ending.good").waitFor({ state: "attached" });
  assert.equal(await page.evaluate(() => globalThis.giljabiRest.waited), false, "nobody had to wait for a part");
  assert.deepEqual(complaints, []);
});

test("what is said while the page comes is said in the person's language", async (t) => {
  const { page } = await open(t, browser, { locale: "en-GB" });
  const letGo = await without(page, second);
  const said = async () => [await page.evaluate(() => document.documentElement.lang), await page.locator("#starting p:visible").getAttribute("lang")];
  assert.deepEqual(await said(), ["en", "en"]);
  letGo();
  await ready(page);
  // What was chosen weighs more than what the browser says.
  await page.evaluate(() => localStorage.setItem("giljabi.lang", "ko"));
  const letGoAgain = await without(page, second);
  assert.deepEqual(await said(), ["ko", "ko"]);
  letGoAgain();
});

for (const [width, height] of [[1440, 900], [390, 844]]) {
  test(`a request arrives on the map while what draws the panels is on its way, and moves nothing: ${width} px`, async (t) => {
    const { page, complaints } = await open(t, browser, { viewport: { width, height } });
    const letGo = await without(page, third);
    await page.locator("#starting").waitFor({ state: "detached" });
    await page.locator(".send").click();
    await page.locator(".map-ended.good").waitFor({ state: "attached" });
    for (const part of [".task", ".editor", ".tabs", ".zoom"]) assert.equal(await page.locator(part).count(), 0, part);
    const places = () =>
      page.evaluate(() =>
        [".map-frame", ".map-main .pod", ".map-tools", ".mini", ".time", ".bottom"].map((part) => {
          const { x, y, width, height } = document.querySelector(part)?.getBoundingClientRect() ?? {};
          return [part, x, y, width, height].join(" ");
        }),
      );
    const before = await places();
    letGo();
    await ready(page);
    await page.locator(".ending.good").waitFor({ state: "attached" });
    assert.deepEqual(await places(), before, "what stood stays where it was");
    assert.equal(await page.evaluate(() => globalThis.giljabiRest.waited), false, "nobody had to wait for a part");
    assert.deepEqual(complaints, []);
  });
}

test("the panels come with their styles, or without them if those do not come", async (t) => {
  const { page, complaints } = await open(t, browser);
  const letGo = await without(page, styles);
  await page.locator("#starting").waitFor({ state: "detached" });
  await page.waitForTimeout(1_000);
  assert.equal(await page.locator(".task").count(), 0, "what has no styles yet is not shown");
  letGo();
  await ready(page);
  const sheets = await page.evaluate(() => [...document.styleSheets].map(({ href }) => /\/(\w+)-\w+\.css$/.exec(href)?.[1]));
  assert.deepEqual(sheets, ["later", "app"], "the page's own sheet has the last word");
  assert.deepEqual(complaints, []);
  const bare = await open(t, browser, { failing: { [styles]: 503 } });
  await ready(bare.page);
  await bare.page.locator(".send").click();
  await bare.page.locator(".ending.good").waitFor({ state: "attached" });
});

test("a second or third part that does not come is told in words", async (t) => {
  for (const part of [second, third]) {
    const { page } = await open(t, browser, { failing: { [part]: 503 } });
    await page.locator("#failure").waitFor();
    assert.match(await page.locator("#failure").innerText(), /길잡이를 시작하지 못했어요[^]*503/);
  }
});

test("on a slow line each part is asked for when the one before it is nearly there, and not before", async (t) => {
  const { page } = await open(t, browser);
  await ready(page);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.setCacheDisabled", { cacheDisabled: true });
  const line = { offline: false, latency: 400, downloadThroughput: 5e5, uploadThroughput: 5e5 };
  await devtools.send("Network.emulateNetworkConditions", line);
  const seen = watchParts(page);
  await page.reload();
  await ready(page);
  await eventually(() => assert.ok(seen.has("rest asked"), "the rest is asked for, too"));
  const order = ["app asked", "app begins", "second asked", "app came", "third asked", "second came", "third came", "rest asked"];
  assert.deepEqual([...seen.keys()].filter((each) => order.includes(each)), order);
  for (const [one, next] of [["app", "second"], ["second", "third"]]) {
    const at = (what) => seen.get(what)[0] - seen.get(`${one} begins`)[0];
    const [asked, came] = [at(`${next} asked`), at(`${one} came`)];
    assert.ok(asked > came / 2, `${next} is asked for after ${asked} of ${came} ms`);
  }
});

test("who has something of their own gets each part once", async (t) => {
  const { page } = await open(t, browser);
  await ready(page);
  await page.locator(".cm-content").first().click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("# mine");
  await page.waitForFunction(() => Object.keys(localStorage).some((name) => localStorage[name].includes("# mine")));
  const seen = watchParts(page);
  await page.reload();
  await ready(page);
  await eventually(() => assert.ok(seen.has("rest came")));
  const asked = ["app", "second", "third", "rest"].map((part) => seen.get(`${part} asked`)?.length);
  assert.deepEqual(asked, [1, 1, 1, 1]);
  assert.match(await page.locator(".cm-content").first().innerText(), /# mine/);
  assert.equal(await page.evaluate(() => globalThis.giljabiRest.waited), false, "nobody had to wait for a part");
});

test("a program in one piece, as a development build is, has no parts to wait for", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "giljabi-piece-"));
  for (const script of ["boot.js", "strands.js"]) await copyFile(new URL(`../../assets/${script}`, import.meta.url), join(folder, script));
  // The smallest program there is, and in the place of its script one that does with it what the app does.
  await writeFile(join(folder, "app.wasm"), Buffer.from("\0asm\x01\0\0\0"));
  const app = `export default ({ module_or_path }) => WebAssembly.instantiate(module_or_path);
    export const begin = async () => {
      const { drawable, panelled, there } = globalThis.giljabiRest;
      await Promise.all([drawable, panelled]);
      document.title = \`begun \${there}\`;
    };`;
  await writeFile(join(folder, "app.js"), app);
  const script = '<script id="boot" type="module" src="boot.js" data-js="app.js" data-wasm="app.wasm"></script>';
  await writeFile(join(folder, "index.html"), `<!doctype html><meta charset="utf-8"><title>piece</title>${script}`);
  const server = await serve({ site: folder });
  const page = await browser.newPage();
  t.after(async () => {
    await page.close();
    await server.close();
    await rm(folder, { recursive: true });
  });
  await page.goto(server.url);
  await page.waitForFunction(() => document.title.startsWith("begun"), undefined, { timeout: 10_000 });
  assert.equal(await page.title(), "begun true");
  assert.equal(await page.locator("#failure").count(), 0);
});
