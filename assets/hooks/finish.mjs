// Runs after trunk has built the page (post_build hook). It puts the editor's bundle beside the app under a name that changes
// with its bytes and tells the page that name; the lessons go beside the app in the same way. In a release it packs the
// program (pack.mjs) and writes the Content-Security-Policy into the page, the licences and the service worker. In development
// trunk injects an inline script for live reload, so there is no policy, and nothing is kept for offline.
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { CSP, HURRY } from "./csp.mjs";
import { EDITOR_BUNDLE } from "../editor/bundle-path.mjs";
import { packLessons } from "./lessons.mjs";
import { hashOf, pack, replaceOnce } from "./pack.mjs";
import { licences } from "./licences.mjs";
import { writeWorker } from "./offline.mjs";

const staging = process.env.TRUNK_STAGING_DIR;
if (!staging) throw new Error("this is trunk's post_build hook: TRUNK_STAGING_DIR is not set");
const release = process.env.TRUNK_PROFILE === "release";
/** `cargo xtask first` asks for a build that records which functions are called. */
const recording = process.env.GILJABI_RECORD === "1";

const page = join(staging, "index.html");
let html = await readFile(page, "utf8");

const editor = `editor-${hashOf(await readFile(EDITOR_BUNDLE))}.js`;
await copyFile(EDITOR_BUNDLE, join(staging, editor));
let head = `<meta name="giljabi-editor" content="./${editor}">`;

// The lessons: one text for all of them, one a language, fetched when somebody first opens a lesson.
for (const [name, text] of Object.entries(await packLessons())) {
  const file = `lessons-${name}-${hashOf(text)}.txt`;
  await writeFile(join(staging, file), text);
  head += `<meta name="giljabi-lessons-${name}" content="./${file}">`;
}

if (release) {
  html = await pack(staging, html, recording);
  const offline = await readFile("assets/site/offline.js");
  const offlineName = `offline-${hashOf(offline)}.js`;
  await writeFile(join(staging, offlineName), offline);
  html = replaceOnce(html, ' id="boot"', ` id="boot" data-offline="./${offlineName}"`);
  head = `<meta http-equiv="Content-Security-Policy" content="${CSP}">${head}<meta name="giljabi-worker" content="./sw.js">`;
  // A development build has no such script: its page comes from this machine.
  const [, program] = html.match(/ data-wasm="([^"]+)"/);
  head += `<meta name="giljabi-program" content="${program}"><script>${HURRY}</script>`;
  await writeFile(join(staging, "licences.txt"), await licences());
}
const { version } = JSON.parse(await readFile("package.json", "utf8"));
head += `<meta name="giljabi-version" content="${version}">`;
await copyFile("CHANGELOG.md", join(staging, "changelog.txt"));
await copyFile("lessons/README.md", join(staging, "lessons-guide.txt"));
html = replaceOnce(html, '<meta charset="utf-8">', `<meta charset="utf-8">${head}`);
await writeFile(page, html);

// What the site is made of, for whoever takes it along (a package for a learning platform).
const entries = await readdir(staging, { recursive: true, withFileTypes: true });
const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
const names = paths.map((path) => relative(staging, path).replaceAll("\\", "/")).sort();
await writeFile(join(staging, "files.txt"), names.map((name) => `${name}\n`).join(""));
// Last, because it counts every file.
if (release) await writeWorker(staging);
