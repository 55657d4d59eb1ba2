// What the screen can do beside sending a request: the cluster's clock, moments and what-if, many requests, searching, zooming,
// exports, print; by keyboard alone, and as a screen reader hears it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { eventually, press } from "./hands.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

async function begin(page, title) {
  await page.locator(".task-head .btn").click();
  await page.locator(".scenarios li button", { hasText: title }).click();
  await page.locator("#task-title", { hasText: title }).waitFor();
}

async function attempt(page, n) {
  await page.locator(".try").nth(n).click();
  await press(page, "End");
  await page.locator(".ending").waitFor();
  return page.locator(".ending").innerText();
}

async function jump(page, words) {
  await page.locator(".clock-bar summary").click();
  await page.locator(".clock-bar .menu-list button", { hasText: words }).click();
  await page.locator(".clock-bar details[open]").waitFor({ state: "detached" });
}

test("the cluster's clock goes on to the next probe, and the pods become ready", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB", reducedMotion: "reduce" });
  await ready(page);
  await begin(page, "Running, but not ready yet");
  assert.match(await attempt(page, 0), /refused/i);
  await page.locator(".pod-backend.faded").first().waitFor();
  for (let i = 0; i < 9 && (await page.locator(".pod-backend.faded").count()) > 0; i++) await jump(page, "The next probe");
  await page.locator(".clock-said", { hasText: /was probed/ }).waitFor();
  await jump(page, "10 seconds");
  await eventually(async () => assert.equal(await page.locator(".pod-backend.faded").count(), 0));
  assert.match(await attempt(page, 0), /200/);
  // It runs by itself, too, and pauses.
  const before = await page.locator(".clock-bar .clock").innerText();
  await page.locator(".clock-bar .btn").first().click();
  await page.waitForFunction((before) => document.querySelector(".clock-bar .clock").innerText !== before, before);
  await page.locator(".clock-bar .btn").first().click();
  assert.deepEqual(complaints, []);
});

test("back to an earlier moment, on from there, and both side by side", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB", reducedMotion: "reduce" });
  await ready(page);
  await begin(page, "Cluster or Local?");
  assert.match(await attempt(page, 0), /./);
  await page.locator("#tab\\.history").click();
  const rows = page.locator(".moments tbody tr");
  const count = await rows.count();
  assert.ok(count >= 2, "each scenario is a moment");
  // Pull a plug: another moment, and what differs is told.
  // The ending, as it comes in, may still move what is pressed.
  await page.locator(".verdict-words").waitFor();
  await page.locator(".holds summary").click();
  await page.locator(".holds[open] .choices").waitFor();
  await page.locator(".choices fieldset").last().locator("label").last().click();
  await page.locator(".moments tbody tr", { hasText: "pulled the plug" }).waitFor();
  await jump(page, "Until nothing more happens");
  await jump(page, "10 seconds");
  await rows.filter({ hasText: "pulled the plug" }).locator(".btn").click();
  await page.locator(".differences").waitFor();
  await page.locator(".what-if .map-twin .node").first().waitFor();
  await eventually(async () => assert.match(await page.locator(".what-if header").innerText(), /moment/));
  await page.locator(".what-if header .btn").click();
  await page.locator(".what-if").waitFor({ state: "detached" });
  // Back: the first scenario's files are there again, and the next edit would branch off.
  await rows.last().locator(".line-link").click();
  await page.locator(".files .file", { hasText: "service.yaml" }).waitFor();
  await page.locator(".moments tr[aria-current]").waitFor();
  assert.deepEqual(complaints, []);
});

