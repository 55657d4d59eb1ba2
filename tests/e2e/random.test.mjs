// Random sessions: whatever is pressed, typed and opened in whatever order, the console stays silent. A few sessions in the test
// command; `SESSIONS=1000 node --test tests/e2e/random.test.mjs` is the long profile (`SEED=` the first, `PATIENCE=` milliseconds
// that something may take beside other work). A session is known by its seed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { eventually } from "./hands.mjs";

const SESSIONS = Number(process.env.SESSIONS ?? 4);
const ACTIONS = Number(process.env.ACTIONS ?? 40);
const FIRST = Number(process.env.SEED ?? 1);

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** A small generator of numbers in [0, 1): the same ones for the same seed. */
function lots(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const TEXTS = ["# 한글", "\n  - port: 9\n", "\n---\n", "kind: ", "{", "\t", "replicas: 3", "\nselector: {app: x}", "&a *a", "\u202e"];
const KEYS = ["Enter", "Escape", "Tab", "Shift+Tab", "ArrowRight", "ArrowLeft", "ArrowDown", "Home", "End", "Space", "Control+k", "Control+z", "Control+i", "?", "Backspace", "Control+a"];
const URLS = ["http://kimho", "http://kimho:406", "kimho.default.svc.cluster.local", "http://10.96.0.1:443", "", "ftp://x", "http://[::1]", "udp://10.96.0.10:53"];
const LINES = ["kubectl get pods -A", "curl -s kimho", "kubectl delete svc kimho", "for i in 1 2 3; do echo $i; done", "kubectl exec -it client -- sh", "exit", "cat <<EOF", "EOF"];

async function act(page, lot) {
  const one = (list) => list[Math.floor(lot() * list.length)];
  const visible = page.locator("button:visible, summary:visible, a[href^='#']:visible, [role=tab]:visible, select:visible, input[type=text]:visible, input:not([type]):visible");
  switch (Math.floor(lot() * 8)) {
    case 0:
    case 1:
    case 2: {
      const count = await visible.count();
      if (count === 0) return "nothing to press";
      const which = Math.floor(lot() * count);
      const element = visible.nth(which);
      const label = await element.evaluate((e) => (e.getAttribute("aria-label") ?? e.textContent ?? "").trim().slice(0, 40), undefined, { timeout: 1_000 }).catch(() => "");
      // What lies under something else cannot be pressed by a person either.
      await element.click({ timeout: 1_000, noWaitAfter: true }).catch(() => {});
      return `press ${label}`;
    }
    case 3: {
      const key = one(KEYS);
      await page.keyboard.press(key);
      return `key ${key}`;
    }
    case 4: {
      const text = one(TEXTS);
      await page.locator(".cm-content:visible").first().click({ timeout: 1_000 }).catch(() => {});
      await page.keyboard.type(text);
      return `type ${text}`;
    }
    case 5: {
      const url = one(URLS);
      await page.locator(".url:visible").fill(url, { timeout: 1_000 }).catch(() => {});
      await page.locator(".send:visible").click({ timeout: 1_000 }).catch(() => {});
      return `send ${url}`;
    }
    case 6: {
      const hash = one(["#/", "#/lessons", "#/notes", "#/lesson/first-service", "#/teach", "#/write", "#/do/AAAA", "#/try/AAAA", "#/nonsense"]);
      await page.evaluate((hash) => (location.hash = hash), hash);
      return `go ${hash}`;
    }
    default: {
      const line = one(LINES);
      const prompt = page.locator(".terminal input:visible, .terminal textarea:visible").first();
      await prompt.fill(line, { timeout: 500 }).then(() => prompt.press("Enter"), () => {});
      return `run ${line}`;
    }
  }
}

for (let seed = FIRST; seed < FIRST + SESSIONS; seed += 1) {
  test(`session ${seed}`, async (t) => {
    const lot = lots(seed);
    const narrow = lot() < 0.25;
    const { page, complaints } = await open(t, browser, {
      locale: lot() < 0.5 ? "ko-KR" : "en-GB",
      viewport: narrow ? { width: 390, height: 844 } : { width: 1440, height: 900 },
    });
    page.on("dialog", (dialog) => void dialog.dismiss());
    await page.context().route("**/*", (route) => (route.request().isNavigationRequest() && route.request().url().includes(".txt") ? route.abort() : route.continue()));
    await ready(page);
    const done = [];
    for (let i = 0; i < ACTIONS; i += 1) {
      done.push(await act(page, lot));
      assert.deepEqual(complaints, [], `after:\n${done.join("\n")}`);
    }
    // The program still answers.
    await eventually(async () => assert.equal(await page.locator("#failure").count(), 0, done.join("\n")));
    await eventually(async () => assert.ok(await page.evaluate(() => document.querySelector(".app") !== null)));
  });
}

// Sessions 697 and 1384 found it: a completion that was asked for by the last key, and a page that was gone when it was due.
test("an editor's page that is left right behind a key", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  for (const place of ["#/write", "#/"]) {
    await page.evaluate((place) => (location.hash = place), place);
    await page.locator(".cm-content:visible").first().click();
    await page.keyboard.type("k");
    await page.evaluate(() => (location.hash = "#/lessons"));
    await page.locator(".page-title").first().waitFor();
    // Longer than completion, cards and the gates of a draft wait.
    await page.waitForTimeout(1_200);
    assert.deepEqual(complaints, [], `left ${place}`);
  }
});
