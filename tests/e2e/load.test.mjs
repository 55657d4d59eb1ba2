// A steady load while a workload is rolled out anew: what answered, and what failed when.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("a steady load runs on while a Deployment is rolled out anew, and new pods answer", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB", reducedMotion: "reduce" });
  await ready(page);
  await page.locator("#tab\\.spread").click();
  const field = (name) => page.locator(".spread label", { hasText: name });
  await field("Sent").locator("select").selectOption("steady");
  await field("Meanwhile").locator("select").selectOption({ label: "roll deployment/kimho out anew" });
  await page.locator(".spread .btn-primary").click();
  await page.locator(".spread .btn-primary", { hasText: "Stop" }).waitFor();
  await page.locator(".spread .btn-primary", { hasText: "Send them all" }).waitFor();
  const counts = await page.locator(".spread tbody tr td:nth-child(2)").allInnerTexts();
  assert.equal(counts.map(Number).reduce((a, b) => a + b, 0), 500);
  const pods = await page.locator(".spread tbody th.mono").count();
  assert.ok(pods > 3, `${pods} pods, old and new`);
  // A failure says when it happened, in seconds since the load began.
  const failures = await page.locator(".spread tbody tr", { has: page.locator(".bad") }).allInnerTexts();
  for (const failure of failures) assert.match(failure, /from \d+\.\d\d s to \d+\.\d\d s/);
  assert.deepEqual(complaints, []);
});
