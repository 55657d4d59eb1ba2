// The program comes in three parts (assets/boot.js): what each waits for, and what is said when one does not come.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { SITE } from "./server.mjs";

let browser, second;
before(async () => {
  browser = await launch();
  second = (await readdir(SITE)).find((name) => name.startsWith("second-"));
  assert.ok(second, "the site has a second part");
});
after(() => browser?.close());

/** When each part was asked for and had come, in milliseconds since the page was. */
const parts = (page) =>
  page.evaluate(() => {
    const of = (name) => performance.getEntriesByType("resource").filter((each) => each.name.includes(`/${name}-`));
    const times = (name) => of(name).map(({ startTime, responseStart, responseEnd }) => ({ startTime, responseStart, responseEnd }));
    return { first: times("app").filter(({ responseEnd }) => responseEnd), second: times("second"), rest: times("rest") };
  });

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
  const line = { offline: false, latency: 400, downloadThroughput: 1e6, uploadThroughput: 1e6 };
  await devtools.send("Network.emulateNetworkConditions", line);
  await page.reload();
  await ready(page);
  const { first, second, rest } = await parts(page);
  assert.equal(second.length, 1);
  assert.ok(second[0].startTime > first[0].responseStart, "the first part comes alone");
  assert.ok(second[0].startTime < first[0].responseEnd, "the second sets out before the first has come");
  assert.ok(!rest.length || rest[0].startTime > second[0].responseEnd, "the rest comes last");
});

test("who has something of their own gets each part once", async (t) => {
  const { page } = await open(t, browser);
  await ready(page);
  await page.locator(".cm-content").first().click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("# mine");
  await page.waitForFunction(() => Object.keys(localStorage).some((name) => localStorage[name].includes("# mine")));
  await page.reload();
  await ready(page);
  const { second, rest } = await parts(page);
  assert.deepEqual([second.length, rest.length], [1, 1]);
  assert.match(await page.locator(".cm-content").first().innerText(), /# mine/);
  assert.equal(await page.evaluate(() => globalThis.giljabiRest.waited), false, "nobody had to wait for a part");
});
