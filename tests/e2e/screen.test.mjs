// What a learner does with the first scenario: sends, sees it arrive; sends to the port that fails, reads why, mends the
// YAML, sends again, sees 200.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { eventually, picture, press, shown, write } from "./hands.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Sends a request and goes to its end at once. */
async function send(page, url) {
  await page.locator(".url").fill(url);
  await page.locator(".send").click();
  await press(page, "End");
  await page.locator(".ending").waitFor();
  return page.locator(".ending").innerText();
}

test("a first visit: one press sends a request that arrives", async (t) => {
  const { page, complaints } = await open(t, browser);
  await ready(page);
  await page.locator(".send").click();
  await press(page, "End");
  await page.locator(".ending.good").waitFor();
  await eventually(async () => assert.match(await page.locator(".ending").innerText(), /200/));
  await picture(page, "main-light-ko");
  assert.deepEqual(complaints, []);
});

test("the failing port is found, mended, and answers", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  for (const host of ["kimho", "kimho.default", "kimho.default.svc.cluster.local"]) {
    assert.match(await send(page, `http://${host}`), /200/, host);
  }
  const failure = await send(page, "http://kimho:406");
  assert.match(failure, /refused/i);
  assert.match(failure, /kimhotarget/);
  assert.match(failure, /service\.yaml:17/);
  await picture(page, "failure-light-en");
  // The line to mend leads into the editor.
  await page.locator(".ending .line-link").first().click();
  await page.locator(".line-bad, .line-lit").first().waitFor();
  const before = await shown(page);
  await write(page, before.replace("kimhotarget", "http"));
  await page.locator(".stale").waitFor();
  assert.match(await send(page, "http://kimho:406"), /200/);
  // A reload brings all of it back.
  await page.reload();
  await ready(page);
  await eventually(async () => assert.match(await shown(page), /port: 406\n\s*targetPort: http\n/));
  await eventually(async () => assert.equal(await page.locator(".url").inputValue(), "http://kimho:406"));
  assert.deepEqual(complaints, []);
});

test("broken text is told, and the last good cluster stays", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  const before = await shown(page);
  await write(page, before.replace("  selector:", "\tselector:"));
  await page.locator(".map-notice").waitFor();
  await page.locator(".problem-error").first().waitFor();
  await eventually(async () => assert.ok((await page.locator(".node").count()) >= 3, "the nodes are still there"));
  assert.match(await send(page, "http://kimho"), /200/, "and requests still find their way");
  await picture(page, "broken-light-en");
  await write(page, before);
  await page.locator(".map-notice").waitFor({ state: "detached" });
  assert.deepEqual(complaints, []);
});

test("hop, line and place light each other; Escape lets go", async (t) => {
  const { page } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  await send(page, "http://kimho:406");
  const bad = page.locator(".journey .hop-bad").first();
  await bad.click();
  await page.locator(".cm-line.line-lit, .cm-line.line-bad").first().waitFor();
  await page.locator(".kernel.lit").first().waitFor();
  await page.keyboard.press("Escape");
  await page.mouse.move(5, 5);
  await page.waitForFunction(() => !document.querySelector(".kernel.lit"));
});

test("the keyboard does everything, one hop at a time", async (t) => {
  const { page } = await open(t, browser, { locale: "en-GB", reducedMotion: "reduce" });
  await ready(page);
  // The lookup is one row, and one step.
  await page.locator(".one-hop").click();
  await page.locator("#stage-1.cur").waitFor();
  await press(page, ".");
  await page.locator("[id^=hop-].cur .hop-number", { hasText: /^2$/ }).waitFor();
  await press(page, ",");
  await page.locator("#stage-1.cur").waitFor();
  // Unfolded, its hops are rows and steps of their own.
  await page.locator("#stage-1 .more").click();
  await press(page, "Home");
  await press(page, ".");
  await page.locator("#hop-0.cur").waitFor();
  await press(page, ".");
  await page.locator("#hop-1.cur").waitFor();
  await press(page, "?");
  await page.locator("dialog[open] .keys").waitFor();
  await page.keyboard.press("Escape");
  await press(page, "m");
  await page.locator(".place-list button:focus").waitFor();
  await page.keyboard.press("ArrowDown");
  await eventually(async () => assert.match(await page.locator("[role=log]").innerText(), /1/));
});
