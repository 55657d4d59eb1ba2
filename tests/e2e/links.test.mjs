// What is linked lights each other, from every side: hop, line, place, rule. Hovering previews, a click holds, Escape lets go.
// Going back to a moment brings back what the screen showed; text that waits is not lost; many clients share rows.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { eventually } from "./hands.mjs";

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
  await eventually(async () => assert.match(await page.locator(".inviting").innerText(), /What does a Service do\?/));
  await page.locator(".first-send").click();
  await page.locator(".map-main .packet").waitFor({ state: "attached" });
  await page.locator(".ending.good").waitFor();
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
  await eventually(async () => assert.equal(await page.locator(".cm-line.line-lit").count(), 1, "the line that the rule was written for"));
  await page.mouse.move(3, 3);
  await page.locator(".kernel.lit").waitFor({ state: "detached" });
  // Held, it stays when the pointer goes, until Escape.
  await rule.locator(".rule").click();
  await page.mouse.move(3, 3);
  await eventually(async () => assert.equal(await rule.locator(".rule").getAttribute("aria-pressed"), "true"));
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
  await eventually(async () => assert.equal(await balancer(), "cloud"));
  await page.locator("#tab\\.history").click();
  await page.locator(".moments tbody tr").last().locator(".line-link").click();
  await page.locator("#task-title", { hasText: "Only port 406" }).waitFor();
  await eventually(async () => assert.equal(await page.locator(".url").inputValue(), "http://kimho:406"));
  await eventually(async () => assert.equal(await balancer(), "none"));
  await page.locator(".file", { hasText: "service.yaml" }).waitFor();
  // And forward again.
  await page.locator(".moments tbody tr").first().locator(".line-link").click();
  await page.locator("#task-title", { hasText: "A load balancer" }).waitFor();
  await eventually(async () => assert.equal(await balancer(), "cloud"));
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
  await page.waitForFunction(() => !document.querySelector(".cm-content").innerText.startsWith("# one"));
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
  await eventually(async () => assert.match(await text(), /^# two\n/));
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
  await eventually(async () => assert.ok((await page.locator(".reach tbody tr").count()) < 10, "a row a workload"));
  await row.locator(".unfold").click();
  await eventually(async () => assert.equal(await page.locator(".reach tr.inner .cell.good").count(), 100));
  assert.deepEqual(complaints, []);
});

test("two fingers zoom the map, one finger taps", async (t) => {
  const { page, complaints } = await open(t, browser, { ...english, viewport: { width: 390, height: 844 }, hasTouch: true });
  await ready(page);
  const width = () => page.locator(".map-main").evaluate((e) => e.getBoundingClientRect().width);
  const before = await width();
  const client = await page.context().newCDPSession(page);
  const touch = (type, ...points) =>
    client.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  await touch("touchStart", [160, 300], [220, 300]);
  for (let i = 1; i <= 6; i++) await touch("touchMove", [160 - 10 * i, 300], [220 + 10 * i, 300]);
  await touch("touchEnd");
  await page.waitForFunction((w) => document.querySelector(".map-main").getBoundingClientRect().width > w * 1.5, before);
  await eventually(async () => assert.equal(await page.evaluate(() => visualViewport.scale), 1, "the page itself is not zoomed"));
  await page.locator(".zoom .btn").last().tap();
  await page.waitForFunction((w) => document.querySelector(".map-main").getBoundingClientRect().width <= w, before);
  await page.locator(".send").tap();
  await press(page, "End");
  await page.locator(".map-ended", { hasText: "HTTP 200" }).waitFor();
  assert.deepEqual(complaints, []);
});

/** Presses Tab until the focus is on what `selector` names. */
async function tabTo(page, selector) {
  for (let i = 0; i < 120; i++) {
    await page.keyboard.press("Tab");
    const [there, inEditor] = await page.evaluate((selector) => {
      const e = document.activeElement;
      return [e.matches(selector), Boolean(e.closest(".cm-editor"))];
    }, selector);
    if (there) return;
    // The editor keeps Tab until Escape.
    if (inEditor) await page.keyboard.press("Escape");
  }
  assert.fail(`no way by Tab to ${selector}`);
}