test("a thousand requests flow as streams, can be stopped, and come out as the rules promise", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB", reducedMotion: "reduce" });
  await ready(page);
  await page.locator("#tab\\.spread").click();
  await page.locator(".spread .btn-primary").click();
  await page.locator(".spread .btn-primary", { hasText: "Send them all" }).waitFor();
  await eventually(async () => assert.ok((await page.locator(".map-main .stream").count()) >= 3));
  await eventually(async () => assert.ok((await page.locator(".map-main .packet").count()) <= 1, "no dot a request"));
  const counts = await page.locator(".spread tbody tr td:nth-child(2)").allInnerTexts();
  assert.equal(counts.map(Number).reduce((a, b) => a + b, 0), 1000);
  await eventually(async () => assert.match(await page.locator(".spread-words").innerText(), /chi-square/));
  // A million can be stopped on the way, also by who is slower than the processor: it is made slow meanwhile.
  const sum = async () => (await page.locator(".spread tbody tr td:nth-child(2)").allInnerTexts()).map(Number).reduce((a, b) => a + b, 0);
  const said = page.locator(".spread [role=status]");
  const tools = await page.context().newCDPSession(page);
  await page.locator(".spread input").fill("1000000");
  await tools.send("Emulation.setCPUThrottlingRate", { rate: 20 });
  await page.locator(".spread .btn-primary").click();
  await page.locator(".spread .btn-primary", { hasText: "Stop" }).click();
  await page.locator(".spread .btn-primary", { hasText: "Send them all" }).waitFor();
  const stopped = Number(await page.locator(".spread progress").getAttribute("value"));
  assert.ok(stopped < 1_000_000, "stopped on the way");
  await eventually(async () => assert.equal(await sum(), stopped, "what is shown is what was sent"));
  await eventually(async () => assert.match(await said.textContent(), stopped > 0 ? new RegExp(`^${stopped} `) : /^$/));
  // And all of it: the bar moves, and the end is said.
  await tools.send("Emulation.setCPUThrottlingRate", { rate: 1 });
  await page.evaluate(() => {
    globalThis.bar = new Set();
    globalThis.heard = [];
    const note = () => {
      globalThis.bar.add(document.querySelector(".spread progress").value);
      const words = document.querySelector(".spread [role=status]").textContent;
      if (words !== globalThis.heard.at(-1)) globalThis.heard.push(words);
    };
    new MutationObserver(note).observe(document.querySelector(".spread"), { subtree: true, childList: true, characterData: true, attributes: true });
  });
  await page.locator(".spread .btn-primary").click();
  await page.locator(".spread .btn-primary", { hasText: "Send them all" }).waitFor();
  await eventually(async () => assert.equal(await sum(), 1_000_000));
  await page.waitForFunction(() => document.querySelector(".spread [role=status]").textContent.startsWith("1000000 "));
  const [moved, heard] = await page.evaluate(() => [globalThis.bar.size, globalThis.heard]);
  assert.ok(moved > 3, `the bar stood at ${moved} places`);
  assert.ok(heard.length <= 7, `a screen reader hears ${heard.length} things: ${heard.join(" | ")}`);
  assert.deepEqual(complaints, []);
});

test("a large cluster: search, unfold and fold, small map, zoom", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB", reducedMotion: "reduce" });
  await ready(page);
  await begin(page, "A thousand pods");
  await page.locator(".mini").waitFor();
  await page.locator("#map-find").fill("node-19");
  await page.locator(".found-now").waitFor({ state: "attached" });
  await eventually(async () => assert.match(await page.locator(".find-tally").innerText(), /1\/1/));
  // What is found is scrolled to.
  await page.waitForFunction(() => {
    const [frame, ring] = [".map-frame", ".found-now"].map((s) => document.querySelector(s).getBoundingClientRect());
    return ring.top >= frame.top && ring.bottom <= frame.bottom;
  });
  await page.locator("#map-find").press("Escape");
  const group = page.locator(".place-list button", { hasText: /web: \d+ pods/ }).first();
  await group.focus();
  await page.keyboard.press("Enter");
  await page.locator(".fold").waitFor({ state: "attached" });
  await page.locator(".place-list button", { hasText: /fold/ }).first().focus();
  await page.keyboard.press("Enter");
  await page.locator(".fold").waitFor({ state: "detached" });
  const width = () => page.locator(".map-main").evaluate((e) => e.getBoundingClientRect().width);
  const before = await width();
  await page.locator(".zoom .btn", { hasText: "+" }).click();
  await page.waitForFunction((w) => document.querySelector(".map-main").getBoundingClientRect().width > w, before);
  await page.locator(".zoom .btn").last().click();
  await page.waitForFunction((w) => document.querySelector(".map-main").getBoundingClientRect().width < w, before);
  assert.deepEqual(complaints, []);
});

