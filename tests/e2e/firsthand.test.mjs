// What somebody meets who brings files of their own, prepares a class, or asks why: requests for the Services that are there,
// reachability that speaks as a Service speaks, the line behind a failure, all rules with their lines, what is kept over a reload.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { eventually, objections, press, shown, write } from "./hands.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const english = { locale: "en-GB", reducedMotion: "reduce" };
const view = (page, name) => page.locator(`#tab\\.${name}`).click();
const go = (page, hash) => page.evaluate((hash) => (location.hash = hash), hash);

const workload = (name, container, ports) => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      containers:
      - ${container}
---
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec:
  selector: {app: ${name}}
  ports: [${ports}]
`;

const SHOP = [
  workload("cart", "{name: c, image: example/cart, ports: [{containerPort: 7070}], readinessProbe: {grpc: {port: 7070}}}", "{name: grpc, port: 7070}"),
  workload("front", "{name: c, image: nginx, ports: [{containerPort: 80}]}", "{name: http, port: 80, targetPort: 8088}"),
].join("---\n");

test("one's own files have requests of their own, in the words that a Service speaks, and a failure leads to its line", async (t) => {
  const { page, complaints } = await open(t, browser, english);
  await ready(page);
  const scenario = await page.locator("#task-title").innerText();
  await write(page, "# Something else is coming.\n");
  await page.locator(".holds summary", { hasText: "2 Services" }).waitFor();
  await eventually(async () => assert.equal(await page.locator("#task-title").innerText(), scenario, "a file that is empty for a moment is nobody's own cluster"));
  await write(page, SHOP);
  await page.locator("#task-title", { hasText: "Your own cluster" }).waitFor();
  const tries = page.locator(".try");
  await tries.nth(1).waitFor();
  await eventually(async () => assert.deepEqual(await tries.allInnerTexts(), ["▶ cart:7070", "▶ front"]));
  await eventually(async () => assert.equal(await page.locator(".url").inputValue(), "grpc://cart:7070", "the scenario's address leads nowhere any more"));
  await page.locator(".url").focus();
  await page.locator("#own-urls option").nth(1).waitFor({ state: "attached" });
  await tries.nth(1).click();
  await press(page, "End");
  await page.locator(".ending.bad").waitFor();
  // The hop at which it fails is about the line to mend, in the journey and beside the text.
  const failing = page.locator(".journey tr", { has: page.locator(".hop-bad") }).first();
  const line = (await shown(page)).split("\n").findIndex((text) => text.includes("8088")) + 1;
  await eventually(async () => assert.equal(await failing.locator(".line-link").first().innerText(), `service.yaml:${line}`));
  const number = await failing.locator(".hop-bad").innerText();
  await page.locator(".editor .hops .hop-bad", { hasText: number }).first().waitFor();
  await view(page, "reach");
  await page.locator(".reach .cell.good").first().waitFor();
  await page.locator(".reach-progress").waitFor({ state: "detached" });
  const heads = await page.locator(".reach thead th").allInnerTexts();
  assert.deepEqual(heads.slice(1), ["grpc://cart.default:7070", "http://front.default"]);
  await eventually(async () => assert.equal(await page.locator(".reach tbody tr td:nth-child(3) .cell", { hasText: "Connection refused" }).count() > 0, true, "a few words"));
  assert.deepEqual((await objections(page)).found, []);
  assert.deepEqual(complaints, []);
});

test("all rules of a node lead to their lines, and ipvs has its scheduler; a node without power is so after a reload", async (t) => {
  const { page, complaints } = await open(t, browser, english);
  await ready(page);
  await page.locator(".holds summary").click();
  await page.locator(".choices select").first().selectOption("ipvs");
  await page.locator(".scheduler").selectOption("sh");
  await view(page, "rules");
  await page.locator(".rules-all summary").click();
  const virtual = page.locator(".raw > div", { hasText: /^TCP .*:406 sh/ }).first();
  await virtual.locator(".line-link", { hasText: "service.yaml:16" }).waitFor();
  const address = (await virtual.innerText()).match(/\d+\.\d+\.\d+\.\d+/)[0];
  await page.locator(".raw > div", { hasText: `${address},tcp:406` }).locator(".line-link", { hasText: "service.yaml:16" }).waitFor();
  await virtual.locator(".rule").click();
  await page.locator(".editor .line-lit", { hasText: "port: 406" }).waitFor();
  assert.deepEqual((await objections(page)).found, []);
  await page.locator(".choices input[type=checkbox]").last().uncheck();
  await page.reload();
  await ready(page);
  await page.locator(".holds summary").click();
  await eventually(async () => assert.equal(await page.locator(".choices input[type=checkbox]").last().isChecked(), false));
  await eventually(async () => assert.equal(await page.locator(".scheduler").inputValue(), "sh"));
  assert.deepEqual(complaints, []);
});

test("what a teacher is setting outlives the way to the desk and a reload, and takes the desk's state and its nodes' power along", async (t) => {
  const { page, complaints } = await open(t, browser, english);
  await go(page, "#/teach");
  const pick = async (track, lesson) => {
    await page.locator(".assign-pick summary", { hasText: track }).click();
    await page.locator(".ticks label", { hasText: lesson }).locator("input").check();
  };
  await pick("First Service", "Labels pick the pods");
  await pick("To the outside", "A node goes dark");
  await page.locator(".set-nodes").selectOption("4");
  const plain = await page.locator(".made .link").inputValue();
  await go(page, "#/lesson/dark-node");
  await page.locator(".question").waitFor();
  const plugs = page.locator(".plugs input");
  await plugs.nth(1).uncheck();
  await go(page, "#/teach");
  await page.locator(".order li").nth(1).waitFor();
  await eventually(async () => assert.deepEqual(await page.locator(".order li > span:first-of-type").allInnerTexts(), ["Labels pick the pods", "A node goes dark"]));
  await eventually(async () => assert.equal(await page.locator(".set-nodes").inputValue(), "4"));
  await page.locator(".order .own-start").click();
  await page.waitForFunction((plain) => document.querySelector(".made .link").value !== plain, plain);
  const link = await page.locator(".made .link").inputValue();
  await page.reload();
  await page.locator(".order li").nth(1).waitFor();
  await eventually(async () => assert.equal(await page.locator(".made .link").inputValue(), link));
  // A class that was read stays, too.
  const file = { name: "p.txt", mimeType: "text/plain", buffer: Buffer.from("hello") };
  await page.locator(".results input[type=file]").setInputFiles(file);
  await page.locator(".figures .spoilt").waitFor();
  await page.evaluate(() => document.querySelector("#page").scrollTo(0, 1e6));
  await go(page, "#/lessons");
  await page.locator(".track-card").first().waitFor();
  await eventually(async () => assert.equal(await page.evaluate(() => document.querySelector("#page").scrollTop), 0, "another page begins at its top"));
  await go(page, "#/teach");
  await page.locator(".figures .spoilt").waitFor();
  await go(page, new URL(link).hash);
  await page.locator(".assignment .next-lesson", { hasText: "Begin with “Labels pick the pods”" }).click();
  await page.locator(".lesson .check").first().waitFor();
  await go(page, "#/lesson/dark-node");
  await page.locator(".question").waitFor();
  await eventually(async () => assert.equal(await plugs.nth(1).isChecked(), false, "the pupil begins with the teacher's nodes"));
  assert.deepEqual(complaints, []);
});

test("the palette finds lessons whose map was never opened, and says when it finds nothing", async (t) => {
  const { page, complaints } = await open(t, browser, english);
  await ready(page);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("headless misnamed zzz");
  await page.locator(".palette .empty", { hasText: "zzz" }).waitFor();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("Labels pick the pods");
  await page.locator("#palette-list li", { hasText: "lesson" }).first().waitFor();
  assert.deepEqual((await objections(page)).found, []);
  await page.keyboard.press("Enter");
  await page.locator(".lesson .check").first().waitFor();
  assert.deepEqual(complaints, []);
});
