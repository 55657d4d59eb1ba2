// How long a person waits: from a key in the editor to the painted map, how evenly the animation moves, and what a thousand
// edits leave behind. Measured in Chromium, the way to the paint with its own tracing. A part of `cargo xtask bench`; alone:
//
//     cargo xtask build && node benches/interaction.mjs            (SITE_DIR names another built site)
import { pathToFileURL } from "node:url";
import { launch, open, ready } from "../tests/e2e/browser.mjs";

const KEYS = 40;
const EDITS = 1_000;

/** Runs what a test would clean up after itself. */
async function opened(browser, work) {
  const ends = [];
  const { page } = await open({ after: (end) => ends.push(end) }, browser, { locale: "en-GB" });
  try {
    await ready(page);
    return await work(page);
  } finally {
    for (const end of ends) await end();
  }
}

const manifests = (pods) => `apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector:
    app: web
  ports:
  - port: 80
    targetPort: 8080
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: ${pods}
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
      - name: web
        image: luksa/kubia
        ports:
        - containerPort: 8080
`;

/** Makes `text` the text of the file that is shown, as a person would who pastes it. */
async function write(page, text) {
  await page.locator(".cm-content").first().click();
  await page.keyboard.press("Control+a");
  await page.locator(".cm-content").first().evaluate((content, text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", text);
    content.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  }, text);
}

/** Puts the cursor behind a piece of text in the editor. */
const place = (page, behind) =>
  page.locator(".cm-content").first().evaluate((content, behind) => {
    const view = content.cmTile.view;
    const at = view.state.doc.toString().indexOf(behind) + behind.length;
    view.dispatch({ selection: { anchor: at } });
    view.focus();
  }, behind);

/** Marks in the trace when the map's elements change. */
const watchMap = (page) =>
  page.evaluate(() => {
    const map = document.querySelector(".map-svg");
    new MutationObserver(() => performance.mark("map changed")).observe(map, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
    });
  });

/** What Chromium's tracing says of the page while `work` runs. */
async function traced(page, work) {
  const client = await page.context().newCDPSession(page);
  const events = [];
  client.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  await client.send("Tracing.start", {
    transferMode: "ReportEvents",
    traceConfig: { includedCategories: ["devtools.timeline", "blink.user_timing", "disabled-by-default-devtools.timeline"], excludedCategories: ["*"] },
  });
  await work();
  const complete = new Promise((done) => client.once("Tracing.tracingComplete", done));
  await client.send("Tracing.end");
  await complete;
  await client.detach();
  return events.sort((a, b) => a.ts - b.ts);
}

/**
 * Milliseconds from each key to the end of the paint that shows what it changed last on the map; and how many of them the
 * page's thread was at work, which is what is left of them on a machine that has nothing else to do.
 */
function waits(events) {
  const keys = events.filter(({ name, args }) => name === "EventDispatch" && args?.data?.type === "keydown");
  return keys.flatMap(({ ts, pid, tid }, index) => {
    const until = keys[index + 1]?.ts ?? Infinity;
    const changes = events.filter((each) => each.name === "map changed" && each.ts > ts && each.ts < until);
    const last = changes.at(-1);
    if (!last) return [];
    const painted = events.find(
      (each) => ["Commit", "Paint"].includes(each.name) && each.pid === pid && each.tid === tid && each.ts > last.ts,
    );
    if (!painted) return [];
    const end = painted.ts + (painted.dur ?? 0);
    const tasks = events.filter((each) => each.name === "RunTask" && each.pid === pid && each.tid === tid && each.ts + each.dur > ts && each.ts < end);
    const work = tasks.reduce((sum, { tdur }) => sum + (tdur ?? 0), 0);
    return [{ wall: (end - ts) / 1e3, work: work / 1e3 }];
  });
}

/** Keys typed into the Service's port, with so many pods behind it. */
export async function keystrokes(browser, pods) {
  return opened(browser, async (page) => {
    await write(page, manifests(pods));
    await page.waitForFunction(() => document.querySelector(".map-svg")?.textContent.includes("web"), undefined, { timeout: 60_000 });
    await page.waitForTimeout(1_500);
    await place(page, "- port: 8");
    await watchMap(page);
    const type = async (count) => {
      for (let i = 0; i < count; i += 1) {
        await page.keyboard.press(i % 2 ? "Backspace" : "1");
        await page.waitForTimeout(250);
      }
    };
    await type(4);
    const events = await traced(page, () => type(KEYS));
    const long = events.filter(({ name, dur }) => name === "RunTask" && dur > 50_000).map(({ dur }) => dur / 1e3);
    return { waits: waits(events), long };
  });
}

