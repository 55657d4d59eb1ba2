// What stands together on the screen: a terminal's line and the hops it sent; a rule that no packet met and what it was written
// for; two requests, two states; a load that runs on while pods are rolled out; more ports than fit beside each other; the small
// map beside the large one; paper; and a page that does nothing while nothing moves.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { eventually, press, shown, write } from "./hands.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const english = { locale: "en-GB", reducedMotion: "reduce" };
const view = (page, name) => page.locator(`#tab\\.${name}`).click();

async function begin(page, title) {
  await page.locator(".task-head .btn").click();
  await page.locator(".scenarios li button", { hasText: title }).click();
  await page.locator("#task-title", { hasText: title }).waitFor();
}

async function send(page, url) {
  if (url) await page.locator(".url").fill(url);
  await page.locator(".send").click();
  await press(page, "End");
  await page.locator(".end").first().waitFor({ state: "attached" });
}

test("a line of the terminal and the hops that it sent light each other", async (t) => {
  const { page, complaints } = await open(t, browser, english);
  await ready(page);
  await press(page, "t");
  for (const line of ["kubectl exec client -- curl -s kimho", "kubectl get pods", "kubectl exec client -- curl -s kimho:443"]) {
    await page.locator(".term-input").fill(line);
    await page.locator(".term-input").press("Enter");
    await page.waitForFunction((line) => [...document.querySelectorAll(".term-typed")].at(-1)?.innerText.includes(line), line);
    await page.waitForFunction(() => !document.querySelector(".term-act"));
  }
  await press(page, "End");
  const typed = page.locator(".term-typed");
  const sender = typed.filter({ hasText: "kimho:443" });
  // From the map to the terminal: a hop's badge, the place, the line of YAML.
  await page.locator(".map-main .badge:not(.gone)").last().hover();
  await page.locator(".term-typed.lit").waitFor();
  await eventually(async () => assert.match(await page.locator(".term-typed.lit").innerText(), /kimho:443/));
  await page.mouse.move(3, 3);
  await page.locator(".term-typed.lit").waitFor({ state: "detached" });
  await page.locator(".map-main .pod-client").hover();
  await page.locator(".term-typed.lit").waitFor();
  await page.mouse.move(3, 3);
  await page.locator(".term-typed.lit").waitFor({ state: "detached" });
  // And back: the words preview, a click holds, Escape lets go.
  await sender.locator(".term-words").hover();
  await page.locator(".map-main .badge.lit").first().waitFor({ state: "attached" });
  await page.locator(".tick.lit").first().waitFor({ state: "attached" });
  await page.locator(".cm-line.line-lit").first().waitFor();
  await sender.locator(".term-words").click();
  await page.mouse.move(3, 3);
  await eventually(async () => assert.ok((await page.locator(".map-main .badge.lit").count()) > 3, "held"));
  await press(page, "Escape");
  await page.locator(".map-main .badge.lit").first().waitFor({ state: "detached" });
  // A line that sent nothing leads nowhere; an earlier one brings its own request back.
  await eventually(async () => assert.equal(await typed.filter({ hasText: "get pods" }).locator("[role=button]").count(), 0));
  await typed.first().locator(".term-words").click();
  await page.locator(".badge.lit").first().waitFor({ state: "attached" });
  await press(page, "Escape");
  // The journey names the line that sent it, and leads there.
  await view(page, "journey");
  await page.locator(".sent-by .line-link", { hasText: "curl -s kimho" }).click();
  await page.locator(".term-typed.lit").waitFor();
  assert.deepEqual(complaints, []);
});