test("bytes, rules of every mode, exports and print", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB", reducedMotion: "reduce" });
  await ready(page);
  await page.locator(".send").click();
  await press(page, "End");
  await page.locator("#tab\\.packet").click();
  await page.locator(".bytes .btn").click();
  const dump = await page.locator(".bytes pre").first().innerText();
  assert.match(dump, /^0000 {2}45 /, "an IPv4 header");
  for (const mode of ["ipvs", "nftables"]) {
    if (!(await page.locator(".holds[open]").count())) await page.locator(".holds summary").click();
    await page.locator(".choices select").first().selectOption(mode);
    await page.locator(".send").click();
    await press(page, "End");
    await page.locator("#tab\\.journey").click();
    await page.locator(".journey tr:has(del) .hop-number").first().click();
    await page.locator("#tab\\.rules").click();
    await page.locator(".rules li.hit").first().waitFor();
    await eventually(async () => assert.ok((await page.locator(".rules li:not(.hit) small").count()) > 0, `${mode}: why others did not match`));
  }
  for (const [words, ending] of [[/journey as SVG/, ".svg"], [/map as SVG/, ".svg"], [/map as PNG/, ".png"]]) {
    await page.locator(".top .menu summary").click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.locator(".top .menu-list button", { hasText: words }).click(),
    ]);
    await eventually(async () => assert.equal(await page.locator(".menu[open]").count(), 0, "a choice closes the menu"));
    assert.ok(download.suggestedFilename().endsWith(ending));
  }
  await page.locator(".top .menu summary").press("Enter");
  await page.locator(".top .menu-list button").first().focus();
  await page.keyboard.press("Escape");
  await eventually(async () => assert.equal(await page.locator(".menu[open]").count(), 0));
  await eventually(async () => assert.equal(await page.evaluate(() => document.activeElement.closest(".menu summary") !== null), true, "back where it was opened"));
  await page.locator(".top .menu summary").click();
  await page.locator(".brand").click();
  await eventually(async () => assert.equal(await page.locator(".menu[open]").count(), 0, "a press elsewhere closes it"));
  await page.emulateMedia({ media: "print" });
  await eventually(async () => assert.equal(await page.locator(".time").isVisible(), false));
  await eventually(async () => assert.ok(await page.locator(".map-main").isVisible()));
  assert.deepEqual(complaints, []);
});

test("by keyboard alone: a request, a hop's steps, the map's list, the palette, a pane's size", async (t) => {
  const { page } = await open(t, browser, { locale: "en-GB", reducedMotion: "reduce" });
  await ready(page);
  const focused = () => page.evaluate(() => {
    const e = document.activeElement;
    return { role: e.getAttribute("role") ?? e.tagName.toLowerCase(), name: e.getAttribute("aria-label") ?? e.innerText ?? "" };
  });
  // Tab reaches every part, and everything it reaches has a name.
  const roles = new Set();
  for (let i = 0; i < 70; i++) {
    await page.keyboard.press("Tab");
    const { role, name } = await focused();
    if (role === "body") break;
    const inEditor = await page.evaluate(() => Boolean(document.activeElement.closest(".cm-editor")));
    if (inEditor) {
      await page.keyboard.press("Escape");
      continue;
    }
    roles.add(role);
    const labelled = await page.evaluate(() => Boolean(document.activeElement.labels?.length || document.activeElement.title));
    assert.ok(name.trim() || labelled, `a ${role} without a name`);
  }
  for (const role of ["separator", "tab", "select", "input", "button"]) assert.ok(roles.has(role), `${role}: ${[...roles]}`);
  await press(page, "Control+k");
  // The palette takes the keyboard when it is open.
  await page.locator(".palette input:focus").waitFor();
  await page.keyboard.type("headless");
  await page.locator(".palette [aria-selected=true]", { hasText: "Headless" }).waitFor();
  await page.keyboard.press("Enter");
  await page.locator("#task-title", { hasText: "Headless" }).waitFor();
  await page.locator(".url").focus();
  await page.keyboard.press("Enter");
  await press(page, "End");
  await page.locator(".ending").waitFor();
  await page.locator(".splitter-upright").focus();
  const size = () => page.locator(".splitter-upright").getAttribute("aria-valuenow");
  const before = Number(await size());
  await page.keyboard.press("ArrowRight");
  await eventually(async () => assert.ok(Number(await size()) > before));
});

