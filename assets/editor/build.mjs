// Bundles CodeMirror and our bridge to it (bundle.mjs) into one module, target/editor/editor.js: trunk's pre_build hook.
// `node assets/editor/build.mjs` does the same by hand.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { EDITOR_BUNDLE } from "./bundle-path.mjs";

/**
 * CodeMirror's style sheets come through style-mod, which makes a <style> element for a document and a constructed style
 * sheet for a shadow root only. The page's Content-Security-Policy forbids the former and allows the latter, so the condition
 * that tells them apart goes.
 */
const constructedStyleSheets = {
  name: "constructed-style-sheets",
  setup(bundler) {
    bundler.onLoad({ filter: /style-mod\/src\/style-mod\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const condition = "!root.head && root.adoptedStyleSheets";
      if (source.split(condition).length !== 2) throw new Error(`${path} has changed: look at its StyleSet again`);
      return { contents: source.replace(condition, "root.adoptedStyleSheets"), loader: "js" };
    });
  },
};

const result = await build({
  entryPoints: [fileURLToPath(new URL("bundle.mjs", import.meta.url))],
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  legalComments: "none",
  // Most of it runs at once: a browser that reads this compiles all of it on another thread, while it comes.
  banner: { js: "//# allFunctionsCalledOnLoad" },
  plugins: [constructedStyleSheets],
  write: false,
  outfile: EDITOR_BUNDLE,
});

const bundle = result.outputFiles[0].contents;
const before = await readFile(EDITOR_BUNDLE).catch(() => undefined);
// The same bytes are not written again, so that whoever watches the file sees a change only when there is one.
if (!before || Buffer.compare(before, Buffer.from(bundle)) !== 0) {
  await mkdir(dirname(EDITOR_BUNDLE), { recursive: true });
  await writeFile(EDITOR_BUNDLE, bundle);
}
