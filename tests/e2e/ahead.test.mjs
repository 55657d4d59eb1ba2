// The cluster of the first visit is made when the site is built. It must be what a start from nothing makes: same objects, same
// addresses, same times; and a visit that has something else to open must not get it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { eventually } from "./hands.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const KINDS = "pods services endpoints endpointslices deployments replicasets nodes configmaps serviceaccounts events".split(" ");

/** What the cluster holds, as its own command prints it: of each kind every object with the place of its last write, and the YAML of all. */
async function everything(page) {
  await page.locator("[role=tab]", { hasText: "Terminal" }).click();
  const field = page.locator("#term-input-1");
  const log = page.locator(".term-log").first();
  const columns = "NAME:.metadata.name,UID:.metadata.uid,VERSION:.metadata.resourceVersion,MADE:.metadata.creationTimestamp";
  const told = [];
  for (const kind of KINDS) {
    await field.fill(`clear; kubectl get ${kind} -A -o custom-columns=${columns}; kubectl get ${kind} -A -o yaml | wc; echo all of the ${kind}`);
    await field.press("Enter");
    await eventually(async () => assert.match(await log.innerText(), new RegExp(`\\nall of the ${kind}\\s*$`)));
    told.push((await log.innerText()).trim());
  }
  return told.join("\n");
}

test("the cluster that was made ahead is the one that a start from nothing makes", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  const ahead = await everything(page);
  assert.match(ahead, /^kimho-67f9dcf899-\w+ +[0-9a-f-]{36} +\d+ +2026-01-01T/m);
  assert.match(ahead, /^ +\d{3,} +\d{3,} +\d{4,}\nall of the events$/m);
  // A new terminal, and a cluster that is made now.
  await page.locator(".task button", { hasText: "Start over" }).click();
  await eventually(async () => assert.doesNotMatch(await page.locator(".term-log").first().innerText(), /all of the events/));
  assert.equal(await everything(page), ahead);
  assert.deepEqual(complaints, []);
});

test("who wrote something gets a cluster of what was written, and who chose another world gets that", async (t) => {
  const { page } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  await page.evaluate(() => localStorage.setItem("giljabi.world", "2 nftables none 0000"));
  await page.reload();
  await ready(page);
  await eventually(async () => assert.equal(await page.locator(".node").count(), 2));
  const written = "apiVersion: v1\nkind: Service\nmetadata:\n  name: mine\nspec:\n  ports:\n  - port: 81\n";
  await page.evaluate((text) => {
    localStorage.removeItem("giljabi.world");
    localStorage.setItem("giljabi.files", JSON.stringify([["mine.yaml", text]]));
  }, written);
  await page.reload();
  await ready(page);
  await eventually(async () => assert.equal(await page.locator(".node").count(), 3));
  const objects = await everything(page);
  assert.match(objects, /^mine +/m);
  assert.doesNotMatch(objects, /^kimho/m);
});

test("a text that was broken when the page was left stands over the cluster of the last good one", async (t) => {
  const { page } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  await page.locator(".cm-content").first().click();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("{");
  await eventually(async () => assert.match(await page.locator(".status").first().innerText(), /not applied/));
  await eventually(async () => assert.match((await page.evaluate(() => localStorage.getItem("giljabi.files"))) ?? "", /"\{/));
  // The scenario's own files are the last good ones here.
  await page.evaluate(() => {
    const broken = JSON.parse(localStorage.getItem("giljabi.files"));
    localStorage.setItem("giljabi.good", JSON.stringify(broken.map(([name, text]) => [name, text.replace(/^\{/, "")])));
  });
  await page.reload();
  await ready(page);
  await eventually(async () => assert.match(await page.locator(".map-svg").first().textContent(), /kimho/));
  await eventually(async () => assert.match(await page.locator(".cm-content").first().innerText(), /^\{/));
});