test("as a screen reader has it: landmarks, the map as a list, each hop as it happens, the journey as a table", async (t) => {
  const { page } = await open(t, browser, { locale: "en-GB", reducedMotion: "reduce" });
  await ready(page);
  await page.locator(".one-hop").click();
  const log = page.locator("[role=log]");
  await page.waitForFunction(() => /^1 — /.test(document.querySelector("[role=log]").innerText));
  await press(page, ".");
  await page.waitForFunction(() => /^2 — /.test(document.querySelector("[role=log]").innerText));
  await press(page, "End");
  await page.waitForFunction(() => /200/.test(document.querySelector("[role=log]").innerText));
  await eventually(async () => assert.match(await log.innerText(), /HTTP 200/));
  const tree = await page.locator("body").ariaSnapshot();
  for (const part of [/banner/, /main/, /list "The map as a list/, /listitem/, /table/, /tablist "Views"/, /group "Steps"/, /slider "Hop"/, /search/]) {
    assert.match(tree, part);
  }
  assert.match(tree, /Pod client on node-\d/);
  assert.doesNotMatch(tree, /- img\n/, "no picture without a name");
});

test("what never comes to rest is cut off in words, and the page lives meanwhile", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB", reducedMotion: "reduce" });
  await ready(page);
  const type = async (line) => {
    await page.locator(".term-input").fill(line);
    await page.locator(".term-input").press("Enter");
    await page.waitForFunction((line) => [...document.querySelectorAll(".term-typed")].at(-1)?.innerText.includes(line), line);
    await page.waitForFunction(() => !document.querySelector(".term-act"));
  };
  await press(page, "t");
  // Bound past the scheduler to a node that drives its pods out.
  await type("kubectl create deployment round --image=nginx --replicas=20");
  await type("kubectl taint nodes node-1 full=yes:NoExecute");
  await page.evaluate(() => {
    window.longest = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((e) => (window.longest = Math.max(window.longest, e.duration)))).observe({ type: "longtask" });
  });
  await type(`kubectl patch deployment round -p '{"spec":{"template":{"spec":{"nodeName":"node-1"}}}}'`);
  // It is told where one is looking: under the line, and beside the clock.
  await page.waitForFunction(() => [...document.querySelectorAll(".term")].some((e) => e.innerText.includes("# This never comes to rest, so time was")), null, { timeout: 60_000 });
  await jump(page, "Until nothing more happens");
  const said = page.locator(".clock-said", { hasText: /never comes to rest, so time was stopped: replicaset-controller makes a Pod/ });
  await said.waitFor({ timeout: 60_000 });
  await eventually(async () => assert.match(await said.innerText(), /node\/node-1 spec\.taints/));
  t.diagnostic(`longest task ${Math.round(await page.evaluate(() => window.longest))} ms`);
  // It can be mended from there.
  await type("kubectl taint nodes node-1 full-");
  await jump(page, "Until nothing more happens");
  await page.locator(".clock-said", { hasText: /rest|quiet/i }).waitFor({ timeout: 60_000 });
  await eventually(async () => assert.doesNotMatch(await page.locator(".clock-said").innerText(), /never/));
  assert.deepEqual(complaints, []);
});
