// What is linked lights each other, from every side: hop, line, place, rule. Hovering previews, a click holds, Escape lets go.
// Going back to a moment brings back what the screen showed; text that waits is not lost; many clients share rows.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const english = { locale: "en-GB", reducedMotion: "reduce" };

const press = async (page, key) => {
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press(key);
};

async function begin(page, title) {
  await page.locator(".task-head .btn").click();
  await page.locator(".scenarios li button", { hasText: title }).click();
  await page.locator("#task-title", { hasText: title }).waitFor();
}

test("the first visit: one button in the middle of the page sends, and the answer is seen", async (t) => {
  const { page, complaints } = await open(t, browser, english);
  await ready(page);
  assert.match(await page.locator(".inviting").innerText(), /What does a Service do\?/);
  await page.locator(".first-send").click();
  await page.locator(".map-main .packet").waitFor({ state: "attached" });
  await page.locator(".ending.good").waitFor({ timeout: 15_000 });
  assert.deepEqual(complaints, []);
});

test("hop, line, place and rule light each other; a click holds, Escape lets go", async (t) => {
  const { page, complaints } = await open(t, browser, english);
  await ready(page);
  await page.locator(".send").click();
  await press(page, "End");
  // To the hop where the address is translated, and to its rules.
  await page.locator(".journey tr:has(del) .hop-number").first().click();
  await page.keyboard.press("Escape");
  await page.locator("#tab\\.rules").click();
  const rule = page.locator(".rules li.hit", { has: page.locator(".line-link") }).first();
  const line = Number((await rule.locator(".line-link").innerText()).split(":")[1]);
  const lit = (selector) => page.locator(selector).first();

  // A rule lights its place, its hop and its line, and nothing else of the file.
  await rule.hover();
  await lit(".kernel.lit").waitFor();
  await lit(".badge.lit").waitFor({ state: "attached" });
  await lit(".tick.lit").waitFor({ state: "attached" });
  await lit(".cm-line.line-lit").waitFor();
  assert.equal(await page.locator(".cm-line.line-lit").count(), 1, "the line that the rule was written for");
  await page.mouse.move(3, 3);
  await page.locator(".kernel.lit").waitFor({ state: "detached" });
  // Held, it stays when the pointer goes, until Escape.
  await rule.locator(".rule").click();
  await page.mouse.move(3, 3);
  assert.equal(await rule.locator(".rule").getAttribute("aria-pressed"), "true");
  await lit(".kernel.lit").waitFor();
  await press(page, "Escape");
  await page.locator(".kernel.lit").waitFor({ state: "detached" });

  // A place lights its rules and its hops.
  await page.locator(".kernel.open .kernel-title").last().hover();
  await lit(".rules li.lit").waitFor();
  await lit(".tick.lit").waitFor({ state: "attached" });
  await page.mouse.move(3, 3);
  await page.locator(".rules li.lit").waitFor({ state: "detached" });

  // A line, by the cursor of the editor, lights its rule and its place.
  await page.locator(".cm-line").nth(line - 1).click();
  await lit(".rules li.lit").waitFor();
  await lit(".kernel.lit").waitFor();
  assert.deepEqual(complaints, []);
});

test("back to a moment: its scenario, its cluster's settings and its request come back, too", async (t) => {
  const { page, complaints } = await open(t, browser, english);
  await ready(page);
  await page.locator(".url").fill("http://kimho:406");
  await begin(page, "A load balancer before the cluster");
  const balancer = () => page.locator(".choices select").nth(1).inputValue();
  assert.equal(await balancer(), "cloud");
  await page.locator("#tab\\.history").click();
  await page.locator(".moments tbody tr").last().locator(".line-link").click();
  await page.locator("#task-title", { hasText: "Only port 406" }).waitFor();
  assert.equal(await page.locator(".url").inputValue(), "http://kimho:406");
  assert.equal(await balancer(), "none");
  await page.locator(".file", { hasText: "service.yaml" }).waitFor();
  // And forward again.
  await page.locator(".moments tbody tr").first().locator(".line-link").click();
  await page.locator("#task-title", { hasText: "A load balancer" }).waitFor();
  assert.equal(await balancer(), "cloud");
  assert.deepEqual(complaints, []);
});

