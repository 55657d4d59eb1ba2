// `cargo xtask bench`: one table of what things cost here, beside the same work in another simulator of Kubernetes for the
// browser (@ngrok/webernetes), in the same session on the same machine.
//
//   --long            Deployments of 1,000 pods as well; the other simulator takes minutes over them
//   --only PART …     native browser node interaction size
//   --keep            write the figures into the ledger (benches/ledger/ledger.tsv), under the commit at hand
//
// Nothing here fails because of a figure: what must hold is counted, in tests/growth.rs and tests/e2e/size.test.mjs.
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { interaction } from "./interaction.mjs";
import { compiled, serve } from "./wasm.mjs";
import { launch } from "../tests/e2e/browser.mjs";
import { SITE } from "../tests/e2e/server.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = join(HERE, "..");
const LEDGER = join(HERE, "ledger/ledger.tsv");
const PARTS = ["native", "browser", "node", "interaction", "size"];

const words = process.argv.slice(2);
const long = words.includes("--long");
const asked = words.filter((word) => !word.startsWith("--"));
const unknown = asked.find((word) => !PARTS.includes(word));
if (unknown) {
  console.error(`no such part: ${unknown} (there are ${PARTS.join(", ")})`);
  process.exit(1);
}
const wanted = (part) => asked.length === 0 || asked.includes(part);

const PODS = long ? [10, 100, 300, 1_000] : [10, 100, 300];
const DOORS = ["ClusterIP", "name", "NodePort"];
/** Jobs of benches/browser.rs. */
const BOOT = 0, DEPLOY = 1, ASK = 10, TRACED = 10;

/** A figure: what was measured, by whom, in which unit, and every sample. */
const rows = [];
const note = (part, what, who, unit, samples, more = {}) => {
  const row = { part, what, who, unit, samples, ...more };
  rows.push(row);
  const [low, median, high] = spread(samples);
  console.log(`  ${what} · ${who}: ${round(median)} ${unit} (${round(low)} to ${round(high)})`);
};

const quantile = (samples, part) => {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
};
const spread = (samples) => [0, 0.5, 1].map((part) => quantile(samples, part));
const round = (value) => (Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(3)).toString());
const say = (text) => console.log(`\n${text}`);

/** The same work by our own code, natively. */
function native() {
  say("our own work, natively");
  const arguments_ = ["bench", "--locked", "--bench", "suite", "--", ...(long ? ["--long"] : [])];
  const { stdout, status } = spawnSync("cargo", arguments_, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error("cargo bench failed");
  for (const line of stdout.toString().split("\n")) {
    const [what, unit, samples] = line.split("\t");
    if (samples) note("native", what, "giljabi, native", unit, samples.split(" ").map(Number));
  }
}

/** The other simulator and our calls of it, as one module. Its published modules do not load unbundled. */
async function peerBundle() {
  const folder = join(HERE, "peer");
  if (!existsSync(join(folder, "node_modules/@ngrok/webernetes"))) {
    say("installing the other simulator, for the comparison alone");
    execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder, stdio: "inherit" });
  }
  const outfile = join(ROOT, "target/bench/peer.mjs");
  await build({
    entryPoints: [join(folder, "peer.mjs")],
    bundle: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    logLevel: "error",
    outfile,
  });
  return outfile;
}

