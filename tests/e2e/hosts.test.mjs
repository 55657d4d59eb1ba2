// The same folder on hosts of every kind: each only serves files, and each does it in its own way. The page must open there, a
// deep link lead to its lesson, a request be answered through the part of the program that comes later, and nothing complain.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { after, before, test } from "node:test";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { launch, launchOpenly, ready } from "./browser.mjs";
import { eventually } from "./hands.mjs";
import { SITE } from "./server.mjs";

const TYPES = { ".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".json": "application/json", ".png": "image/png", ".svg": "image/svg+xml", ".txt": "text/plain", ".wasm": "application/wasm", ".webmanifest": "application/manifest+json" };

/** The bytes of a file of the site; undefined when there is none. */
async function file(name) {
  const path = normalize(name);
  return path.startsWith("..") ? undefined : readFile(join(SITE, path)).catch(() => undefined);
}

/** What the first step of the lesson behind the deep link is called. */
const TITLE = /^## guess (.+)$/m.exec(await readFile(new URL("../../lessons/first-service/en.md", import.meta.url), "utf8"))[1];

const send = (response, status, headers, body) => response.writeHead(status, headers).end(body);

/** What each kind of host answers. `path` is what stands behind the host's base. */
const HOSTS = {
  // `python3 -m http.server` in the unzipped folder: the base is the root, no compression, no charset, types that its tables lack.
  "a folder that python serves": {
    base: "/",
    async answer(path, request, response) {
      const name = path.endsWith("/") || path === "" ? `${path}index.html` : path;
      const body = await file(name);
      if (!body) return send(response, 404, { "content-type": "text/html;charset=utf-8" }, "<h1>Error response</h1>");
      const type = extname(name) === ".webmanifest" ? "application/octet-stream" : (TYPES[extname(name)] ?? "application/octet-stream");
      send(response, 200, { "content-type": type, "last-modified": "Fri, 27 Nov 2026 00:00:00 GMT" }, body);
    },
  },
  // A bucket: keys are exact, there is no index, and what is missing is forbidden, in XML.
  "a bucket": {
    base: "/school-bucket/tools/giljabi/",
    open: "index.html",
    async answer(path, request, response) {
      const body = path === "" || path.endsWith("/") ? undefined : await file(path);
      if (!body) return send(response, 403, { "content-type": "application/xml" }, "<Error><Code>AccessDenied</Code></Error>");
      send(response, 200, { "content-type": TYPES[extname(path)] ?? "binary/octet-stream", etag: '"x"' }, body);
    },
  },
  // Pages of a code host: a sub-path, everything compressed by gzip alone, cached for ten minutes, a 404.html of its own.
  "pages of a code host": {
    base: "/giljabi/",
    async answer(path, request, response) {
      const body = await file(path === "" ? "index.html" : path);
      const type = (name) => `${TYPES[extname(name)] ?? "application/octet-stream"}${/\.(html|css|js|txt|svg)$/.test(name) ? "; charset=utf-8" : ""}`;
      const headers = { "cache-control": "max-age=600", "content-encoding": "gzip", "access-control-allow-origin": "*" };
      if (!body) return send(response, 404, { ...headers, "content-type": "text/html; charset=utf-8" }, gzipSync("<title>Site not found</title>"));
      send(response, 200, { ...headers, "content-type": type(path || "index.html") }, gzipSync(body));
    },
  },
  // A careful host: brotli, and a policy of its own on top of the page's.
  "a host that compresses with brotli": {
    base: "/~kim/site/",
    async answer(path, request, response) {
      const body = await file(path === "" ? "index.html" : path);
      if (!body) return send(response, 404, { "content-type": "text/plain" }, "no such file");
      const packed = brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 2 } });
      send(response, 200, { "content-type": TYPES[extname(path || "index.html")] ?? "application/octet-stream", "content-encoding": "br" }, packed);
    },
  },
  // An old server that knows no type but of pages and pictures.
  "a host that does not know what WASM is": {
    base: "/www/",
    slow: true,
    async answer(path, request, response) {
      const name = path === "" ? "index.html" : path;
      const body = await file(name);
      if (!body) return send(response, 404, { "content-type": "text/plain" }, "no such file");
      const known = { ".html": "text/html", ".css": "text/css", ".js": "application/x-javascript", ".png": "image/png", ".svg": "image/svg+xml" };
      send(response, 200, { "content-type": known[extname(name)] ?? "text/plain" }, body);
    },
  },
};

