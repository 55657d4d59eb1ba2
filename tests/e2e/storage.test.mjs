// The browser's store: denied, full, filled with something else, shared by two tabs, written by a newer version. Work goes on,
// a message says what is not kept, and nothing is overwritten that was not read.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { eventually } from "./hands.mjs";
import { serve } from "./server.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** A page whose store is prepared before the app sees it. */
async function prepared(t, prepare, argument) {
  const server = await serve();
  const context = await browser.newContext({ locale: "en-GB", serviceWorkers: "block" });
  t.after(async () => {
    await context.close();
    await server.close();
  });
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.addInitScript(prepare, argument);
  await page.goto(server.url);
  await ready(page);
  return { page, context, url: server.url, errors };
}

async function type(page, text) {
  await page.locator(".cm-content").first().click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(text);
}

const kept = (page, name) => page.evaluate((name) => localStorage.getItem(name), name);

test("a store that is denied", async (t) => {
  const { page, errors } = await prepared(t, () => {
    Object.defineProperty(globalThis, "localStorage", {
      get() {
        throw new DOMException("denied", "SecurityError");
      },
    });
  });
  await page.getByText("This browser keeps nothing for this page").waitFor();
  await type(page, "# works");
  await page.locator(".send").click();
  await page.locator(".ending, .timebar").first().waitFor();
  assert.deepEqual(errors, []);
});

test("a store that is full", async (t) => {
  const { page, errors } = await prepared(t, () => {
    const set = Storage.prototype.setItem;
    Storage.prototype.setItem = function (name, text) {
      if (globalThis.full) throw new DOMException("full", "QuotaExceededError");
      return set.call(this, name, text);
    };
  });
  await page.evaluate(() => (globalThis.full = true));
  await type(page, "# one");
  await page.getByText("The browser's store is full").waitFor();
  await page.evaluate(() => (globalThis.full = false));
  await type(page, "# two");
  await page.waitForFunction(() => localStorage.getItem("giljabi.files")?.includes("# one# two"));
  await page.getByText("The browser's store is full").waitFor({ state: "detached" });
  assert.deepEqual(errors, []);
});

test("garbage in the store is put aside, not written over", async (t) => {
  for (const garbage of ["{{{", "[[1,2]]", '{"__proto__":1}', "\u0000"]) {
    const { page, errors } = await prepared(t, (garbage) => {
      if (!localStorage.getItem("giljabi.version")) localStorage.setItem("giljabi.files", garbage);
      localStorage.setItem("giljabi.left", "NaN");
      localStorage.setItem("giljabi.theme", "<script>");
      localStorage.setItem("giljabi.lesson.first-service", garbage);
    }, garbage);
    await type(page, "# new");
    await page.waitForFunction(() => localStorage.getItem("giljabi.files")?.includes("# new"));
    await eventually(async () => assert.equal(await kept(page, "giljabi.files.unread"), garbage));
    assert.deepEqual(errors, []);
  }
});

test("what a newer version has kept is left alone", async (t) => {
  const { page, errors } = await prepared(t, () => {
    localStorage.setItem("giljabi.version", "999");
    localStorage.setItem("giljabi.files", "in a form of the future");
  });
  await page.getByText("A newer version has been used in this browser").waitFor();
  await type(page, "# works");
  await page.locator(".send").click();
  await eventually(async () => assert.equal(await kept(page, "giljabi.files"), "in a form of the future"));
  await eventually(async () => assert.equal(await kept(page, "giljabi.version"), "999"));
  assert.deepEqual(errors, []);
});

test("two tabs do not write over each other", async (t) => {
  const { page: first, context, url } = await prepared(t, () => {});
  await type(first, "# begun");
  await first.waitForFunction(() => localStorage.getItem("giljabi.files")?.includes("# begun"));
  const second = await context.newPage();
  await second.goto(url);
  await ready(second);
  await type(second, "# second");
  await second.waitForFunction(() => localStorage.getItem("giljabi.files")?.includes("# second"));
  await first.bringToFront();
  await first.getByText("Another tab has changed these files").waitFor();
  await type(first, "# first");
  await eventually(async () => assert.doesNotMatch(await kept(first, "giljabi.files"), /# first/));
  await first.getByRole("button", { name: "Keep what is here" }).click();
  await first.waitForFunction(() => localStorage.getItem("giljabi.files")?.includes("# first"));
  await first.getByText("Another tab has changed these files").waitFor({ state: "detached" });
  await second.bringToFront();
  await second.getByText("Another tab has changed these files").waitFor();
  await Promise.all([second.waitForEvent("load"), second.getByRole("button", { name: "Load the other tab's" }).click()]);
  await ready(second);
  await eventually(async () => assert.match(await second.locator(".cm-content").first().innerText(), /# first/));
});

test("a crash keeps text and progress, gives a report, and goes on without reload", async (t) => {
  const { page } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  await type(page, "# before the crash");
  await page.waitForFunction(() => localStorage.getItem("giljabi.files")?.includes("# before the crash"));
  await page.evaluate(() => {
    globalThis.sameDocument = true;
    // An error of the program's own: an index beyond the end, in Rust (src/app/failure.rs).
    setTimeout(() => dispatchEvent(new CustomEvent("giljabi:provoke")));
  });
  const failure = page.locator("#failure");
  await failure.waitFor();
  const text = await failure.innerText();
  assert.match(text, /stopped/);
  assert.match(text, /panicked at src\/app\/failure\.rs[^]*index out of bounds/);
  assert.match(text, /Giljabi \d+\.\d+\.\d+/);
  await eventually(async () => assert.ok(await failure.getByRole("button", { name: /Copy the report/ }).isVisible()));
  await failure.getByRole("button", { name: /Go on/ }).click();
  await ready(page);
  await eventually(async () => assert.equal(await page.evaluate(() => globalThis.sameDocument), true, "no reload"));
  await page.waitForFunction(() => document.querySelector(".cm-content")?.innerText.includes("# before the crash"));
  await page.locator(".send").click();
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("End");
  await page.locator(".ending.good").waitFor();
});
