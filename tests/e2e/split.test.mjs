// The program that splits the WASM: whatever ran while it recorded, the parts together compute what the whole did.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { plied, pliedBytes } from "../../assets/strands.js";
import { SITE } from "./server.mjs";

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

/** A module whose strands come in chunks of so many bytes, plied. */
async function pliedFrom(stranded, size) {
  const coming = new ReadableStream({
    start(come) {
      for (let at = 0; at < stranded.length; at += size) come.enqueue(stranded.subarray(at, at + size));
      come.close();
    },
  });
  return Buffer.from(await plied(new Response(coming)).arrayBuffer());
}

/** Holds that the strands of a module, however they come, make that module. */
async function plies(file) {
  const [module, stranded] = await Promise.all([readFile(file), readFile(`${file}.strands`)]);
  assert.notEqual(stranded[0], 0, "strands are no module");
  assert.deepEqual(Buffer.from(pliedBytes(new Uint8Array(stranded))), module);
  for (const size of [1, 2, 13, 1000]) assert.deepEqual(await pliedFrom(new Uint8Array(stranded), size), module, `${size} bytes at once`);
}

/** Whatever the strands tell apart, with a function without locals and one with many before and after. */
const KINDS = `(module
  (type $unary (func (param i32) (result i32)))
  (table $t 100 funcref)
  (memory (export "memory") 1)
  (global $g (mut i64) (i64.const -1234567890123))
  (global (export "a long name") i32 (i32.const 0))
  (elem (i32.const 1) $kinds $one $kinds)
  (elem (i32.const 70) $one)
  (data (i32.const 3) "")
  (data (i32.const 63) "g")
  (data (i32.const 64) "${"il".repeat(100)}")
  (data (i32.const 8191) "jab")
  (data (i32.const 65000) "i")
  (func $one (export "one") (param i32) (result i32) (local.get 0))
  (func)
  (func $kinds (export "kinds") (param $p i32) (result i32) (local $i i32) (local $l i64) (local $f f32) (local $d f64) (local $v v128)
    (local.set $l (i64.load offset=70000 align=1 (local.get $p)))
    (i64.store32 offset=9 align=2 (local.get $p) (i64.add (local.get $l) (i64.const 0x7fffffffffffffff)))
    (i64.store8 (local.get $p) (i64.load16_s align=1 (local.get $p)))
    (f32.store offset=128 (local.get $p) (f32.const 1.5))
    (local.set $d (f64.sub (f64.load align=4 (i32.const 0)) (f64.const -0.1)))
    (local.set $v (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (v128.load offset=300 (local.get $p)) (v128.const i32x4 1 -1 0 70000)))
    (v128.store align=4 (local.get $p) (local.get $v))
    (i32.store (i32.const 8) (i32x4.extract_lane 2 (local.get $v)))
    (memory.copy (local.get $p) (i32.const 1048576) (i32.const -129))
    (memory.fill (local.get $p) (i32.const 1023) (i32.const 1024))
    (drop (memory.grow (memory.size)))
    (table.set $t (i32.const 1) (ref.null func))
    (drop (ref.is_null (table.get $t (i32.const -2147483648))))
    (drop (select (result f32) (local.get $f) (f32.const nan) (local.get $i)))
    (global.set $g (i64.extend32_s (global.get $g)))
    (local.set $i (block $b (result i32)
      (block $a (loop $again (br_if $again (local.tee $i (i32.extend8_s (local.get $i))))
        (br_table ${"$a $again ".repeat(150)} $a (local.get $p))))
      (br $b (if (result i32) (local.get $i) (then (i32.trunc_sat_f64_s (local.get $d))) (else (i32.const -128))))))
    (call_indirect (type $unary) (call $kinds (local.get $i)) (local.get $i)))
  (func))`;

test("strands make the module that they were made of, however they come", async () => {
  const file = (name) => join(folder, name);
  await writeFile(file("kinds.wat"), KINDS);
  execFileSync(process.execPath, [root("node_modules/binaryen/bin/wasm-as"), "--all-features", "-g", file("kinds.wat"), "-o", file("kinds.wasm")]);
  await writeFile(file("none.txt"), "");
  const parts = ["first", "second", "third", "rest"];
  const options = parts.flatMap((part) => [`--${part}`, file(`kinds-${part}.wasm`)]);
  split("split", file("kinds.wasm"), "--list", file("none.txt"), ...options, "--imports", file("i.txt"), "--report", file("r.txt"));
  for (const part of parts) await plies(file(`kinds-${part}.wasm`));
  const names = await readFile(file("r.txt"), "utf8");
  assert.match(names, /rest\tkinds/, "what is looked at is there");
});

test("a program is plied in short pieces, between which the page may do something else", async () => {
  const parts = (await readdir(SITE)).filter((name) => /^(app|second|third)-\w+\.wasm$/.test(name));
  assert.equal(parts.length, 3);
  for (const part of parts) {
    let breaths = 0;
    const answer = plied(new Response(await readFile(join(SITE, part))), () => void (breaths += 1));
    const pieces = [];
    for await (const { length } of answer.body) pieces.push(length);
    assert.ok(pieces.length > 5, `${part} comes in ${pieces.length} pieces`);
    assert.ok(Math.max(...pieces) < 65536, `${part} comes in pieces of ${Math.max(...pieces)} bytes`);
    assert.equal(breaths, pieces.length, part);
  }
});

test("a module that is none of strands stays as it is", async () => {
  const module = new Uint8Array(await readFile(whole));
  assert.deepEqual(pliedBytes(module), module);
  for (const size of [1, 5, 1000]) assert.deepEqual(await pliedFrom(module, size), Buffer.from(module));
  const once = plied(new Response(module));
  assert.equal(plied(once), once, "what is plied is not plied again");
});

test("what is no program, or only half of one, is refused and not waited for", async () => {
  const page = new TextEncoder().encode("<!doctype html><title>Sign in to this network</title>".repeat(50));
  assert.throws(() => pliedBytes(page), /no program/);
  await assert.rejects(pliedFrom(page, 7), /no program/);
  const refused = new Response(page, { status: 503 });
  assert.equal(plied(refused), refused, "who asked says what the answer was");
  const stranded = new Uint8Array(await readFile(join(folder, "kinds-rest.wasm.strands")));
  for (let length = 1; length < stranded.length; length += 1) {
    await assert.rejects(async () => WebAssembly.compile(await pliedFrom(stranded.subarray(0, length), 64)), `${length} bytes of ${stranded.length}`);
  }
  for (let at = 0; at < stranded.length; at += 1) {
    const torn = stranded.slice();
    torn[at] ^= 0x55;
    // It ends, well or badly.
    await pliedFrom(torn, torn.length).catch(() => {});
  }
});

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
    for (const part of written) await plies(part);
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