/** Both simulators in one Chromium: ours as WASM, the other's bundle, turn by turn. */
async function inBrowser(browser) {
  say("both in one Chromium");
  const peer = await peerBundle();
  const server = await serve({
    "/suite.wasm": ["application/wasm", compiled("bench-browser", ["bench"])],
    "/peer.mjs": ["text/javascript", readFileSync(peer)],
  });
  const fresh = async () => {
    const page = await browser.newPage();
    page.on("pageerror", (error) => console.error(error.message));
    await page.goto(server.url);
    await page.evaluate(async () => {
      const job = { kind: 0, amount: 0 };
      const machine = { job: () => job.kind, amount: () => job.amount };
      const { instance } = await WebAssembly.instantiateStreaming(fetch("/suite.wasm"), { machine });
      globalThis.ours = (kind, amount) => {
        Object.assign(job, { kind, amount });
        const begun = performance.now();
        instance.exports.main(0, 0);
        return performance.now() - begun;
      };
      globalThis.oursMemory = () => instance.exports.memory.buffer.byteLength / 1e6;
      globalThis.peer = await import("/peer.mjs");
    });
    return page;
  };
  const ours = (page, kind, amount) => page.evaluate(([kind, amount]) => globalThis.ours(kind, amount), [kind, amount]);
  const WASM = "giljabi, WASM", OTHER = "webernetes, Chromium";

  const boots = { [WASM]: [], [OTHER]: [] };
  for (let turn = 0; turn < 5; turn += 1) {
    const page = await fresh();
    boots[WASM].push(await ours(page, BOOT, 0));
    boots[OTHER].push(await page.evaluate(async () => {
      const begun = performance.now();
      const cluster = await globalThis.peer.boot();
      const took = performance.now() - begun;
      await globalThis.peer.close(cluster);
      return took;
    }));
    await page.close();
  }
  Object.entries(boots).forEach(([who, samples]) => note("browser", "boot", who, "ms", samples));

  for (const pods of PODS) {
    const found = { [WASM]: [], [OTHER]: [] };
    const memory = { [WASM]: [], [OTHER]: [] };
    for (let turn = 0; turn < (pods > 100 ? 1 : 3); turn += 1) {
      const page = await fresh();
      const client = await page.context().newCDPSession(page);
      const heap = async () => {
        await client.send("HeapProfiler.collectGarbage");
        return (await client.send("Runtime.getHeapUsage")).usedSize / 1e6;
      };
      await ours(page, BOOT, pods);
      found[WASM].push(await ours(page, DEPLOY, pods));
      memory[WASM].push(await page.evaluate(() => globalThis.oursMemory()));
      const before = await heap();
      found[OTHER].push(await page.evaluate(async (pods) => {
        globalThis.cluster = await globalThis.peer.boot(Math.max(3, Math.ceil((pods + 10) / 110)));
        const begun = performance.now();
        await globalThis.peer.deploy(globalThis.cluster, pods);
        return performance.now() - begun;
      }, pods));
      memory[OTHER].push((await heap()) - before);
      await page.close();
    }
    Object.entries(found).forEach(([who, samples]) => note("browser", `deploy ${pods}`, who, "ms", samples));
    Object.entries(memory).forEach(([who, samples]) => note("browser", `memory, ${pods} pods`, who, "MB", samples));
  }

  const page = await fresh();
  await ours(page, BOOT, 10);
  await ours(page, DEPLOY, 10);
  await page.evaluate(async () => {
    globalThis.cluster = await globalThis.peer.boot();
    await globalThis.peer.deploy(globalThis.cluster, 10);
    await globalThis.peer.client(globalThis.cluster);
    globalThis.doors = await globalThis.peer.doors(globalThis.cluster);
  });
  for (const [door, name] of DOORS.entries()) {
    const found = { [`${WASM}, traced`]: [], [WASM]: [], [OTHER]: [] };
    for (let turn = 0; turn < 6; turn += 1) {
      // The first turn warms all of them up.
      const keep = (who, count, ms) => turn > 0 && found[who].push((count / ms) * 1e3);
      keep(`${WASM}, traced`, 100_000, await ours(page, ASK + TRACED + door, 100_000));
      keep(WASM, 100_000, await ours(page, ASK + door, 100_000));
      const key = ["clusterIP", "name", "nodePort"][door];
      keep(OTHER, 1_000, await page.evaluate((key) => globalThis.peer.ask(globalThis.cluster, globalThis.doors[key], 1_000), key));
    }
    Object.entries(found).forEach(([who, samples]) => note("browser", `requests ${name}`, who, "/s", samples));
  }
  await page.close();

  // More endpoints than the other simulator is asked to bear.
  for (const endpoints of [10, 100, 1_000]) {
    const page = await fresh();
    await ours(page, BOOT, endpoints);
    await ours(page, DEPLOY, endpoints);
    for (const [door, name] of DOORS.entries()) {
      const samples = [];
      for (let turn = 0; turn < 4; turn += 1) {
        const ms = await ours(page, ASK + TRACED + door, 100_000);
        // The first turn warms up.
        if (turn > 0) samples.push(100_000 / ms * 1e3);
      }
      note("browser", `requests ${name}, ${endpoints} endpoints`, `${WASM}, traced`, "/s", samples, name === "ClusterIP" ? { goal: "at least 300,000" } : undefined);
    }
    await page.close();
  }
  server.close();
}