test("rules that no packet met lead to their field and place, in every mode", async (t) => {
  const { page, complaints } = await open(t, browser, english);
  await ready(page);
  for (const mode of ["iptables", "ipvs", "nftables"]) {
    if (!(await page.locator(".holds[open]").count())) await page.locator(".holds summary").click();
    await page.locator(".choices select").first().selectOption(mode);
    await send(page, "http://kimho:443");
    await view(page, "journey");
    await page.locator(".journey tr:has(del) .hop-number").first().click();
    await press(page, "Escape");
    await view(page, "rules");
    const other = page.locator(".rules li:not(.hit)", { has: page.locator(".line-link") }).first();
    const [file, line] = (await other.locator(".line-link").innerText()).split(":");
    await page.locator(".file", { hasText: file }).click();
    const written = page.locator(".editor .cm-line").nth(Number(line) - 1);
    // Away from it, so that the cursor lights nothing of it.
    await page.locator(".editor .cm-line").first().click();
    await press(page, "Escape");
    await other.hover();
    await page.waitForFunction((e) => e.classList.contains("line-lit"), await written.elementHandle());
    await page.locator(".card.lit, .pod.lit").first().waitFor();
    await page.mouse.move(3, 3);
    await page.waitForFunction((e) => !e.classList.contains("line-lit"), await written.elementHandle());
    await other.locator(".rule").click();
    await page.mouse.move(3, 3);
    await eventually(async () => assert.equal(await other.locator(".rule").getAttribute("aria-pressed"), "true", mode));
    await eventually(async () => assert.ok(await written.evaluate((e) => e.classList.contains("line-lit")), "held"));
    await press(page, "Escape");
    await page.waitForFunction((e) => !e.classList.contains("line-lit"), await written.elementHandle());
    // Its line lights it back.
    await written.click();
    await page.locator(".rules li.lit:not(.hit)").first().waitFor();
    await page.locator(".file", { hasText: "service.yaml" }).click();
  }
  assert.deepEqual(complaints, []);
});

test("two requests side by side, and two states: Cluster against Local, before against after an edit", async (t) => {
  const { page, complaints } = await open(t, browser, english);
  await ready(page);
  await send(page, "http://kimho");
  await send(page, "http://kimho:406");
  await view(page, "history");
  await page.locator(".requests tbody tr").last().locator(".btn").click();
  await page.locator(".what-if .map-twin .node").first().waitFor();
  await page.locator("table.beside tr.changed").first().waitFor();
  await eventually(async () => assert.match(await page.locator(".what-if header").innerText(), /200/));
  await page.locator(".requests tbody tr").last().locator(".btn").click();
  await page.locator(".what-if").waitFor({ state: "detached" });
  // Mended, and held beside what it was.
  await write(page, (await shown(page)).replace("kimhotarget", "http"));
  await page.locator(".port-bad").waitFor({ state: "detached" });
  await send(page, "http://kimho:406");
  await page.locator(".moments tbody tr").last().locator(".btn").click();
  await page.locator(".what-if header .bad").waitFor();
  await eventually(async () => assert.match(await page.locator(".what-if header").innerText(), /refused/));
  await page.locator(".what-if header .btn-icon").click();
  // The same of one line of a policy.
  await begin(page, "Cluster or Local?");
  await page.locator(".try").first().click();
  await press(page, "End");
  await page.locator(".verdict-words.bad").waitFor();
  const before = await page.locator(".moments tbody tr").count();
  await write(page, (await shown(page)).replace("externalTrafficPolicy: Local", "externalTrafficPolicy: Cluster"));
  await page.locator(".moments tbody tr").nth(before).waitFor();
  await page.locator(".send").click();
  await press(page, "End");
  await page.locator(".verdict-words.good").waitFor();
  await page.locator(".moments tbody tr").nth(1).locator(".btn").click();
  await page.locator(".what-if header .bad").waitFor();
  assert.deepEqual(complaints, []);
});

test("a load that runs during a roll-out: who answered, what failed and when", async (t) => {
  const { page, complaints } = await open(t, browser, english);
  await ready(page);
  await view(page, "spread");
  await eventually(async () => assert.match(await page.locator(".spread").innerText(), /copy of the cluster/));
  await page.locator(".spread select").first().selectOption("steady");
  await page.locator(".spread select").last().selectOption({ label: "roll deployment/kimho out anew" });
  await page.locator(".spread .btn-primary").click();
  await page.locator(".spread [role=status]", { hasText: "500 requests" }).waitFor({ timeout: 60_000 });
  const rows = page.locator(".spread tbody tr");
  const counts = (await rows.locator("td:nth-child(2)").allInnerTexts()).map(Number);
  assert.equal(counts.reduce((a, b) => a + b, 0), 500, "every request is in a row");
  const names = await page.locator(".spread tbody th.mono").allInnerTexts();
  assert.ok(new Set(names.map((name) => name.split("-").slice(0, 2).join("-"))).size > 1, `old pods and new ones: ${names}`);
  const failures = page.locator(".spread th.bad");
  if (await failures.count()) {
    await eventually(async () => assert.match(await rows.last().innerText(), /from \d+\.\d\d s to \d+\.\d\d s/));
  } else {
    await eventually(async () => assert.match(await page.locator(".spread").innerText(), /No request failed/));
  }
  // To a port that nobody serves, all fail, from the first to the last.
  await page.locator(".url").fill("http://kimho:406");
  await page.locator(".spread .btn-primary").click();
  await page.locator(".spread th.bad").waitFor();
  await page.locator(".spread [role=status]", { hasText: "500 requests to http://kimho:406" }).waitFor({ timeout: 60_000 });
  await eventually(async () => assert.match(await rows.last().innerText(), /500[\s\S]*from 0\.0\d s to 9\.\d\d s/));
  assert.deepEqual(complaints, []);
});

