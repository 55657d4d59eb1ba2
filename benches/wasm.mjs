// Benches compiled for the browser as the site is: the same profile, the same options, and the same wasm-opt behind it.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What `cargo xtask build` gives to the compiler. */
const OPTIONS = "--cfg=erase_components -Csymbol-mangling-version=v0 -Ctarget-feature=+simd128";

/** An example of Cargo.toml as the bytes of its module. */
export function compiled(example, features = []) {
  const words = ["build", "--locked", "--example", example, "--features", features.join(), "--profile", "site", "--target", "wasm32-unknown-unknown", "--message-format", "json"];
  const env = { ...process.env, CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS: OPTIONS };
  const told = execFileSync("cargo", words, { cwd: ROOT, env, stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 28 });
  const artifacts = told.toString().split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const made = artifacts.find(({ reason, target }) => reason === "compiler-artifact" && target.name === example);
  const page = readFileSync(join(ROOT, "index.html"), "utf8");
  const [, level] = page.match(/data-wasm-opt="(\w)"/);
  const [, params] = page.match(/data-wasm-opt-params="([^"]*)"/);
  const folder = join(ROOT, "target/bench");
  mkdirSync(folder, { recursive: true });
  const small = join(folder, `${example}.wasm`);
  const optimise = [made.filenames.find((name) => name.endsWith(".wasm")), `-O${level}`, ...params.split(" "), "--output", small];
  execFileSync(join(ROOT, "node_modules/.bin/wasm-opt"), optimise, { cwd: ROOT, stdio: "inherit" });
  return readFileSync(small);
}

/** An empty page that can load files of ours, isolated from other sites: its clock then tells parts of a millisecond. */
export async function serve(files) {
  const isolated = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
  const server = createServer((request, response) => {
    const [type, body] = files[request.url] ?? ["text/html", "<!doctype html><title>bench</title>"];
    response.writeHead(200, { "content-type": type, ...isolated }).end(body);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}
