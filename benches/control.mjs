// Builds benches/control.rs as the site is built and runs it in headless Chromium: `node benches/control.mjs`. With a file's name
// it runs that module and builds nothing. A page has nothing else to do meanwhile, so the clock tells what the work takes.
import { readFileSync } from "node:fs";
import { launch } from "../tests/e2e/browser.mjs";
import { compiled, serve } from "./wasm.mjs";

const [file] = process.argv.slice(2);
const server = await serve({ "/control.wasm": ["application/wasm", file ? readFileSync(file) : compiled("control_wasm")] });
const browser = await launch();
const page = await browser.newPage();
page.on("pageerror", (error) => console.error(error.message));
await page.exposeFunction("say", (line) => console.log(line));
await page.goto(server.url);
await page.evaluate(async () => {
  const text = new TextDecoder();
  let memory;
  const machine = {
    print: (at, length) => globalThis.say(text.decode(new Uint8Array(memory.buffer, at, length))),
    clock: () => performance.now(),
    processor: () => performance.now(),
  };
  const { instance } = await WebAssembly.instantiateStreaming(fetch("/control.wasm"), { machine });
  memory = instance.exports.memory;
  instance.exports.main(0, 0);
});
await browser.close();
server.close();
