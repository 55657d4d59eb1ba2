// The editor with the keyboard alone: what a field is for, what can be written, what mends a mistake.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { eventually, objections, shown, write } from "./hands.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Goes into the editor by its shortcut and puts the cursor behind the first `words` of the text, by the search panel. */
async function goTo(page, words) {
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("e");
  await page.locator(".cm-content:focus").waitFor();
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("Control+f");
  await page.keyboard.type(words);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await page.locator(".cm-content:focus").waitFor();
  await page.keyboard.press("ArrowRight");
}

/** A Service of one port and the pod behind it. */
const served = (name) => `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec:
  selector: {app: ${name}}
  ports:
  - port: 80
    targetPort: 8080
---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec:
  containers:
  - {name: a, image: luksa/kubia, ports: [{containerPort: 8080}]}
`;

/** Types over the line that the cursor is in. */
async function retype(page, words) {
  await page.keyboard.press("End");
  await page.keyboard.press("Shift+Home");
  await page.keyboard.press("Shift+Home");
  await page.keyboard.type(words);
}

test("the card of a field, by Ctrl+I; Escape puts it away", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  await goTo(page, "targetPort");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Control+i");
  const card = page.locator(".hover-card");
  await card.waitFor();
  const words = await card.innerText();
  assert.match(words, /spec\.ports\.targetPort/);
  assert.match(words, /IntOrString/);
  await page.keyboard.press("Escape");
  await card.waitFor({ state: "detached" });
  assert.deepEqual(complaints, []);
});

test("completion: names of fields and their values, taken by Enter", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  await goTo(page, "spec:");
  await page.keyboard.press("End");
  await page.keyboard.type("\n");
  await retype(page, "  sessionAff");
  await page.keyboard.press("Control+Space");
  const list = page.locator(".cm-tooltip-autocomplete");
  await list.waitFor();
  await eventually(async () => assert.match(await list.innerText(), /sessionAffinity/));
  // A list that has only just opened does not take Enter yet, so that a fast typist's line break stays one.
  await page.waitForTimeout(150);
  await page.keyboard.press("Enter");
  await eventually(async () => assert.match(await shown(page), /\n {2}sessionAffinity: /));
  await page.keyboard.press("Control+Space");
  await list.waitFor();
  await eventually(async () => assert.match(await list.innerText(), /ClientIP/));
  await page.waitForTimeout(150);
  await page.keyboard.press("Enter");
  await eventually(async () => assert.match(await shown(page), /\n {2}sessionAffinity: ClientIP/));
  assert.deepEqual(complaints, []);
});

test("a mistake is found with F8 and mended with Ctrl+.", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  await goTo(page, "ports:");
  await retype(page, "  prots:");
  await page.locator(".problem-error").filter({ hasText: 'unknown field "spec.prots"' }).waitFor();
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("F8");
  await page.keyboard.press("Control+.");
  await page.locator(".problem-error").waitFor({ state: "detached" });
  await eventually(async () => assert.match(await shown(page), /\n {2}ports:/));
  await eventually(async () => assert.doesNotMatch(await shown(page), /prots/));
  assert.deepEqual(complaints, []);
});

test("the same mend stands in the list of problems, a Tab away", async (t) => {
  const { page } = await open(t, browser);
  await ready(page);
  await goTo(page, "ports:");
  await retype(page, "  prots:");
  const mend = page.locator(".problem-error .mend").first();
  await mend.waitFor();
  // The first Escape may be for the list of completions; the second lets Tab leave the editor.
  await page.keyboard.press("Escape");
  await page.locator(".cm-tooltip-autocomplete").waitFor({ state: "detached" });
  await page.keyboard.press("Escape");
  for (let i = 0; i < 20 && !(await mend.evaluate((e) => e === document.activeElement)); i++) {
    await page.keyboard.press("Tab");
  }
  await eventually(async () => assert.equal(await mend.evaluate((e) => e === document.activeElement), true, "the keyboard reaches it"));
  await page.keyboard.press("Enter");
  await page.locator(".problem-error").waitFor({ state: "detached" });
  await eventually(async () => assert.doesNotMatch(await shown(page), /prots/));
});

test("a key in a Service's port draws its chip anew, and no other card and no problem that it only moved", async (t) => {
  const { page } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  await write(page, served("kimho"));
  const chip = page.locator(".map-svg .port text");
  await page.locator(".problem", { hasText: "readinessProbe" }).waitFor();
  await eventually(async () => assert.deepEqual(await chip.allTextContents(), ["80"]));
  await goTo(page, "- port: 80");
  await page.evaluate(() => {
    globalThis.drawn = [];
    const place = ({ target }) => (target.closest ? target : target.parentElement).closest(".port, g, .problems, svg").getAttribute("class");
    const note = (records) => globalThis.drawn.push(...records.map(place));
    const all = { subtree: true, childList: true, attributes: true, characterData: true };
    for (const part of document.querySelectorAll(".map-svg, .problems")) new MutationObserver(note).observe(part, all);
  });
  await page.keyboard.type("1");
  await eventually(async () => assert.deepEqual(await chip.allTextContents(), ["801"]));
  // Problems follow together with the map's list.
  await page.locator(".place-list", { hasText: "ports 801" }).waitFor({ state: "attached" });
  assert.deepEqual(await page.evaluate(() => [...new Set(globalThis.drawn)]), ["port"]);
});

