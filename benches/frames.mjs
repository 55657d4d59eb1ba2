// Frame times of the animation and the time from a keystroke to the painted map, at 5, 100 and 1,000 pods, in headless
// Chromium. Not a test: figures of one machine, to be compared within one run.
//
//     cargo xtask build && node benches/frames.mjs            (SITE_DIR names another built site)
import { launch } from "../tests/e2e/browser.mjs";
import { serve } from "../tests/e2e/server.mjs";

const SIZES = [["5 pods", 0], ["100 pods", 12], ["1,000 pods", 13]];

const part = (list, share) => list.toSorted((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))];

const server = await serve();
const browser = await launch();
for (const [name, scenario] of SIZES) {
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB" })).newPage();
  await page.goto(server.url);
  await page.locator(".cm-content").first().waitFor();
  if (scenario) {
    await page.locator(".task-head .btn").click();
    await page.locator(".scenarios li button").nth(scenario).click();
    await page.locator(".density-all, .group, .pod").first().waitFor({ state: "attached" });
    await page.waitForTimeout(1_500);
  }
  await page.locator(".send").click();
  const frames = await page.evaluate(async () => {
    const times = [];
    let last = performance.now();
    const until = last + 6_000;
    while (last < until) {
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      times.push(now - last);
      last = now;
    }
    return times;
  });
  await page.keyboard.press("End");
  // A digit of a port is typed and taken away again; from the key to the second frame after the map has changed.
  const edits = await page.evaluate(async () => {
    const content = document.querySelector(".cm-content");
    const view = content.cmTile.view;
    const times = [];
    for (let i = 0; i < 12; i++) {
      const text = view.state.doc.toString();
      const at = text.search(/port: \d+/) + 6;
      const length = text.slice(at).match(/^\d+/)[0].length;
      const began = performance.now();
      const shown = new Promise((done) => {
        const observer = new MutationObserver(() => {
          observer.disconnect();
          requestAnimationFrame(() => done(performance.now() - began));
        });
        observer.observe(document.querySelector(".map-main"), { subtree: true, childList: true, attributes: true, characterData: true });
      });
      view.dispatch({ changes: { from: at, to: at + length, insert: String(80 + i) }, userEvent: "input" });
      times.push(await shown);
      await new Promise((done) => setTimeout(done, 400));
    }
    return times;
  });
  const told = (list) => `p50 ${part(list, 0.5).toFixed(1)} ms, p95 ${part(list, 0.95).toFixed(1)} ms, worst ${Math.max(...list).toFixed(1)} ms`;
  console.log(`${name}: frames ${told(frames)} (${frames.length} in 6 s); keystroke to paint ${told(edits)}`);
  await page.context().close();
}
await browser.close();
await server.close();