test("a Service of sixty ports: the card counts what has no room, the table turns its pages", async (t) => {
  const { page, complaints } = await open(t, browser, english);
  await ready(page);
  const ports = Array.from({ length: 60 }, (_, i) => `  - { name: p${i}, port: ${7000 + i}, targetPort: http }`).join("\n");
  await write(page, `apiVersion: v1\nkind: Service\nmetadata:\n  name: kimho\nspec:\n  selector:\n    app: kimho\n  ports:\n${ports}\n`);
  await page.locator(".card text", { hasText: /^\+\d\d$/ }).waitFor();
  await view(page, "reach");
  const head = () => page.locator(".reach thead th").allInnerTexts();
  await page.locator(".reach-pages").waitFor();
  await eventually(async () => assert.match(await page.locator(".reach-pages").innerText(), /Ports 1 to 40 of 60/));
  await eventually(async () => assert.equal((await head()).length, 41));
  await page.locator(".reach-pages .btn").last().click();
  await page.locator(".reach-pages", { hasText: "Ports 41 to 60 of 60" }).waitFor();
  await eventually(async () => assert.match((await head()).at(-1), /7059/));
  await page.locator(".reach .cell.good").first().waitFor({ timeout: 30_000 });
  assert.deepEqual(complaints, []);
});

test("where there is little room the small map stands beside the large one", async (t) => {
  const { page } = await open(t, browser, { ...english, viewport: { width: 390, height: 844 } });
  await ready(page);
  await page.locator(".mini").waitFor();
  const apart = () => page.evaluate(() => {
    const [frame, mini] = [".map > .map-frame", ".mini"].map((s) => document.querySelector(s).getBoundingClientRect());
    return frame.right <= mini.left + 1 && mini.right <= innerWidth && document.scrollingElement.scrollWidth <= innerWidth;
  });
  await eventually(async () => assert.ok(await apart()));
  await page.locator(".send").click();
  await press(page, "End");
  await eventually(async () => assert.ok(await apart()));
});

test("on paper: the map and the journey in light colours, and nothing that is only to be pressed", async (t) => {
  const { page } = await open(t, browser, { ...english, colorScheme: "dark", viewport: { width: 1123, height: 794 } });
  await ready(page);
  await send(page, "http://kimho:406");
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  for (const gone of [".time", ".map-tools", ".left", ".tabs", ".panes", ".map-ended", ".splitter"]) {
    await eventually(async () => assert.equal(await page.locator(gone).first().isVisible(), false, gone));
  }
  for (const there of [".map-main", ".journey", ".ending", ".brand", ".crumb"]) {
    await eventually(async () => assert.ok(await page.locator(there).first().isVisible(), there));
  }
  const light = await page.evaluate(() => {
    const sum = (colour) => colour.match(/[\d.]+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0);
    const [paper, ink] = [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector(".journey")).color];
    return sum(paper) > 700 && sum(ink) < 250;
  });
  assert.ok(light, "dark ink on light paper");
  const pdf = await page.pdf({ format: "A4", landscape: true });
  assert.ok(pdf.length > 10_000);
});

test("while nothing moves the page asks for no frames", async (t) => {
  const { page } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  await page.evaluate(() => {
    globalThis.frames_asked = 0;
    const ask = globalThis.requestAnimationFrame.bind(globalThis);
    globalThis.requestAnimationFrame = (then) => {
      globalThis.frames_asked += 1;
      return ask(then);
    };
  });
  const asked = async (ms) => {
    await page.evaluate(() => (globalThis.frames_asked = 0));
    await page.waitForTimeout(ms);
    return page.evaluate(() => globalThis.frames_asked);
  };
  await page.locator(".send").click();
  // It plays.
  await page.waitForFunction(() => globalThis.frames_asked > 2);
  // What was on its way may still come; then nothing more does.
  const quiet = async () => {
    while ((await asked(200)) > 0);
    return asked(500);
  };
  await press(page, "Space");
  assert.equal(await quiet(), 0, "paused");
  await press(page, "End");
  assert.equal(await quiet(), 0, "at its end");
});
