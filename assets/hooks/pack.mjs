// Packs a release's program for the way to the browser: the WASM in four parts, what draws the page around the map, what else the
// first request needs, the panels, and the rest (xtask/split, by the list assets/first.txt), and the scripts in one file. Everything
// gets a name that changes with its bytes.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { pliedBytes } from "../strands.js";

const root = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
/** The parts of the program, in the order in which they come. */
const PARTS = ["first", "second", "third", "rest"];
/** What the parts before the rest hold. */
const FIRST = root("assets/first.txt");
/** What was split and what each function weighs, for `cargo xtask size`. */
export const REPORT = root("target/size/functions.tsv");

/** The program as the linker wrote it, with its word on which function needs which data. */
const LINKED = join(process.env.CARGO_TARGET_DIR ?? root("target"), "wasm32-unknown-unknown/site/giljabi-app.wasm");

export const hashOf = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

/** Replaces `from`, which must stand in the text exactly once. */
export function replaceOnce(text, from, to) {
  if (text.split(from).length !== 2) throw new Error(`this should stand in the text once: ${from}`);
  return text.replace(from, () => to);
}

/**
 * The program's memory after it has made, ahead of any visit, what the first one begins with (src/app/scenario/prepared.rs), and
 * the addresses of what only the rest reads.
 */
async function ranAhead(wasm) {
  const module = await WebAssembly.compile(wasm);
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = () => fail(`there is no browser yet for ${name}`);
  }
  const { exports } = await WebAssembly.instantiate(module, imports);
  exports.prepare();
  const [at, count] = exports.apart();
  const places = [...new Uint32Array(exports.memory.buffer, at, count)];
  const apart = places.flatMap((from, index) => (index % 2 ? [] : `${from}-${places[index + 1]}`)).join();
  return { memory: new Uint8Array(exports.memory.buffer), apart };
}

/** A part in strands, in which it compresses better (xtask/split/src/strands/); the page plies them together again. */
async function stranded(path) {
  const bytes = await readFile(`${path}.strands`);
  const plied = Buffer.from(pliedBytes(new Uint8Array(bytes)));
  if (!plied.equals(await readFile(path))) fail(`${path}: its strands do not make the module that they were made of`);
  return bytes;
}

/** Splits the WASM, or, to make the list anew, lets it record which functions are called. */
async function split(wasm, recording) {
  const folder = root("target/size");
  await mkdir(folder, { recursive: true });
  const imports = join(folder, "imports.txt");
  const program = root(`target/tools/bin/giljabi-split${process.platform === "win32" ? ".exe" : ""}`);
  if (!existsSync(program)) throw new Error(`${program} is missing: run \`cargo xtask setup\``);
  const memory = join(folder, "memory.bin");
  const ahead = await ranAhead(await readFile(wasm));
  await writeFile(memory, ahead.memory);
  const run = (...options) => execFileSync(program, [...options, "--memory", memory, "--apart", ahead.apart], { stdio: "inherit" });
  if (recording) {
    const recorder = join(folder, "recorder.wasm");
    run("record", wasm, "--out", recorder, "--report", REPORT);
    return { first: await readFile(recorder), imports: [] };
  }
  const parts = PARTS.flatMap((part) => [`--${part}`, join(folder, `${part}.wasm`)]);
  run("split", wasm, "--list", FIRST, ...parts, "--imports", imports, "--report", REPORT, "--linked", LINKED);
  const lines = (await readFile(imports, "utf8")).trimEnd().split("\n");
  const written = await Promise.all(PARTS.map(async (part) => [part, await stranded(join(folder, `${part}.wasm`))]));
  return { ...Object.fromEntries(written), imports: lines.map((line) => line.split(" ")) };
}

/**
 * wasm-bindgen's script gives the WASM its imports and keeps its exports to itself. The stand-ins of the first part call
 * `rest.second`, `rest.third` and `rest.wait`, and later parts import its exports: both go through `giljabiRest` (assets/boot.js).
 * The imports have got shorter names.
 */
function joined(glue, renamed) {
  for (const [long, short] of renamed) glue = replaceOnce(glue, `${long}:`, `${short}:`);
  const given = glue.match(/"\.\/[\w-]+_bg\.js": import0,/);
  if (!given) throw new Error("wasm-bindgen's script has changed: where are the imports?");
  const withImport = replaceOnce(glue, given[0], `${given[0]} rest: giljabiRest,`);
  return replaceOnce(withImport, "wasm = instance.exports;", "wasm = instance.exports, giljabiRest.ready(wasm);");
}

/** Packs what trunk has put into the folder, and returns the page with the new names. */
export async function pack(staging, html, recording) {
  const names = await readdir(staging);
  const named = (pattern) => names.find((name) => pattern.test(name)) ?? fail(`${pattern} is not among ${names}`);
  const [js, wasm] = [named(/^giljabi-app-\w+\.js$/), named(/^giljabi-app-\w+_bg\.wasm$/)];
  const write = async (base, ending, bytes) => {
    const name = `${base}-${hashOf(bytes)}.${ending}`;
    await writeFile(join(staging, name), bytes);
    return name;
  };

  const { first, imports: renamed, ...later } = await split(join(staging, wasm), recording);
  const firstName = await write("app", "wasm", first);

  await writeFile(join(staging, js), joined(await readFile(join(staging, js), "utf8"), renamed));
  const boot = replaceOnce(await readFile(join(staging, "boot.js"), "utf8"), "import(url(here.dataset.js) + again)", `import("./${js}")`);
  const bundled = async (options) => {
    const usual = { bundle: true, minify: true, target: ["es2022"], legalComments: "none", write: false };
    return (await build({ ...usual, ...options })).outputFiles[0].contents;
  };
  // As of the editor's bundle (assets/editor/build.mjs).
  const banner = { js: "//# allFunctionsCalledOnLoad" };
  const script = await write("boot", "js", await bundled({ stdin: { contents: boot, resolveDir: staging }, format: "esm", banner }));
  const aside = await write("compile", "js", await bundled({ entryPoints: [root("assets/site/compile.js")] }));
  for (const name of [js, wasm, "boot.js", "strands.js", "snippets"]) await rm(join(staging, name), { recursive: true, force: true });

  // What trunk would have the browser get ahead of time is in the one script now.
  html = html.replaceAll(new RegExp(`<link [^>]*href="[^"]*(${js}|${wasm}|snippets/[^"]*)"[^>]*>`, "g"), "");
  const words = recording ? [] : [` data-sizes="${first.length} ${later.second.length}"`, ` data-compile="./${aside}"`];
  // Two sheets of styles: the first comes with the panels (assets/boot.js).
  const styles = html.match(/<link rel="stylesheet" href="(\.\/later-\w+\.css)"[^>]*>/) ?? fail("no styles of the panels");
  html = replaceOnce(html, styles[0], "");
  words.push(` data-styles="${styles[1]}"`);
  for (const [part, bytes] of Object.entries(later)) words.push(` data-${part}="./${await write(part, "wasm", bytes)}"`);
  html = replaceOnce(html, ` data-js="./${js}"`, words.join(""));
  return replaceOnce(html, 'src="boot.js"', `src="${script}"`).replaceAll(wasm, firstName);
}

function fail(why) {
  throw new Error(why);
}
