// Writes the service worker of a release: which files the build has, and a name that changes with any of them.
import { createHash } from "node:crypto";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { build as bundle } from "esbuild";

/** Writes `sw.js` into the folder of a finished site. */
export async function writeWorker(site) {
  const entries = await readdir(site, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  const build = createHash("sha256");
  const files = [];
  for (const path of paths.sort()) {
    const name = relative(site, path).split(sep).join("/");
    if (name === "sw.js") continue;
    build.update(name).update("\0").update(await readFile(path));
    // The page is fetched in its own way: hosts differ in where it lies.
    if (name !== "index.html") files.push(name);
  }
  const define = { __BUILD__: JSON.stringify(build.digest("hex").slice(0, 16)), __FILES__: JSON.stringify(files) };
  await bundle({ entryPoints: ["assets/site/sw.js"], bundle: true, minify: true, define, outfile: join(site, "sw.js") });
}
