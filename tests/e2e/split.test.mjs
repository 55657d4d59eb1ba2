// The program that splits the WASM: whatever ran while it recorded, the parts together compute what the whole did.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const END = process.platform === "win32" ? ".exe" : "";

/** Loops, a table of jumps, early returns, locals that go in and come out of rare stretches, calls by number and by table. */
const WAT = `(module
  (type $unary (func (param i32) (result i32)))
  (import "page" "note" (func $note (param i32)))
  (table 2 funcref)
  (elem (i32.const 0) $double $rare)
  (memory (export "memory") 1)
  (data (i32.const 8) "giljabi")
  (global $depth (mut i32) (i32.const 0))
  (func $double (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1)))
  (func $rare (param i32) (result i32) (call $note (local.get 0)) (i32.add (call $double (local.get 0)) (i32.const 7)))
  (func $work (export "work") (param $n i32) (param $kind i32) (result i32) (local $sum i32) (local $i i32) (local $big i64)
    (block $out
      (loop $again
        (br_if $out (i32.ge_u (local.get $i) (local.get $n)))
        (if (i32.eq (i32.rem_u (local.get $i) (i32.const 5)) (local.get $kind))
          (then
            (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
            (local.set $big (i64.extend_i32_u (local.get $sum)))
            (local.set $big (i64.add (i64.mul (local.get $big) (i64.const 3)) (i64.const 1000003)))
            (local.set $big (i64.xor (local.get $big) (i64.shr_u (local.get $big) (i64.const 7))))
            (if (i32.gt_u (i32.wrap_i64 (local.get $big)) (i32.const 2000000000)) (then (return (i32.const -1))))
            (local.set $sum (i32.and (i32.wrap_i64 (local.get $big)) (i32.const 65535)))
            (i32.store (i32.const 64) (local.get $sum))
            (local.set $sum (i32.add (i32.load (i32.const 64)) (i32.load8_u (i32.const 9))))
            (br_if $out (i32.gt_u (local.get $sum) (i32.const 60000)))
            (block $c (block $b (block $a
              (br_table $a $b $c $out (i32.and (local.get $sum) (i32.const 3))))
              (local.set $sum (call $rare (local.get $sum)))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br $again))
              (local.set $sum (call_indirect (type $unary) (local.get $sum) (i32.and (local.get $i) (i32.const 1)))))
            (local.set $n (i32.sub (local.get $n) (i32.const 1))))
          (else (local.set $sum (i32.add (local.get $sum) (local.get $i)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $again)))
    (i32.add (local.get $sum) (i32.mul (global.get $depth) (i32.const 1000000)))))`;

let folder, whole;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "giljabi-split-"));
  await writeFile(join(folder, "whole.wat"), WAT);
  whole = join(folder, "whole.wasm");
  execFileSync(process.execPath, [root("node_modules/binaryen/bin/wasm-as"), "--all-features", "-g", join(folder, "whole.wat"), "-o", whole]);
});
after(() => rm(folder, { recursive: true }));

const split = (...options) => execFileSync(root(`target/tools/bin/giljabi-split${END}`), options);

/** The function `work`, with what it notes appended to its answers, and which later parts were waited for. */
async function start(file, ...later) {
  const state = { noted: [], waited: [] };
  const lent = {};
  const modules = await Promise.all(later.map(async (file) => WebAssembly.compile(await readFile(file))));
  const wait = (part) => () => {
    for (const [index, name] of ["s", "t", "r"].entries()) {
      if (index > part || lent[name]) continue;
      lent[name] = new WebAssembly.Instance(modules[index], lent).exports;
      state.waited.push(name);
    }
  };
  const module = await WebAssembly.compile(await readFile(file));
  const rest = { second: wait(0), third: wait(1), wait: wait(2) };
  const first = await WebAssembly.instantiate(module, { rest, page: { note: (value) => state.noted.push(value) } });
  lent.f = first.exports;
  return { exports: first.exports, state, work: (n, kind) => [first.exports.work(n, kind), [...state.noted]] };
}

const INPUTS = [0, 1, 2, 3, 4, 5, 6].flatMap((kind) => [0, 1, 2, 7, 12, 40].map((n) => [n, kind]));

// Kinds above 4 never meet the rare branch; 0 does at once. What ran is told in three pieces: what ran before the map,
// until the first request had arrived on it, and after that.
const RECORDINGS = [
  [[], [], []],
  [[[9, 6]], [], []],
  [[], [[9, 6]], []],
  [[], [], [[9, 6]]],
  [[[9, 6]], [[2, 1]], []],
  [[[9, 6]], [], [[2, 1]]],
  [[], [[9, 6]], [[2, 1]]],
  [[], [[9, 6], [2, 1]], []],
  [INPUTS, [], []],
  [[], INPUTS, []],
  [[], [], INPUTS],
];
for (const recorded of RECORDINGS) {
  test(`what ran while it recorded: ${recorded.map((calls) => calls.length).join(" and ")} calls`, async () => {
    const file = (name) => join(folder, name);
    const [recorder, list, imports, report] = ["recorder.wasm", "list.txt", "imports.txt", "report.tsv"].map(file);
    split("record", whole, "--out", recorder, "--report", report);
    const recording = await start(recorder);
    const places = (await readFile(report, "utf8")).trimEnd().split("\n").map((line) => line.split("\t")[2].split(" "));
    const stretches = places.map(([, count]) => new Array(Number(count)).fill(0));
    for (const [index, calls] of recorded.entries()) {
      for (const [n, kind] of calls) recording.work(n, kind);
      const seen = new Uint8Array(recording.exports.memory.buffer);
      places.forEach(([from], i) => stretches[i].forEach((ran, at) => (stretches[i][at] = ran || (seen[Number(from) + at] && index + 1))));
    }
    const lines = places.map(([, , name, shape], index) => [`${name} ${shape} `, stretches[index]]);
    const idle = lines.filter(([, ran]) => !ran[0]).map(([sums]) => sums.slice(0, 6)).join("");
    await writeFile(list, `- ${idle}\n` + lines.filter(([, ran]) => ran[0]).map(([sums, ran]) => `${sums}${ran.join("")}\n`).join(""));

    const parts = ["first", "second", "third", "rest"];
    const written = parts.map((part) => file(`${part}.wasm`));
    const options = parts.flatMap((part, index) => [`--${part}`, written[index]]);
    split("split", whole, "--list", list, ...options, "--imports", imports, "--report", report);
    const [one, other] = [await start(whole), await start(...written)];
    for (const [index, calls] of recorded.entries()) {
      for (const [n, kind] of calls) assert.deepEqual(other.work(n, kind), one.work(n, kind));
      // A function that began to run in a later piece only is in that part, which has those before it loaded.
      const latest = Math.max(1, ...stretches.map(([ran]) => ran).filter((ran) => ran <= index + 1));
      const expected = ["s", "t"].slice(0, latest - 1);
      assert.deepEqual(other.state.waited, expected, `what ran in piece ${index + 1} of the recording runs without later parts`);
    }
    for (const [n, kind] of INPUTS) assert.deepEqual(other.work(n, kind), one.work(n, kind), `work(${n}, ${kind})`);
    if (recorded.flat().length < 2) assert.ok(other.state.waited.includes("r"), "what did not run is in the last part");
  });
}
