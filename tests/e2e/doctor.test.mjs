// A person drops a cluster on the page: the report, and the cluster on the map.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { eventually, objections, picture } from "./hands.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const POD = (name, app, ip, ready) => `- apiVersion: v1
  kind: Pod
  metadata: {name: ${name}, namespace: shop, labels: {app: ${app}}}
  spec: {nodeName: worker-a, containers: [{name: c, image: example.org/x, ports: [{name: http, containerPort: 8080}]}]}
  status:
    phase: Running
    hostIP: 10.0.0.4
    podIP: ${ip}
    conditions: [{type: Ready, status: "${ready ? "True" : "False"}"}]
    containerStatuses: [{name: c, ready: ${ready}, restartCount: 7, state: ${ready ? "{running: {}}" : "{waiting: {reason: CrashLoopBackOff, message: back-off 5m0s restarting failed container}}"}}]
`;
const SERVICE = (name, app, ip) => `- apiVersion: v1
  kind: Service
  metadata: {name: ${name}, namespace: shop}
  spec: {type: ClusterIP, clusterIP: ${ip}, clusterIPs: [${ip}], selector: {app: ${app}}, ports: [{name: http, port: 80, targetPort: http}]}
`;
const CLUSTER = `apiVersion: v1
kind: List
items:
${POD("web-1", "web", "10.42.0.7", true)}${POD("cart-1", "cart", "10.42.0.8", false)}${SERVICE("web", "web", "10.43.1.1")}${SERVICE("cart", "cart", "10.43.1.2")}${SERVICE("lost", "lsot", "10.43.1.3")}`;

/** Drops files on the page, as a hand does. */
const drop = (page, files) =>
  page.evaluate((files) => {
    const carried = new DataTransfer();
    for (const [name, text] of files) carried.items.add(new File([text], name));
    for (const type of ["dragenter", "dragover", "drop"]) {
      document.body.dispatchEvent(new DragEvent(type, { dataTransfer: carried, bubbles: true, cancelable: true }));
    }
  }, files);

test("a dropped cluster is examined and opened on the map", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  await drop(page, [["cluster.yaml", CLUSTER], ["notes.pdf", "x"]]);
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("heading", { name: "Report" }).waitFor();
  const text = await dialog.innerText();
  assert.match(text, /cart[^]*CrashLoopBackOff/);
  assert.match(text, /lost[^]*(matches no pod|No pod)/i);
  assert.match(text, /1 file was left out/);
  assert.match(text, /1 of 3 doors open/);
  const found = await dialog.locator(".doctor-finding").allInnerTexts();
  assert.ok(found[0].startsWith("Error"), found[0]);
  assert.deepEqual((await objections(page)).found, []);
  await picture(page, "doctor-light-en");
  await dialog.getByRole("button", { name: "Open this cluster on the map" }).click();
  await page.locator(".map").getByText("worker-a").first().waitFor();
  await picture(page, "doctor-map");
  // What stands beside it is of this cluster: what was found, and a request to the first door that is shut.
  const panel = page.locator(".task");
  await eventually(async () => assert.match(await panel.innerText(), /A cluster that was examined[^]*1 of 3 doors open/));
  await page.locator(".send").click();
  await page.keyboard.press("End");
  await page.locator(".ending").waitFor();
  await eventually(async () => assert.match(await page.locator(".ending").innerText(), /cart|lost/));
  await panel.getByRole("button", { name: "Report" }).click();
  await dialog.getByRole("heading", { name: "Report" }).waitFor();
  await page.keyboard.press("Escape");
  await panel.getByRole("button", { name: "Back to my own files" }).click();
  await page.locator("#task-title", { hasText: "Only port 406" }).waitFor();
  await eventually(async () => assert.match(await page.locator(".files").innerText(), /service\.yaml/));
  assert.deepEqual(complaints, []);
});

test("a large cluster is examined bit by bit, says what it is doing, and can be stopped", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  const many = Array.from({ length: 1_500 }, (_, i) => POD(`p-${i}`, `app-${i}`, `10.42.${i >> 7}.${(i & 127) + 1}`, true) + SERVICE(`s-${i}`, `app-${i}`, `10.43.${i >> 7}.${(i & 127) + 1}`));
  const cluster = `apiVersion: v1\nkind: List\nitems:\n${many.join("")}`;
  await page.evaluate(() => {
    globalThis.seen = { bar: new Set(), said: [] };
    const note = () => {
      const bar = document.querySelector(".doctor-progress progress");
      if (bar) globalThis.seen.bar.add(bar.value);
      const said = document.querySelector(".doctor-status")?.textContent;
      if (said && said !== globalThis.seen.said.at(-1)) globalThis.seen.said.push(said);
    };
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  });
  const dialog = page.getByRole("dialog");
  // Stopped on the way, also by who is slower than the processor: it is made slow meanwhile.
  const tools = await page.context().newCDPSession(page);
  await tools.send("Emulation.setCPUThrottlingRate", { rate: 20 });
  await drop(page, [["cluster.yaml", cluster]]);
  await dialog.getByRole("button", { name: "Stop" }).click();
  await tools.send("Emulation.setCPUThrottlingRate", { rate: 1 });
  await dialog.locator(".doctor-progress").waitFor({ state: "detached" });
  await dialog.locator(".doctor-status", { hasText: "Stopped." }).waitFor();
  await eventually(async () => assert.equal(await page.evaluate(() => document.activeElement.id), "doctor-title", "the keyboard has a place"));
  await eventually(async () => assert.equal(await dialog.getByRole("heading", { name: "Report" }).count(), 0));
  await page.evaluate(() => ((globalThis.seen.bar = new Set()), (globalThis.seen.said = [])));
  await drop(page, [["cluster.yaml", cluster]]);
  await dialog.getByRole("heading", { name: "Report" }).waitFor();
  await eventually(async () => assert.match(await dialog.innerText(), /3000 objects; 1500 of 1500 doors open/));
  await dialog.getByRole("button", { name: "Open this cluster on the map" }).click();
  await page.locator("#task-title", { hasText: "A cluster that was examined" }).waitFor();
  const { said, bar } = await page.evaluate(() => ({ ...globalThis.seen, bar: globalThis.seen.bar.size }));
  assert.ok(bar > 10, `the bar stood at ${bar} places`);
  const [reading, standing, asking, sum, opening] = said;
  assert.deepEqual([reading, standing, asking, opening], ["Reading…", "Standing the cluster up…", "Asking every door…", "Opening the cluster on the map…"], said.join(" | "));
  assert.match(sum, /1500 of 1500/);
  assert.deepEqual(complaints, []);
});

for (const [name, options] of [
  ["dark-ko", { locale: "ko-KR", colorScheme: "dark" }],
  ["narrow-ko", { locale: "ko-KR", viewport: { width: 390, height: 844 } }],
]) {
  test(`the report in ${name}`, async (t) => {
    const { page } = await open(t, browser, options);
    await ready(page);
    await drop(page, [["cluster.yaml", CLUSTER]]);
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("heading", { name: "진단 결과" }).waitFor();
    const wide = await dialog.evaluate((e) => e.scrollWidth - e.clientWidth);
    assert.ok(wide <= 1, `the dialog is ${wide} px too wide`);
    await picture(page, `doctor-${name}`);
  });
}