test("a lesson by keyboard alone, and as a screen reader hears it", async (t) => {
  const { page, complaints } = await open(t, browser, english);
  await ready(page);
  const tree = () => page.locator("main").ariaSnapshot();
  await page.evaluate(() => (location.hash = "#/lesson/third-port"));
  await page.locator(".question").waitFor();
  const asked = await tree();
  assert.match(asked, /heading "Guess first" \[level=2\]/);
  assert.match(asked, /group "How does the request end\?"/);
  assert.match(asked, /radio "The connection is refused"/);
  await tabTo(page, ".choice input");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator(".choice.good").waitFor();
  await page.waitForFunction(() => document.querySelector("[role=log]").innerText !== "");
  await tabTo(page, ".go-on");
  await page.keyboard.press("Enter");
  await page.locator(".check").first().waitFor();
  await eventually(async () => assert.match(await tree(), /img "not yet"/, "what is still to do is said, not only coloured"));
  // Into the editor, to the line, and the mend.
  await tabTo(page, ".file");
  for (let i = 0; i < 4; i++) {
    if ((await page.evaluate(() => document.activeElement.textContent)).includes("service.yaml")) break;
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await page.locator(".cm-content", { hasText: "kimhotarget" }).waitFor();
  await press(page, "e");
  await page.waitForFunction(() => document.activeElement.closest(".cm-editor"));
  await page.keyboard.press("Control+Home");
  const line = await page.locator(".cm-content").first().evaluate((e) => e.cmTile.view.state.doc.toString().split("\n").findIndex((l) => l.includes("kimhotarget")));
  for (let i = 0; i < line; i++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
  for (let i = 0; i < "kimhotarget".length; i++) await page.keyboard.press("Backspace");
  await page.keyboard.type("http");
  await page.keyboard.press("Escape");
  await page.locator(".solved").waitFor();
  await eventually(async () => assert.match(await tree(), /of 20/, "the result is said"));
  assert.deepEqual(complaints, []);
});

test("at 200 % nothing is cut off, and everything can be reached", async (t) => {
  // A window of 1280 px whose page is zoomed to 200 % has 640 px of its own.
  const { page } = await open(t, browser, { ...english, viewport: { width: 640, height: 450 }, deviceScaleFactor: 2 });
  await ready(page);
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth && document.querySelector(".app").scrollWidth <= innerWidth);
  for (const pane of await page.locator(".panes button").all()) {
    await pane.click();
    await eventually(async () => assert.ok(await fits(), await pane.innerText()));
    const send = await page.locator(".send").boundingBox();
    assert.ok(send && send.x >= 0 && send.y + send.height <= 450, "what sends is in sight");
  }
  await page.locator(".send").click();
  await press(page, "End");
  await page.locator(".panes button").nth(3).click();
  for (const tab of await page.locator(".tab").all()) {
    await tab.click();
    await eventually(async () => assert.ok(await fits(), await tab.innerText()));
  }
  // Nothing that one presses is smaller than it should be.
  const small = await page.evaluate(() =>
    [...document.querySelectorAll("button, select, summary, input:not([type=range])")]
      .filter((e) => e.offsetParent && !e.closest(".cm-editor, .sr-only, .place-list"))
      .filter((e) => {
        const box = (e.closest("label") ?? e).getBoundingClientRect();
        return box.width > 0 && (box.width < 23.5 || box.height < 23.5);
      })
      .map((e) => `${e.className} ${e.getBoundingClientRect().width}×${e.getBoundingClientRect().height}`),
  );
  assert.deepEqual(small, []);
});

test("where things should keep still they move in steps", async (t) => {
  const { page } = await open(t, browser, english);
  await ready(page);
  await page.locator(".send").click();
  await page.locator(".map-main .packet > g").first().waitFor({ state: "attached" });
  const seen = await page.evaluate(async () => {
    const places = new Set();
    const until = performance.now() + 3_000;
    while (performance.now() < until) {
      await new Promise(requestAnimationFrame);
      places.add(document.querySelector(".map-main .packet > g")?.getAttribute("transform"));
    }
    return places.size;
  });
  assert.ok(seen > 2 && seen < 25, `the packet was seen in ${seen} places`);
  const moving = () => page.evaluate(() => document.getAnimations().filter((a) => a.playState === "running").length);
  await eventually(async () => assert.equal(await moving(), 0));
});
