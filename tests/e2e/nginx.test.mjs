// The example of docs/nginx.conf in a real nginx: sub-path, types, caching, policies, and the page in it works.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { tmpdir } from "node:os";
import { after, before, test } from "node:test";
import { launch, ready } from "./browser.mjs";
import { SITE } from "./server.mjs";

/** A port that nobody has at this moment. */
const freePort = () =>
  new Promise((found) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => found(port));
    });
  });

/** Starts nginx with the example, its address and folder replaced. Gives the page's address and `stop`. */
async function nginx() {
  const program = process.env.NGINX;
  assert.ok(program, "no nginx: `cargo xtask setup` installs one, or name one in NGINX");
  const folder = await mkdtemp(join(tmpdir(), "giljabi-nginx-"));
  const port = await freePort();
  const example = await readFile(new URL("../../docs/nginx.conf", import.meta.url), "utf8");
  const site = example
    .replace("listen 80;", `listen 127.0.0.1:${port};`)
    .replace("server_name example.org;", "server_name localhost;")
    .replaceAll("/var/www/giljabi/", `${resolve(SITE)}/`);
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`);
  // The workers must be able to read the site wherever it lies.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  const config = `${user}\nworker_processes 1;\ndaemon off;\npid ${folder}/pid;\nerror_log stderr warn;\nevents {}\nhttp {\naccess_log off;\n${paths.join("\n")}\n${site}\n}\n`;
  await mkdir(join(folder, "logs"));
  await writeFile(join(folder, "nginx.conf"), config);
  const child = spawn(program, ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", "stderr"], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (part) => (said += part));
  const url = `http://127.0.0.1:${port}/giljabi/`;
  for (let tries = 0; ; tries += 1) {
    if (await fetch(url).then(() => true, () => false)) break;
    assert.ok(tries < 100 && child.exitCode === null, `nginx did not start: ${said}`);
    await new Promise((soon) => setTimeout(soon, 100));
  }
  const stop = async () => {
    const gone = new Promise((exited) => child.once("exit", exited));
    child.kill("SIGTERM");
    await gone;
    await rm(folder, { recursive: true, force: true });
  };
  return { url, stop };
}

let browser;
let host;
before(async () => {
  host = await nginx();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await host?.stop();
});

test("nginx serves the site with the right types, caching and policies", async () => {
  const page = await fetch(host.url);
  const html = await page.text();
  assert.equal(page.status, 200);
  assert.match(page.headers.get("content-type"), /^text\/html; charset=utf-8$/);
  assert.equal(page.headers.get("cache-control"), "no-cache");
  assert.match(page.headers.get("content-security-policy"), /frame-ancestors 'self'/);
  assert.equal(page.headers.get("referrer-policy"), "no-referrer");
  assert.match(page.headers.get("permissions-policy"), /camera=\(\)/);
  const boot = html.match(/data-wasm="([^"]+)"/)[1];
  const wasm = await fetch(new URL(boot, host.url));
  assert.equal(wasm.headers.get("content-type"), "application/wasm");
  assert.match(wasm.headers.get("cache-control"), /immutable/);
  assert.equal(wasm.headers.get("x-content-type-options"), "nosniff");
  for (const [file, type] of [["sw.js", /javascript/], ["manifest.webmanifest", /manifest\+json/], ["icon.svg", /svg/]]) {
    const answer = await fetch(new URL(file, host.url));
    assert.equal(answer.status, 200, file);
    assert.match(answer.headers.get("content-type"), type);
    assert.equal(answer.headers.get("cache-control"), "no-cache", file);
  }
  const bare = await fetch(host.url.replace(/\/$/, ""), { redirect: "manual" });
  assert.equal(bare.status, 301);
  assert.equal((await fetch(new URL("nothing.here", host.url))).status, 404);
});

test("the page works there, in a frame of its own site, and a deep link leads to its lesson", async (t) => {
  const context = await browser.newContext({ locale: "en-GB", serviceWorkers: "block" });
  t.after(() => context.close());
  // What a browser asks of a host's root for a text file's tab.
  await context.route("**/favicon.ico", (route) => route.fulfill({ status: 204 }));
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(`${host.url}#/lesson/first-service`);
  await ready(page);
  await page.goto(new URL("changelog.txt", host.url).href);
  await page.evaluate((url) => {
    const frame = document.createElement("iframe");
    frame.src = url;
    // Wide enough for the editor to be seen, and so to come.
    Object.assign(frame, { width: 1200, height: 600 });
    document.body.append(frame);
  }, host.url);
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  await frame.waitForSelector(".cm-content", { state: "attached" });
  assert.deepEqual(complaints, []);
});
