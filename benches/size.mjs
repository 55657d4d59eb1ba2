// `cargo xtask size`: what each file of the built site weighs, raw and compressed, and what each module's functions weigh in the
// parts of the WASM. Sizes are exact, so two runs over the same site say the same.
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { REPORT } from "../assets/hooks/pack.mjs";

const site = process.argv[2] ?? "dist";
/** How many modules are listed, and down to which depth of the path. */
const [MODULES, DEPTH] = [40, 3];

const number = (value) => value.toLocaleString("en").padStart(11);
const row = (name, ...values) => console.log(`${name.padEnd(44)}${values.map(number).join("")}`);
const heading = (name, ...columns) => console.log(`${name.padEnd(44)}${columns.map((each) => each.padStart(11)).join("")}`);

heading(`\n${site}, bytes`, "raw", "gzip", "brotli");
const total = [0, 0, 0];
for (const file of (await readdir(site, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())) {
  const path = join(file.parentPath ?? file.path, file.name);
  const bytes = await readFile(path);
  const sizes = [bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length];
  sizes.forEach((size, index) => (total[index] += size));
  row(path.slice(site.length + 1), ...sizes);
}
row("all", ...total);

/** The module that a function's name begins with: `giljabi::trace::send` for `<giljabi::trace::send::Run>::perform`. */
function moduleOf(name) {
  const path = /^[<&*]*(?:(?:dyn|mut|impl) )*([\w]+(?:\[\w+\])?(?:::\w+)*)/.exec(name)?.[1] ?? name;
  return path.replaceAll(/\[\w+\]/g, "").split("::").slice(0, DEPTH).join("::");
}

const modules = new Map();
for (const line of (await readFile(REPORT, "utf8")).trimEnd().split("\n")) {
  const [, size, part, name] = line.split("\t");
  const key = moduleOf(name);
  const sum = modules.get(key) ?? modules.set(key, { functions: 0, first: 0, second: 0, third: 0, rest: 0 }).get(key);
  sum.functions += 1;
  sum[part] += Number(size);
}
heading("\nfunctions of the WASM by module, raw bytes", "functions", "first", "second", "third", "rest", "all");
const weights = [...modules].map(([name, sums]) => ({ name, ...sums, all: sums.first + sums.second + sums.third + sums.rest }));
weights.sort((a, b) => b.all - a.all);
for (const { name, ...sums } of weights.slice(0, MODULES)) row(name, ...Object.values(sums));
const others = weights.slice(MODULES);
const sum = (key) => others.reduce((all, each) => all + each[key], 0);
row(`${others.length} others`, ...["functions", "first", "second", "third", "rest", "all"].map(sum));