/** Serves the site as a host of that kind does. Gives the address of the page, and what was asked of it and not there. */
async function host({ base, open = "", answer }) {
  const missing = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://127.0.0.1").pathname);
    if (!path.startsWith(base)) {
      // What browsers ask of a host's root by themselves.
      if (path !== "/favicon.ico") missing.push(path);
      return send(response, 404, { "content-type": "text/plain" }, "outside");
    }
    response.on("finish", () => response.statusCode >= 400 && missing.push(path));
    void answer(path.slice(base.length), request, response);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const close = () =>
    new Promise((closed) => {
      server.close(closed);
      server.closeAllConnections();
    });
  return { origin, url: `${origin}${base}${open}`, missing, close };
}

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

for (const [kind, how] of Object.entries(HOSTS)) {
  test(kind, async (t) => {
    const served = await host(how);
    const context = await browser.newContext({ locale: "en-GB" });
    t.after(async () => {
      await context.close();
      await served.close();
    });
    const page = await context.newPage();
    const complaints = [];
    // A host that does not name WASM is slower for it, and the console says so; nothing else is its fault.
    const excused = (text) => how.slow && text.includes("does not serve Wasm with `application/wasm`");
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && !excused(message.text()) && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol.startsWith("http") && origin !== served.origin) complaints.push(`request to elsewhere: ${request.url()}`);
    });
    // A deep link, as somebody sends it around.
    await page.goto(`${served.url}#/lesson/first-service`);
    await ready(page);
    await page.getByRole("heading", { name: TITLE }).first().waitFor();
    assert.match(page.url(), /#\/lesson\/first-service$/);
    await page.goto(`${served.url}#/`);
    await ready(page);
    await page.locator(".send").click();
    await page.evaluate(() => document.activeElement?.blur());
    await page.keyboard.press("End");
    await page.locator(".ending").first().waitFor();
    assert.deepEqual(served.missing, [], "asked for and not there");
    assert.deepEqual(complaints, []);
    // The service worker, where the host is one that a browser trusts (127.0.0.1 is), has taken everything.
    if (await page.locator('meta[name="giljabi-worker"]').count()) {
      await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
      await served.close();
      await page.reload();
      await ready(page);
      assert.match(page.url(), /#\/$/);
    }
  });
}

// A school's page on another site holds it in a frame. A browser gives such a frame a store of its own, or none, as Chromium
// does where it keeps others from following people around.
for (const denied of [false, true]) {
  test(`a frame in a page of another site, its store ${denied ? "denied" : "apart"}`, async (t) => {
    const served = await host(HOSTS["a host that compresses with brotli"]);
    const around = createServer((_, response) =>
      send(response, 200, { "content-type": "text/html" }, `<!doctype html><title>School</title><iframe src="${served.url}#/lesson/first-service" width="1200" height="800"></iframe>`),
    );
    await new Promise((listening) => around.listen(0, "127.0.0.1", listening));
    const how = { locale: "en-GB", viewport: { width: 1300, height: 900 } };
    const context = denied ? await browser.newContext(how) : await launchOpenly(how);
    t.after(async () => {
      await context.close();
      await served.close();
      await new Promise((closed) => {
        around.close(closed);
        around.closeAllConnections();
      });
    });
    const page = await context.newPage();
    const complaints = [];
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    // `localhost` is another site than 127.0.0.1.
    await page.goto(`http://localhost:${around.address().port}/`);
    const inside = page.frameLocator("iframe");
    await inside.getByRole("heading", { name: TITLE }).first().waitFor();
    await inside.locator(".cm-content").first().click();
    await page.keyboard.press("Control+End");
    await page.keyboard.type("# typed in a frame");
    const typed = inside.locator(".cm-content", { hasText: "# typed in a frame" }).first();
    await typed.waitFor();
    await eventually(async () => assert.equal(await inside.getByText("This browser keeps nothing for this page").count(), denied ? 1 : 0));
    if (!denied) {
      // What was typed is kept before the page is left.
      await inside.locator("body").evaluate(async () => {
        while (!Object.values({ ...localStorage }).some((text) => text.includes("# typed in a frame"))) {
          await new Promise(requestAnimationFrame);
        }
      });
      await page.reload();
      await typed.waitFor();
    }
    assert.deepEqual(served.missing, []);
    assert.deepEqual(complaints, []);
  });
}
