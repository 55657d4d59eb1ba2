// The program comes in three parts (assets/boot.js): what each waits for, and what is said when one does not come.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { eventually } from "./hands.mjs";
import { SITE } from "./server.mjs";

let browser, second;
before(async () => {
  browser = await launch();
  second = (await readdir(SITE)).find((name) => name.startsWith("second-"));
  assert.ok(second, "the site has a second part");
});
after(() => browser?.close());

/** Notes from now on when which part is asked for, begins to come and has come, in order; also what a worker of the page asks for. */
function watchParts(page) {
  const seen = new Map();
  const note = (what) => (request) => {
    const part = /\/(app|second|rest)-\w+\.wasm$/.exec(request.url())?.[1];
    if (part) seen.set(`${part} ${what}`, [...(seen.get(`${part} ${what}`) ?? []), performance.now()]);
  };
  page.on("request", note("asked"));
  page.on("response", (response) => note("begins")(response.request()));
  page.on("requestfinished", note("came"));
  return seen;
}

test("the page stands while what draws the map is on its way, and goes on when it has come", async (t) => {
  const { page, complaints } = await open(t, browser);
  await ready(page);
  let letGo;
  const held = new Promise((go) => (letGo = go));
  await page.route(`**/${second}`, async (route) => {
    await held;
    await route.continue();
  });
  await page.reload();
  await page.locator(".map-main").waitFor({ state: "attached" });
  for (const part of [".top", ".task", ".editor", ".time", ".bottom"]) assert.equal(await page.locator(part).count(), 1, part);
  assert.equal(await page.locator(".map-main .pod").count(), 0, "nothing is on the map yet");
  assert.equal(await page.locator("#starting").count(), 1, "it is still being loaded");
  letGo();
  await ready(page);
  await page.locator(".send").click();
  await page.locator(".ending.good").waitFor({ state: "attached" });
  assert.equal(await page.evaluate(() => globalThis.giljabiRest.waited), false, "nobody had to wait for a part");
  assert.deepEqual(complaints, []);
});

test("a second part that does not come is told in words", async (t) => {
  const { page } = await open(t, browser, { failing: { [second]: 503 } });
  await page.locator("#failure").waitFor();
  assert.match(await page.locator("#failure").innerText(), /길잡이를 시작하지 못했어요[^]*503/);
});

test("on a slow line the second part is asked for when the first is nearly there, and not before", async (t) => {
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
  const order = ["app asked", "app begins", "second asked", "app came", "second came", "rest asked"];
  assert.deepEqual([...seen.keys()].filter((each) => order.includes(each)), order);
  const at = (what) => seen.get(what)[0] - seen.get("app begins")[0];
  assert.ok(at("second asked") > at("app came") / 2, `asked for after ${at("second asked")} of ${at("app came")} ms`);
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
  const asked = ["app", "second", "rest"].map((part) => seen.get(`${part} asked`)?.length);
  assert.deepEqual(asked, [1, 1, 1]);
  assert.match(await page.locator(".cm-content").first().innerText(), /# mine/);
  assert.equal(await page.evaluate(() => globalThis.giljabiRest.waited), false, "nobody had to wait for a part");
});
