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

/** Everything that the cluster holds, as its own command prints it. */
async function everything(page) {
  await page.locator("[role=tab]", { hasText: "Terminal" }).click();
  const field = page.locator("#term-input-1");
  await field.fill("kubectl get pods,services,endpoints,endpointslices,deployments,replicasets,configmaps,events -A -o yaml; echo all of it");
  await field.press("Enter");
  const log = page.locator(".term-log").first();
  await eventually(async () => assert.match(await log.innerText(), /\nall of it\n?$/));
  return (await log.innerText()).split("\n").slice(1).join("\n");
}

test("the cluster that was made ahead is the one that a start from nothing makes", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  const ahead = await everything(page);
  assert.match(ahead, /kind: EndpointSlice/);
  // A new terminal, and a cluster that is made now.
  await page.locator(".task button", { hasText: "Start over" }).click();
  await eventually(async () => assert.doesNotMatch(await page.locator(".term-log").first().innerText(), /all of it/));
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
  assert.match(objects, /name: mine\n/);
  assert.doesNotMatch(objects, /name: kimho/);
});