/** The other simulator in Node.js, where the processor's time can be told from the clock's. */
async function inNode() {
  say("the other simulator in Node.js");
  const bundle = await peerBundle();
  const script = `
    import * as peer from ${JSON.stringify(bundle)};
    const pods = Number(process.argv[1]);
    const cluster = await peer.boot(Math.max(3, Math.ceil((pods + 10) / 110)));
    const [begun, before] = [performance.now(), process.cpuUsage()];
    await peer.deploy(cluster, pods);
    const { user, system } = process.cpuUsage(before);
    console.log(performance.now() - begun, (user + system) / 1e3);
    process.exit(0);
  `;
  for (const pods of PODS) {
    const [clock, processor] = [[], []];
    for (let turn = 0; turn < (pods > 100 ? 1 : 3); turn += 1) {
      const told = execFileSync("node", ["--input-type=module", "-e", script, String(pods)], { stdio: ["ignore", "pipe", "inherit"] });
      const [wall, cpu] = told.toString().trim().split("\n").at(-1).split(" ").map(Number);
      clock.push(wall);
      processor.push(cpu);
    }
    note("node", `deploy ${pods}`, "webernetes, Node.js", "ms", clock);
    note("node", `deploy ${pods}`, "webernetes, Node.js", "CPU ms", processor);
  }
}

/** Every file of the built site, as it lies there and as a good host sends it. */
function sizes() {
  say(`the site in ${SITE}`);
  const total = { raw: 0, gzip: 0, brotli: 0 };
  const files = readdirSync(SITE, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const file of files) {
    const bytes = readFileSync(join(file.parentPath ?? file.path, file.name));
    total.raw += bytes.length;
    total.gzip += gzipSync(bytes, { level: 9 }).length;
    total.brotli += brotliCompressSync(bytes).length;
  }
  const goals = { brotli: 600 };
  for (const [how, bytes] of Object.entries(total)) {
    note("size", `the whole site, ${how}`, "giljabi", "KB", [bytes / 1e3], { goal: goals[how] });
  }
}

const median = (part, what, who, unit) => {
  const row = rows.find((each) => each.part === part && each.what === what && each.who === who && each.unit === unit);
  return row && quantile(row.samples, 0.5);
};

