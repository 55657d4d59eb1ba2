// `node benches/start.mjs [site [visits]]`: how long a first visit takes until a request can be sent, and until the whole page is there, on a
// slow phone: the processor four times slower, and a network of 1.6 Mbit/s with 150 ms to the server and back (Lighthouse's slow 4G).
// The site is served as a good host does, compressed. Who comes back does so in a profile as people have it, in which the first visit
// kept what it keeps: in a private window everything takes half as long again. Prints the median of some visits; a figure for a page on
// this machine, no test.
import { once } from "node:events";
import { readFile, readdir } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { launch, launchOpenly } from "../tests/e2e/browser.mjs";

const [site = "dist", visits = "5"] = process.argv.slice(2);
const TYPES = { ".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };
const files = new Map();
for (const entry of await readdir(site, { withFileTypes: true })) {
  if (entry.isFile()) files.set(`/${entry.name}`, brotliCompressSync(await readFile(join(site, entry.name))));
}
const server = createServer(({ url }, response) => {
  const path = url === "/" ? "/index.html" : url;
  const body = files.get(path);
  const type = TYPES[extname(path)] ?? "text/plain";
  const caching = { "cache-control": path === "/index.html" ? "no-cache" : "max-age=31536000, immutable" };
  response.writeHead(body ? 200 : 404, { "content-type": type, "content-encoding": "br", ...caching }).end(body);
}).listen(0, "127.0.0.1");
await once(server, "listening");
const address = `http://127.0.0.1:${server.address().port}/`;

/** Milliseconds from the navigation until the button that sends is there, and until the last that is built is: the dialogs. */
async function visit(context, slow, keeping) {
  const page = await context.newPage();
  const client = await context.newCDPSession(page);
  if (slow) {
    await client.send("Network.enable");
    const rate = (1.6 * 1_000_000) / 8;
    await client.send("Network.emulateNetworkConditions", { offline: false, latency: 150, downloadThroughput: rate, uploadThroughput: rate / 2 });
    await client.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  }
  await page.addInitScript(() => {
    const look = new MutationObserver(() => {
      // The button is there before what stands over it while the page is built has gone.
      if (!document.querySelector(".send") || document.getElementById("starting")) return;
      globalThis.sendable ??= performance.now();
      if (globalThis.whole || !document.querySelector("dialog.doctor")) return;
      globalThis.whole = performance.now();
      console.log("whole");
    });
    look.observe(document, { childList: true, subtree: true });
  });
  // Whoever asked the page again and again whether it is ready would be part of what is measured.
  const ready = page.waitForEvent("console", { predicate: (message) => message.text() === "whole", timeout: 120_000 });
  await page.goto(address, { waitUntil: "commit" });
  await ready;
  const times = await page.evaluate(() => [globalThis.sendable, globalThis.whole]);
  if (keeping) await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await page.close();
  return times;
}

const browser = await launch();
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
for (const [name, slow, again] of [
  ["slow 4G, processor / 4", true, false],
  ["slow 4G, processor / 4, second visit", true, true],
  ["as this machine is", false, false],
]) {
  const visited = [];
  for (let count = 0; count < Number(visits); count++) {
    // A service worker that has just been installed would hand over what it fetched for itself, which no brake reaches.
    const context = again ? await launchOpenly() : await browser.newContext({ serviceWorkers: "block" });
    let times = await visit(context, slow && !again, again);
    if (again) times = await visit(context, slow);
    visited.push(times);
    await context.close();
  }
  const figures = ["sendable", "whole"].map((what, index) => {
    const times = visited.map((each) => each[index]);
    return `${what} ${Math.round(median(times))} ms, ${Math.round(Math.min(...times))} to ${Math.round(Math.max(...times))}`;
  });
  console.log(`${name.padEnd(40)} median ${figures.join("; ")}`);
}
await browser.close();
server.close();