test("what a key changes on the map is painted before its list and the status follow", async (t) => {
  const { page } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  await write(page, served("mine"));
  await page.locator(".place-list", { hasText: "ports 80" }).waitFor({ state: "attached" });
  await goTo(page, "- port: 80");
  await page.evaluate(() => {
    globalThis.order = [];
    const all = { subtree: true, childList: true, attributes: true, characterData: true };
    const watch = (selector, note) => document.querySelectorAll(selector).forEach((part) => new MutationObserver(note).observe(part, all));
    watch(".map-svg .port", () => {
      globalThis.order.push("map");
      requestAnimationFrame(() => globalThis.order.push("frame"));
    });
    for (const list of [".place-list", ".status"]) watch(list, () => globalThis.order.push(list));
  });
  await page.keyboard.type("1");
  await page.locator(".place-list", { hasText: "ports 801" }).waitFor({ state: "attached" });
  const order = await page.evaluate(() => globalThis.order);
  assert.deepEqual(order.slice(0, 2), ["map", "frame"]);
  assert.deepEqual([...new Set(order.slice(2))].sort(), [".place-list", ".status"]);
});

test("once the page stands, nothing that a key does waits for a breath", async (t) => {
  const { page } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  await write(page, "apiVersion: v1\nkind: Service\nmetadata: {name: kimho}\nspec:\n  ports:\n  - port: 80\n");
  const chip = page.locator(".map-svg .port text").first();
  await eventually(async () => assert.match(await chip.textContent(), /^80\b/));
  await goTo(page, "- port: 80");
  await page.evaluate(() => {
    globalThis.breaths = 0;
    const breathe = scheduler.yield.bind(scheduler);
    scheduler.yield = () => {
      globalThis.breaths += 1;
      return breathe();
    };
  });
  // What is made anew when the whole program has come breathes, too, for a while.
  await eventually(async () => {
    await page.evaluate(() => (globalThis.breaths = 0));
    await page.keyboard.type("1");
    await eventually(async () => assert.match(await chip.textContent(), /^801\b/));
    const breaths = await page.evaluate(() => globalThis.breaths);
    await page.keyboard.press("Backspace");
    await eventually(async () => assert.match(await chip.textContent(), /^80\b/));
    assert.equal(breaths, 0);
  });
});

test("a request that one's own files are worth stays the button that it is while its port is written", async (t) => {
  const { page } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  await write(page, served("mine"));
  const button = page.locator(".try");
  await eventually(async () => assert.deepEqual(await button.locator("code").allTextContents(), ["mine"]));
  const first = await button.elementHandle();
  await goTo(page, "port: 80");
  await first.evaluate((button) => {
    globalThis.written = [];
    const note = (records) => globalThis.written.push(...records.map(({ attributeName }) => attributeName));
    new MutationObserver(note).observe(button, { attributes: true });
  });
  await page.keyboard.type("8");
  await eventually(async () => assert.deepEqual(await button.locator("code").allTextContents(), ["mine:808"]));
  assert.equal(await button.getAttribute("title"), "http://mine:808");
  assert.equal(await first.evaluate((old) => old === document.querySelector(".try")), true);
  assert.deepEqual(await page.evaluate(() => [...new Set(globalThis.written)]), ["title"]);
  await button.click();
  await page.locator(".ending.good").waitFor({ state: "attached" });
  assert.equal(await page.locator(".url").first().inputValue(), "http://mine:808");
});

test("a kind that is kept and not simulated says so, in the text and among the objects", async (t) => {
  const { page } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  const policy = [
    "apiVersion: networking.k8s.io/v1",
    "kind: NetworkPolicy",
    "metadata:",
    "  name: closed",
    "spec:",
    "  podSelector: {}",
  ].join("\n");
  await page.locator(".cm-content").click();
  await page.keyboard.press("Control+a");
  await page.locator(".cm-content").evaluate((content, text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", text);
    content.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  }, policy);
  await page.locator(".problem-hint").filter({ hasText: /not simulated/ }).waitFor();
  await page.evaluate(() => document.activeElement?.blur());
  await page.getByRole("tab", { name: "Objects" }).click();
  await page.locator(".object").filter({ hasText: "NetworkPolicy" }).filter({ hasText: "not simulated" }).waitFor();
});

for (const width of [1440, 390]) {
  test(`card, completion and mend by keyboard at ${width} px: on the screen, and axe objects to none`, async (t) => {
    const { page, complaints } = await open(t, browser, { locale: "en-GB", viewport: { width, height: 844 } });
    await ready(page);
    if (width < 500) await page.locator(".panes button").nth(1).click();
    const look = async (what, box) => {
      const { x, width: wide } = await box.boundingBox();
      assert.ok(x >= 0 && x + wide <= width, `${what} is on the screen: ${x} to ${x + wide}`);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, `${what}: nothing sticks out`);
      assert.deepEqual((await objections(page)).found, [], what);
    };
    await goTo(page, "targetPort");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Control+i");
    await look("card", page.locator(".hover-card"));
    await page.keyboard.press("Escape");
    await goTo(page, "spec:");
    await page.keyboard.press("End");
    await page.keyboard.type("\n");
    await retype(page, "  sessionAff");
    await page.keyboard.press("Control+Space");
    const list = page.locator(".cm-tooltip-autocomplete");
    await list.waitFor();
    await look("completion", list);
    await page.waitForTimeout(150);
    await page.keyboard.press("Enter");
    await page.keyboard.type("None");
    await page.keyboard.press("Escape");
    await goTo(page, "ports:");
    await retype(page, "  prots:");
    const error = page.locator(".problem-error");
    await error.filter({ hasText: 'unknown field "spec.prots"' }).waitFor({ state: "attached" });
    await look("mistake", page.locator(".cm-editor").first());
    await page.keyboard.press("Control+Home");
    await page.keyboard.press("F8");
    await page.keyboard.press("Control+.");
    await error.waitFor({ state: "detached" });
    await eventually(async () => assert.match(await shown(page), /\n {2}ports:/));
    assert.deepEqual(complaints, []);
  });
}
