// The page opens, under any path, without a complaint of the browser; and says in words when it cannot.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { eventually } from "./hands.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

test("the page opens, and nothing complains", async (t) => {
  const { page, complaints } = await open(t, browser);
  await ready(page);
  assert.match(await page.title(), /길잡이/);
  await page.locator(".cm-content").first().click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("# 한글 comment");
  await eventually(async () => assert.match(await page.locator(".cm-content").first().innerText(), /# 한글 comment/));
  assert.deepEqual(complaints, []);
});

test("the Content-Security-Policy is in the page itself, whatever the host sends, and holds", async (t) => {
  const { page, complaints } = await open(t, browser);
  await ready(page);
  const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute("content");
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /'unsafe-inline'|'unsafe-eval'/);
  // One script may stand in the page, by its sum, and it is the only one that does.
  assert.equal([...policy.matchAll(/'(?:sha\d+|nonce)-/g)].length, 1);
  assert.equal(await page.locator("script:not([src])").count(), 1);
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "globalThis.injected = true";
    document.body.append(script);
    return globalThis.injected === true;
  });
  assert.equal(ran, false);
  assert.ok(complaints.some((each) => each.includes("script-src")), complaints.join("\n"));
});

test("the keyboard leaves the editor by Escape, then Tab", async (t) => {
  const { page } = await open(t, browser);
  await ready(page);
  const inEditor = () => page.evaluate(() => document.activeElement.classList.contains("cm-content"));
  await page.locator(".cm-content").first().click();
  await page.keyboard.press("Tab");
  await eventually(async () => assert.equal(await inEditor(), true, "Tab indents"));
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  await eventually(async () => assert.equal(await inEditor(), false, "after Escape it moves on"));
});

test("a WASM that does not come is told in words", async (t) => {
  const { page } = await open(t, browser, { failing: { ".wasm": 503 } });
  const failure = page.locator("#failure[role=alert]");
  await failure.waitFor();
  await eventually(async () => assert.match(await failure.innerText(), /시작하지 못했어요[^]*could not start[^]*503/));
  await eventually(async () => assert.equal(await page.locator("#starting").count(), 0));
});

test("an editor that does not come is told in words", async (t) => {
  // The hashed name is not known here: the server fails everything under it by its page's own word.
  const { page, url } = await open(t, browser);
  const name = await page.locator("meta[name=giljabi-editor]").getAttribute("content");
  const broken = await open(t, browser, { failing: { [new URL(name, url).pathname]: 503 } });
  await broken.page.getByRole("alert").filter({ hasText: /\S/ }).waitFor();
});

test("a panic is told in words, and the text is said to be kept", async (t) => {
  const { page } = await open(t, browser);
  await ready(page);
  await page.evaluate(() => dispatchEvent(new CustomEvent("giljabi:panic", { detail: "index out of bounds" })));
  await eventually(async () => assert.match(await page.locator("#failure").innerText(), /멈췄어요[^]*Reload[^]*index out of bounds/));
});

test("without JavaScript the page still says what it is", async (t) => {
  const { page } = await open(t, browser, { javaScriptEnabled: false });
  const text = await page.locator("body").innerText();
  assert.match(text, /길잡이는 브라우저 안에/);
  assert.match(text, /Giljabi builds a small Kubernetes cluster/);
  assert.doesNotMatch(text, /loading/);
});
