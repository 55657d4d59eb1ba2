// A static web server for the tests: the built site under a path of its own, on 127.0.0.1, with the headers that a careful
// host would send.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { CSP } from "../../assets/hooks/csp.mjs";

/** The folder of the built site. */
export const SITE = process.env.SITE_DIR ?? fileURLToPath(new URL("../../dist", import.meta.url));

// Not the root: the site must work under any path.
const BASE = "/some/where/";

const TYPES = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".md": "text/markdown; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json",
  ".wasm": "application/wasm",
  ".yaml": "text/yaml; charset=utf-8",
};

/**
 * Serves the site (or another folder) until closed. `failing` maps the end of a path to the status that it shall answer with, for trials of what
 * goes wrong. Returns the page's address and `close`.
 */
export async function serve({ failing = {}, site = SITE } = {}) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://127.0.0.1");
    const status = Object.entries(failing).find(([ending]) => pathname.endsWith(ending))?.[1];
    const inside = pathname.startsWith(BASE) && (normalize(decodeURIComponent(pathname.slice(BASE.length))));
    const name = inside === "." ? "index.html" : inside;
    const file = name && !name.startsWith("..") && join(site, name);
    const found = file && !status && (await stat(file).catch(() => undefined))?.isFile();
    if (!found) {
      response.writeHead(status ?? 404, { "content-type": "text/plain" }).end("no such file");
      return;
    }
    response.writeHead(200, {
      "content-type": TYPES[extname(file)] ?? "application/octet-stream",
      "content-security-policy": `${CSP}; frame-ancestors 'none'`,
      "x-content-type-options": "nosniff",
    });
    createReadStream(file).pipe(response);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${server.address().port}${BASE}`,
    close: () =>
      new Promise((closed) => {
        server.close(closed);
        server.closeAllConnections();
      }),
  };
}