/** What follows from two figures: who is how much better, and with which exponent something grows. */
function conclusions() {
  const found = [];
  const ratio = (what, better, worse, goal) => {
    if (better && worse) found.push({ what, value: worse / better, unit: "×", goal });
  };
  ratio("boot: WASM against webernetes", median("browser", "boot", "giljabi, WASM", "ms"), median("browser", "boot", "webernetes, Chromium", "ms"));
  for (const pods of PODS) {
    const what = `deploy ${pods}`;
    ratio(`${what}: WASM against webernetes, clock`, median("browser", what, "giljabi, WASM", "ms"), median("browser", what, "webernetes, Chromium", "ms"));
    ratio(`${what}: native against webernetes in Node.js, CPU`, median("native", what, "giljabi, native", "CPU ms"), median("node", what, "webernetes, Node.js", "CPU ms"), pods === 1_000 ? "at least 1,000" : undefined);
  }
  for (const name of DOORS) {
    const other = median("browser", `requests ${name}`, "webernetes, Chromium", "/s");
    for (const who of ["giljabi, WASM, traced", "giljabi, WASM"]) {
      ratio(`requests ${name}: ${who} against webernetes`, other, median("browser", `requests ${name}`, who, "/s"), who.endsWith("traced") ? "at least 4" : undefined);
    }
  }
  const grows = new Set(rows.filter(({ what }) => what.startsWith("grows ")).map(({ what }) => what.split(" ")[1]));
  for (const kind of grows) {
    const points = rows
      .filter(({ what, unit }) => what.startsWith(`grows ${kind} `) && unit === "ms")
      .map(({ what, samples }) => [Number(what.split(" ")[2]), quantile(samples, 0.5)]);
    const [few, many] = [points[0], points.at(-1)];
    const value = Math.log(many[1] / few[1]) / Math.log(many[0] / few[0]);
    found.push({ what: `growth of ${kind}, ${few[0].toLocaleString("en")} to ${many[0].toLocaleString("en")}`, value, unit: "exponent", goal: kind === "settle" ? "at most 1.1" : undefined });
  }
  return found;
}

function table(heads, lines) {
  const widths = heads.map((head, i) => Math.max(head.length, ...lines.map((line) => line[i].length)));
  const row = (line) => line.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ").trimEnd();
  console.log([row(heads), row(widths.map((width) => "─".repeat(width))), ...lines.map(row)].join("\n"));
}

function print() {
  say(`${long ? "long profile" : "short profile (--long adds 1,000 pods)"}; medians of all samples`);
  const lines = rows.map(({ what, who, unit, samples, goal }) => {
    const [low, middle, high] = spread(samples);
    const tail = samples.length > 10 ? round(quantile(samples, 0.95)) : "";
    return [what, who, round(middle), tail, `${round(low)}–${round(high)}`, unit, String(samples.length), goal === undefined ? "" : typeof goal === "string" ? goal : `≤ ${goal}`];
  });
  table(["what", "who", "median", "p95", "lowest–highest", "unit", "samples", "goal"], lines);
  const found = conclusions();
  if (found.length > 0) {
    say("what follows");
    table(["what", "", "value", "goal"], found.map(({ what, value, unit, goal }) => [what, unit, round(value), goal ?? ""]));
  }
  return found;
}

/** One line a figure: commit, date, what, who, unit, median, lowest, highest. */
function keep(found) {
  const git = (...arguments_) => execFileSync("git", arguments_, { cwd: ROOT }).toString().trim();
  const commit = git("rev-parse", "--short=10", "HEAD") + (git("status", "--porcelain", "--untracked-files=no") ? "+" : "");
  const date = git("show", "--no-patch", "--format=%cs", "HEAD");
  const lines = rows.map(({ what, who, unit, samples }) => [what, who, unit, ...[0.5, 0, 1].map((part) => quantile(samples, part))]);
  lines.push(...found.map(({ what, unit, value }) => [what, "ratio", unit, value, value, value]));
  const text = lines.map((line) => [commit, date, ...line.map((cell) => (typeof cell === "number" ? Number(cell.toPrecision(6)) : cell))].join("\t"));
  appendFileSync(LEDGER, `${text.join("\n")}\n`);
  say(`written into ${LEDGER}`);
}

if (wanted("native")) native();
const browser = ["browser", "interaction"].some(wanted) ? await launch() : undefined;
if (wanted("browser")) await inBrowser(browser);
if (wanted("node")) await inNode();
if (wanted("interaction")) {
  say("from a key to the painted map");
  for (const { what, unit, samples, goal } of await interaction(browser, [10, 100, 1_000])) note("interaction", what, "giljabi", unit, samples, { goal });
}
await browser?.close();
if (wanted("size")) sizes();
const found = print();
if (words.includes("--keep")) keep(found);
process.exit(0);
