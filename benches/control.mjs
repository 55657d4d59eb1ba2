// Builds benches/control.rs for the browser, as the site is built, and runs it in node: `node benches/control.mjs`.
// With a file's name it runs that module and builds nothing.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";

function build() {
  const options = ["build", "--example", "control_wasm", "--profile", "site", "--target", "wasm32-unknown-unknown"];
  const told = execFileSync("cargo", [...options, "--message-format", "json"], { stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 28 });
  const artifacts = told.toString().split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const made = artifacts.find((it) => it.reason === "compiler-artifact" && it.target.name === "control_wasm");
  return made.filenames.find((name) => name.endsWith(".wasm"));
}

const text = new TextDecoder();
let memory;
const machine = {
  print: (at, length) => console.log(text.decode(new Uint8Array(memory.buffer, at, length))),
  clock: () => performance.now(),
  // This process has nothing else to do, so its user time is the module's.
  processor: () => process.cpuUsage().user / 1e3,
};
const module = await WebAssembly.compile(readFileSync(process.argv[2] ?? build()));
const { exports } = await WebAssembly.instantiate(module, { machine });
memory = exports.memory;
exports.main(0, 0);
