// The list of what the site is made of: every crate that is compiled into the WASM and every JavaScript package in the
// editor's bundle, with its licence. A licence that is not on the list below stops the build: somebody must look at it first.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** Licences that may be passed on with a site; each `OR` needs one of them, each `AND` all. */
const ALLOWED = new Set([
  "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT",
  "MPL-2.0", "MPL-2.0+", "Unicode-3.0", "Unlicense", "Zlib",
]);

/** Crates that carry a licence file and no expression; what the file says. */
const BY_FILE = { "libyaml-safer": "MIT" };

/** Whether an SPDX expression allows what we do with it. */
export function allowed(expression) {
  const flat = expression.replaceAll("/", " OR ").replace(/\s+/g, " ").trim();
  const bare = flat.startsWith("(") && flat.endsWith(")") && !flat.slice(1, -1).includes("(") ? flat.slice(1, -1) : flat;
  const both = bare.split(/ AND (?![^(]*\))/);
  if (both.length > 1) return both.every(allowed);
  return bare.split(" OR ").some((one) => ALLOWED.has(one.trim()));
}

async function crates() {
  const { stdout } = await promisify(execFile)(
    "cargo",
    ["metadata", "--locked", "--format-version", "1", "--filter-platform", "wasm32-unknown-unknown", "--features", "app"],
    { maxBuffer: 1 << 28 },
  );
  const { packages, resolve } = JSON.parse(stdout);
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const own = packages.find(({ name }) => name === "giljabi").id;
  const seen = new Set();
  const waiting = [own];
  while (waiting.length > 0) {
    const id = waiting.pop();
    if (seen.has(id)) continue;
    seen.add(id);
    // What only builds or tests is not passed on.
    const passedOn = nodes.get(id).deps.filter(({ dep_kinds }) => dep_kinds.some(({ kind }) => kind === null));
    waiting.push(...passedOn.map(({ pkg }) => pkg));
  }
  return packages
    .filter(({ id }) => id !== own && seen.has(id))
    .map(({ name, version, license, repository }) => ({
      name,
      version,
      licence: license ?? BY_FILE[name],
      from: repository ?? `https://crates.io/crates/${name}`,
    }));
}

async function scripts() {
  const { packages } = JSON.parse(await readFile("package-lock.json", "utf8"));
  const seen = new Set();
  const own = ["@codemirror/", "@lezer/"];
  const waiting = Object.keys(packages[""].devDependencies).filter((name) => own.some((start) => name.startsWith(start)));
  while (waiting.length > 0) {
    const name = waiting.pop();
    if (seen.has(name)) continue;
    seen.add(name);
    waiting.push(...Object.keys(packages[`node_modules/${name}`].dependencies ?? {}));
  }
  return [...seen].map((name) => {
    const { version, license } = packages[`node_modules/${name}`];
    return { name, version, licence: license, from: `https://www.npmjs.com/package/${name}` };
  });
}

/** The list as text. Throws when a licence is missing or not allowed. */
export async function licences() {
  const all = [...(await crates()), ...(await scripts())].sort((a, b) => (a.name < b.name ? -1 : 1));
  const wrong = all.filter(({ licence }) => !licence || !allowed(licence));
  if (wrong.length > 0) {
    throw new Error(`licences that nobody has looked at: ${wrong.map((w) => `${w.name} ${w.version} (${w.licence})`).join(", ")}`);
  }
  const rows = all.map(({ name, version, licence, from }) => `${name} ${version}\n    ${licence}\n    ${from}\n`);
  return `Giljabi is MIT OR Apache-2.0. It is built from these packages, each under its own licence:\n\n${rows.join("")}`;
}
