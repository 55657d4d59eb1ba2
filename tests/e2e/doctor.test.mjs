// A person drops a cluster on the page: the report, and the cluster on the map.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { objections, picture } from "./hands.mjs";

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