test("with applying switched off the text waits, follows its file, outlives a reload, and is applied by Ctrl+Enter", async (t) => {
  const { page, complaints } = await open(t, browser, english);
  await ready(page);
  await page.locator(".at-once input").uncheck();
  const type = async (text) => {
    await page.locator(".cm-content").first().click();
    await page.keyboard.press("Control+Home");
    await page.keyboard.type(text);
  };
  await type("# one\n");
  await page.locator(".apply").waitFor();
  const text = () => page.locator(".cm-content").first().evaluate((e) => e.cmTile.view.state.doc.toString());
  await page.locator(".file", { hasText: "pods.yaml" }).click();
  await type("# two\n");
  await page.locator(".file", { hasText: "service.yaml" }).click();
  await page.waitForFunction(() => document.querySelector(".cm-content").innerText.startsWith("# one"));
  await page.reload();
  await ready(page);
  await page.waitForFunction(() => document.querySelector(".cm-content").innerText.startsWith("# one"));
  await page.locator(".cm-content").first().click();
  await page.keyboard.press("Control+Enter");
  await page.locator(".apply").waitFor({ state: "detached" });
  await page.locator(".file", { hasText: "pods.yaml" }).click();
  await page.waitForFunction(() => document.querySelector(".cm-content").innerText.startsWith("# two"));
  assert.match(await text(), /^# two\n/);
  // One undo takes both back.
  await press(page, "Control+z");
  await page.waitForFunction(() => !document.querySelector(".cm-content").innerText.startsWith("# two"));
  await page.locator(".file", { hasText: "service.yaml" }).click();
  await page.waitForFunction(() => !document.querySelector(".cm-content").innerText.startsWith("# one"));
  assert.deepEqual(complaints, []);
});

test("who reaches what, among a hundred pods: a row a workload, which unfolds", async (t) => {
  const { page, complaints } = await open(t, browser, english);
  await ready(page);
  await begin(page, "A hundred pods");
  await page.locator("#tab\\.reach").click();
  const row = page.locator(".reach tr", { hasText: "deployment/web" });
  await row.locator(".cell.good").first().waitFor();
  await row.locator(".cell", { hasText: "all 100" }).first().waitFor({ timeout: 30_000 });
  await page.locator(".reach-progress").waitFor({ state: "detached", timeout: 30_000 });
  assert.ok((await page.locator(".reach tbody tr").count()) < 10, "a row a workload");
  await row.locator(".unfold").click();
  assert.equal(await page.locator(".reach tr.inner .cell.good").count(), 100);
  assert.deepEqual(complaints, []);
});

test("two fingers zoom the map, one finger taps", async (t) => {
  const { page, complaints } = await open(t, browser, { ...english, viewport: { width: 390, height: 844 }, hasTouch: true });
  await page.locator("#starting").waitFor({ state: "detached" });
  const width = () => page.locator(".map-main").evaluate((e) => e.getBoundingClientRect().width);
  const before = await width();
  const client = await page.context().newCDPSession(page);
  const touch = (type, ...points) =>
    client.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  await touch("touchStart", [160, 300], [220, 300]);
  for (let i = 1; i <= 6; i++) await touch("touchMove", [160 - 10 * i, 300], [220 + 10 * i, 300]);
  await touch("touchEnd");
  await page.waitForFunction((w) => document.querySelector(".map-main").getBoundingClientRect().width > w * 1.5, before);
  assert.equal(await page.evaluate(() => visualViewport.scale), 1, "the page itself is not zoomed");
  await page.locator(".zoom .btn").last().tap();
  await page.waitForFunction((w) => document.querySelector(".map-main").getBoundingClientRect().width <= w, before);
  await page.locator(".send").tap();
  await press(page, "End");
  await page.locator(".map-ended", { hasText: "HTTP 200" }).waitFor();
  assert.deepEqual(complaints, []);
});