/** Places of the scenarios with so many pods in their list. */
const SCENARIOS = { 100: 12, 1000: 13 };

/** Times between frames while the packet of a sent request moves, and tasks that held the page up. */
async function animation(browser, pods) {
  return opened(browser, async (page) => {
    if (pods in SCENARIOS) {
      await page.locator(".task-head .btn").click();
      await page.locator(".scenarios li button").nth(SCENARIOS[pods]).click();
      await page.locator(".pod").first().waitFor({ state: "attached" });
      await page.waitForTimeout(2_000);
    }
    // The request itself is a task of its own; what follows is the animation.
    await page.locator(".send").click();
    await page.waitForTimeout(100);
    await page.evaluate(() => {
      globalThis.frames_ = [];
      globalThis.long_ = [];
      new PerformanceObserver((list) => globalThis.long_.push(...list.getEntries().map(({ duration }) => duration))).observe({
        type: "longtask",
      });
      let last;
      const frame = (now) => {
        if (last !== undefined) globalThis.frames_.push(now - last);
        last = now;
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
    await page.waitForTimeout(5_000);
    return page.evaluate(() => ({ frames: globalThis.frames_, long: globalThis.long_ }));
  });
}

/** Megabytes of the page's heap before and after a thousand edits, rubbish collected. */
async function memory(browser) {
  return opened(browser, async (page) => {
    const client = await page.context().newCDPSession(page);
    const used = async () => {
      await client.send("HeapProfiler.collectGarbage");
      const { usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 } = await client.send("Runtime.getHeapUsage");
      return (usedSize + embedderHeapUsedSize + backingStorageSize) / 1e6;
    };
    await write(page, manifests(10));
    await page.waitForTimeout(1_000);
    await place(page, "- port: 8");
    const before = await used();
    for (let i = 0; i < EDITS; i += 1) {
      await page.keyboard.press(i % 2 ? "Backspace" : "1");
      // An edit is applied when the page has a moment; without one a thousand keys would be one edit.
      await page.evaluate(() => new Promise((next) => requestAnimationFrame(() => setTimeout(next))));
    }
    await page.waitForTimeout(1_000);
    return { before, after: await used() };
  });
}

/** Everything, as rows of the suite: what, unit, samples, and the goal for a part of them. */
export async function interaction(browser, sizes) {
  const rows = [];
  for (const pods of sizes) {
    const found = await keystrokes(browser, pods);
    rows.push({ what: `key to painted map, ${pods} pods`, unit: "ms", samples: found.waits.map(({ wall }) => wall), goal: { 100: 16, 1000: 33 }[pods] });
    rows.push({ what: `of it the page at work, ${pods} pods`, unit: "ms", samples: found.waits.map(({ work }) => work) });
    rows.push({ what: `tasks over 50 ms in ${KEYS} keys, ${pods} pods`, unit: "count", samples: [found.long.length] });
  }
  for (const pods of sizes) {
    const { frames, long } = await animation(browser, pods);
    rows.push({ what: `animation, time between frames, ${pods} pods`, unit: "ms", samples: frames, goal: { 100: 17, 1000: 33 }[pods] });
    rows.push({ what: `animation, tasks over 50 ms in 5 s, ${pods} pods`, unit: "count", samples: [long.length] });
  }
  const { before, after } = await memory(browser);
  rows.push({ what: "memory of a page with 10 pods", unit: "MB", samples: [before] });
  rows.push({ what: `memory more after ${EDITS} edits`, unit: "MB", samples: [after - before] });
  return rows;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const browser = await launch();
  for (const { what, unit, samples, goal } of await interaction(browser, [10, 100, 1_000])) {
    const sorted = samples.toSorted((a, b) => a - b);
    const part = (share) => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN).toFixed(1);
    const parts = sorted.length > 1 ? `p50 ${part(0.5)}, p95 ${part(0.95)}, worst ${part(1)} of ${sorted.length}` : part(0);
    console.log(`${what}: ${parts} ${unit}${goal ? ` (goal ${goal})` : ""}`);
  }
  await browser.close();
}
