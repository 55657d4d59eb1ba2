// Lessons as a learner meets them, a class as a teacher does, and packages in a platform's own run-time.
import assert from "node:assert/strict";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import jsQR from "jsqr";
import { launch, open, ready } from "./browser.mjs";
import { eventually, objections, shown, write } from "./hands.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Goes to a screen of the open page. */
const go = (page, hash) => page.evaluate((hash) => (location.hash = hash), hash);

/** Chooses an answer of a question. */
async function answer(page, words) {
  await page.locator(".choice", { hasText: words }).click();
  await page.locator(".question button").click();
}

/** Goes through the lesson of the third port up to its last step. */
async function upToTheLast(page) {
  await page.locator(".question").waitFor();
  await answer(page, /refused|거절/);
  await page.locator(".choice.good").waitFor();
  await page.locator(".go-on").click();
  await page.locator(".check").first().waitFor();
  await page.locator(".file", { hasText: "service.yaml" }).click();
  await page.locator(".cm-content", { hasText: "kimhotarget" }).waitFor();
}

const lookAt = async (page, what) => assert.deepEqual((await objections(page)).found, [], what);

/** What the browser offers as a file after `act`. */
async function download(page, act) {
  const [offered] = await Promise.all([page.waitForEvent("download"), act()]);
  return { name: offered.suggestedFilename(), bytes: await readFile(await offered.path()) };
}

test("a lesson from its first question to its last word, and it is still there afterwards", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB" });
  await go(page, "#/lesson/third-port");
  await page.locator(".question").waitFor();
  await lookAt(page, "a question");
  await answer(page, "Nothing comes back");
  await page.locator(".choice.bad").waitFor();
  await eventually(async () => assert.match(await page.locator(".turn").innerText(), /REJECT/, "a wrong choice has words of its own"));
  await upToTheLast(page);
  await eventually(async () => assert.match(await page.locator(".check.bad").innerText(), /refused/, "what is seen now is said"));
  await eventually(async () => assert.equal(await page.locator(".turn").count(), 0, "nothing is given away before anything was tried"));
  const text = await shown(page);
  await write(page, text.replace("kimhotarget", "406"));
  await page.locator(".turn", { hasText: "8080" }).waitFor();
  await page.locator(".hint").click();
  await eventually(async () => assert.equal(await page.locator(".hints li").count(), 1));
  await lookAt(page, "a wrong turn");
  await write(page, text.replace("kimhotarget", "http"));
  await page.locator(".solved").waitFor();
  await eventually(async () => assert.match(await page.locator(".solved").innerText(), /15 of 20/));
  await eventually(async () => assert.match(await page.locator(".solved .stars").getAttribute("aria-label"), /1 of 3|2 of 3/));
  await lookAt(page, "solved");
  await page.reload();
  await page.locator(".solved").waitFor();
  await page.locator(".file", { hasText: "service.yaml" }).click();
  await page.waitForFunction(() => document.querySelector(".cm-content")?.innerText.includes("targetPort: http\n"), undefined, { polling: 100 });
  // Start over can be taken back, and keeps what was achieved.
  await page.locator(".tail .btn").first().click();
  await page.locator(".question").waitFor();
  await page.locator(".tail .btn", { hasText: "Undo" }).click();
  await page.locator(".solved").waitFor();
  // Free play is as it was.
  await go(page, "#/");
  await page.locator(".tries").waitFor();
  await eventually(async () => assert.match(await shown(page), /kimhotarget|kind: Service/));
  assert.deepEqual(complaints, []);
});

test("who is stuck is shown the goal and a way, which the page can go; one lesson is forgotten and no other", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB" });
  await go(page, "#/lesson/third-port");
  await upToTheLast(page);
  await page.locator(".goal").click();
  await page.locator(".what-if", { hasText: "The goal of this step" }).waitFor();
  await eventually(async () => assert.match(await page.locator(".what-if header").innerText(), /HTTP 200/, "the same request, as it will go"));
  await page.locator(".goal").click();
  await page.locator(".what-if").waitFor({ state: "detached" });
  const hint = page.locator(".hint");
  await hint.click();
  await hint.click();
  await eventually(async () => assert.equal(await hint.innerText(), "Show me a way"));
  await hint.click();
  await lookAt(page, "a way");
  await eventually(async () => assert.match(await page.locator(".step-way").innerText(), /targetPort: kimhotarget[^]*targetPort: http/));
  await page.locator(".do-it").click();
  await page.locator(".solved").waitFor();
  await eventually(async () => assert.equal(await page.locator(".confetti i").count(), 18));
  await eventually(async () => assert.match(await page.locator(".solved .stars").getAttribute("aria-label"), /2 of 3/, "a way costs what a hint costs"));
  await page.locator(".watch").click();
  await page.locator(".hop-delivered, .journey", { hasText: "kimho" }).first().waitFor();
  await page.locator(".tail .forget").click();
  await lookAt(page, "forgetting is asked for");
  await page.locator(".forget-yes").click();
  await page.locator(".question").waitFor();
  // Begun again, it has no result; and what another lesson holds stays.
  await page.evaluate(() => localStorage.setItem("giljabi.lesson.first-service", "passed guess 10\nlesson first-service 10 20 0 0 0 0\n"));
  await page.reload();
  await go(page, "#/lessons");
  const kept = page.locator(".lesson-list li", { hasText: "10 / 20" });
  await kept.waitFor();
  await eventually(async () => assert.equal(await page.locator(".done-lesson").count(), 0));
  await kept.locator(".forget").click();
  await page.locator(".forget-ask .btn", { hasText: "No" }).click();
  await kept.locator(".forget").click();
  await page.locator(".forget-yes").click();
  await kept.waitFor({ state: "detached" });
  assert.deepEqual(complaints, []);
});

test("a lesson is found, answered and solved with the keyboard alone, which never gets lost", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB" });
  await go(page, "#/lessons");
  await page.locator(".lesson-list a", { hasText: "Why is port 406" }).focus();
  await page.keyboard.press("Enter");
  await page.locator("#task-title:focus").waitFor();
  const tabTo = async (selector) => {
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press("Tab");
      if (await page.evaluate((selector) => document.activeElement?.matches(selector), selector)) return;
    }
    assert.fail(`the Tab key never comes to ${selector}`);
  };
  await tabTo(".question input");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.locator(".go-on:focus").waitFor();
  await page.keyboard.press("Enter");
  await page.locator("#task-title:focus").waitFor();
  await tabTo(".goal");
  await page.keyboard.press("Enter");
  await page.locator(".what-if").waitFor();
  await page.keyboard.press("Enter");
  await tabTo(".cm-content");
  await page.keyboard.press("Control+f");
  await page.keyboard.type("kimhotarget");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await page.keyboard.type("http");
  await page.locator(".solved").waitFor();
  assert.deepEqual(complaints, []);
});

test("an exam drawn from a seed is mended fault by fault, and another is drawn for who begins anew", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "ko-KR" });
  await go(page, "#/lesson/exam-9-drawn");
  await page.locator(".check.bad").first().waitFor();
  const texts = () => page.evaluate(() => localStorage.getItem("giljabi.lesson.exam-9-drawn").match(/seed (\d+)/)[1]);
  const seed = await texts();
  // Step by step: the hints, then each move of the way that there is still something to do in.
  let edits = 0;
  for (const hints of [3, 1]) {
    if ((await page.locator(".go-on").count()) === 0) {
      for (let i = 0; i <= hints; i++) await page.locator(".hint").click();
      await page.locator(".step-way .do-it").first().waitFor();
      edits += await page.locator(".step-way pre").count();
      for (const move of await page.locator(".step-way .do-it").all()) {
        if (!(await move.count()) || !(await move.isEnabled())) continue;
        const button = await move.elementHandle();
        await button.click();
        // The desk is graded again: there is nothing more to do in this move, or the step is done.
        await page.waitForFunction((button) => !button.isConnected || button.disabled, button);
      }
    }
    await page.locator(".go-on").click();
  }
  assert.equal(edits, 3, "as many faults as are drawn");
  await answer(page, "요청이 가는 길");
  await page.locator(".solved").waitFor();
  await page.locator(".tail .btn").first().click();
  await page.locator(".check.bad").first().waitFor();
  await eventually(async () => assert.notEqual(await texts(), seed));
  assert.deepEqual(complaints, []);
});

test("pupils begin with what their teacher has prepared, in the cluster that was set", async (t) => {
  const { page, url, complaints } = await open(t, browser, { locale: "en-GB" });
  await go(page, "#/lesson/first-service");
  await page.locator(".question").waitFor();
  await write(page, "# Begin here, class 3.\n");
  await page.waitForFunction(() => localStorage.getItem("giljabi.desk.first-service.files")?.includes("class 3"));
  // What is done in the terminal belongs to the start, what only looks does not.
  await page.locator("[role=tab]", { hasText: "Terminal" }).click();
  for (const line of ["kubectl get pods", "kubectl scale deployment kimho --replicas=1"]) {
    await page.locator("#term-input-1").fill(line);
    await page.locator("#term-input-1").press("Enter");
  }
  await page.waitForFunction(() => localStorage.getItem("giljabi.lesson.first-service")?.includes("ran 0 kubectl scale"));
  await go(page, "#/teach");
  await page.locator(".assign summary").first().click();
  await page.locator(".ticks input").first().check();
  const plain = await page.locator(".link").inputValue();
  await page.locator(".own-start").click();
  await page.locator(".set-nodes").selectOption("2");
  await page.locator(".set-proxy").selectOption("nftables");
  await page.locator(".set-balancer").selectOption("metallb");
  const link = await page.locator(".link").inputValue();
  assert.ok(link.length > plain.length && link.length < 400, link);
  await lookAt(page, "an assignment with a start");
  const pupils = await browser.newContext({ locale: "en-GB" });
  t.after(() => pupils.close());
  const pupil = await pupils.newPage();
  // The pupil has solved the lesson before, as it is by itself.
  await pupil.goto(url);
  await pupil.evaluate(() => localStorage.setItem("giljabi.lesson.first-service", "passed guess 10\nlesson first-service 20 20 1 3 1 0\n"));
  await pupil.goto("about:blank");
  await pupil.goto(link.replace(/^.*#/, `${url}#`));
  await pupil.locator(".assignment .lesson-list a").first().waitFor();
  await eventually(async () => assert.equal(await pupil.locator(".assignment .stars").count(), 0, "what was achieved elsewhere does not count here"));
  await eventually(async () => assert.equal(await pupil.locator(".tracks .stars").count(), 1, "and stays in the pupil's own book"));
  await pupil.locator(".assignment .lesson-list a").first().click();
  await pupil.locator(".question").waitFor();
  await pupil.locator(".editor .cm-content", { hasText: "class 3" }).waitFor();
  await eventually(async () => assert.equal(await pupil.locator("#map", { hasText: "node-3" }).count(), 0));
  await eventually(async () => assert.equal(await pupil.locator("#map [data-tip*='kimho-']").count(), 1));
  await answer(pupil, "The name cannot be resolved");
  await pupil.locator(".go-on").click();
  await pupil.locator(".check").first().waitFor();
  await go(pupil, new URL(link).hash);
  const handed = await download(pupil, () => pupil.locator(".assignment .btn-primary").click());
  assert.match(handed.bytes.toString(), /lesson first-service 10 20 0 0 0 0\n/, "what was achieved from this start");
  assert.deepEqual(complaints, []);
});

test("two tabs tell each other; progress goes to a file and comes back", async (t) => {
  const { page, url } = await open(t, browser, { locale: "ko-KR" });
  await go(page, "#/lessons");
  await page.locator(".track-card").first().waitFor();
  const other = await page.context().newPage();
  await other.goto(`${url}#/lesson/third-port`);
  await upToTheLast(other);
  await write(other, (await shown(other)).replace("kimhotarget", "http"));
  await other.locator(".solved").waitFor();
  await page.locator(".done-lesson .stars").waitFor();
  const saved = await download(page, () => page.locator(".carry .btn").first().click());
  assert.match(saved.bytes.toString(), /^giljabi-progress 1\n[^]*= third-port\n[^]*\+ service\.yaml\n/);
  await page.locator(".carry .btn", { hasText: "지우기" }).click();
  await page.locator(".carry .btn.bad").click();
  await page.locator(".done-lesson").waitFor({ state: "detached" });
  const file = { name: "p.txt", mimeType: "text/plain", buffer: saved.bytes };
  await page.locator(".carry input").setInputFiles({ ...file, buffer: Buffer.from("hello") });
  await page.locator(".carry [role=status]", { hasText: "p.txt:1" }).waitFor();
  await page.locator(".carry input").setInputFiles(file);
  await page.locator(".done-lesson .stars").waitFor();
  await lookAt(page, "the lesson map");
  await go(page, "#/notes");
  await page.locator(".heading").first().waitFor();
  await eventually(async () => assert.equal(await page.locator(".heading").count(), 120));
  await eventually(async () => assert.ok(await page.locator(".heading .stars").count()));
  await lookAt(page, "the map of the notes");
});

test("an assignment's QR code says its link, and the link nothing of a solution; a result is handed in", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "ko-KR" });
  await go(page, "#/teach");
  await page.locator(".assign summary").first().click();
  await page.locator(".ticks input").nth(4).check();
  await page.locator(".ticks input").nth(0).check();
  const link = await page.locator(".link").inputValue();
  assert.match(link, /#\/do\/[\w-]{10,40}$/);
  const { side, path } = await page.locator(".qr").evaluate((svg) => ({
    side: svg.viewBox.baseVal.width,
    path: svg.querySelector("path").getAttribute("d"),
  }));
  const scale = 4;
  const pixels = new Uint8ClampedArray((side * scale) ** 2 * 4).fill(255);
  for (const [, x, y, length] of path.matchAll(/M(\d+) (\d+)h(\d+)/g)) {
    for (let row = y * scale; row < (+y + 1) * scale; row++) {
      for (let column = x * scale; column < (+x + +length) * scale; column++) {
        pixels.fill(0, (row * side * scale + column) * 4, (row * side * scale + column) * 4 + 3);
      }
    }
  }
  assert.equal(jsQR(pixels, side * scale, side * scale).data, link);
  await lookAt(page, "the teacher's page");
  await go(page, new URL(link).hash);
  await page.locator(".assignment .lesson-list a").first().waitFor();
  await eventually(async () => assert.deepEqual(await page.locator(".assignment .lesson-title").allInnerTexts(), ["406번 포트는 왜 거절될까요?", "첫 서비스"]));
  await page.locator(".assignment input").fill("3반 길동");
  const result = await download(page, () => page.locator(".assignment .btn-primary").click());
  assert.equal(result.name, "giljabi-result-3반길동.txt");
  assert.match(result.bytes.toString(), /^giljabi-result 1\nname 3반 길동\n[^]*lesson third-port 0 20[^]*seal /);
  assert.deepEqual(complaints, []);
});

test("a class of two hundred results becomes a table; spoilt files do no harm", async (t) => {
  const { page } = await open(t, browser, { locale: "en-GB" });
  // Real results: one of somebody who solved it, one of somebody who did not begin.
  await go(page, "#/teach");
  await page.locator(".assign summary").first().click();
  await page.locator(".ticks input").nth(4).check();
  const link = await page.locator(".link").inputValue();
  await go(page, new URL(link).hash);
  const hand = () => download(page, () => page.locator(".assignment .btn-primary").click());
  await page.locator(".assignment").waitFor();
  const idle = (await hand()).bytes;
  await page.locator(".assignment .lesson-list a").first().click();
  await upToTheLast(page);
  await write(page, (await shown(page)).replace("kimhotarget", "http"));
  await page.locator(".solved").waitFor();
  await go(page, new URL(link).hash);
  const busy = (await hand()).bytes;
  const { createHash } = await import("node:crypto");
  // As it was before a check of the lesson was renamed: sealed by that version's page.
  const body = busy.toString().replace(/seal .*\n$/, "").replace("check others", "check other");
  const seal = createHash("sha256").update("giljabi result seal\n").update(body).digest("hex");
  const older = Buffer.from(`${body}seal ${seal}\n`);
  const spoilt = { 7: busy.subarray(0, busy.length - 20), 8: Buffer.from(busy.toString().replace(" 20 ", " 19 ")), 9: Buffer.from("hello"), 11: older };
  const files = Array.from({ length: 200 }, (_, i) => ({
    name: `${i}.txt`,
    mimeType: "text/plain",
    buffer: spoilt[i] ?? (i % 4 ? busy : idle),
  }));
  await go(page, "#/teach");
  const folder = await mkdtemp(join(tmpdir(), "giljabi-class-"));
  const paths = files.map(({ name }) => join(folder, name));
  await Promise.all(files.map(({ buffer }, i) => writeFile(paths[i], buffer)));
  await page.locator(".results input").setInputFiles(paths);
  await page.locator(".figures tbody tr").nth(199).waitFor();
  await eventually(async () => assert.equal(await page.locator(".spoilt").count(), 3));
  await eventually(async () => assert.match(await page.locator(".old-result").innerText(), /another version/));
  await eventually(async () => assert.match(await page.locator(".stuck li").first().innerText(), /49 of 196/));
  const csv = await download(page, () => page.locator(".results .btn", { hasText: "CSV" }).click());
  assert.equal(csv.bytes.toString().split("\r\n").length, 202);
  await lookAt(page, "a class");
});

test("a sheet on paper has the tasks and no hints", async (t) => {
  const { page } = await open(t, browser, { locale: "ko-KR" });
  await go(page, "#/lesson/third-port");
  await page.locator(".question").waitFor();
  const printed = page.evaluate(
    () => new Promise((done) => (window.print = () => done(document.querySelector(".sheets").innerHTML))),
  );
  await page.locator(".tail .btn", { hasText: "인쇄" }).click();
  const sheet = await printed;
  assert.match(sheet, /406을 살려요[^]*☐ 406번이 대답해요[^]*kimhotarget/);
  assert.doesNotMatch(sheet, /파드가 이름 붙인 포트는/);
});

test("links of strangers: what is wrong is told with file and line, and nothing of it runs", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  const carry = async (files) => {
    const text = Object.entries(files).map(([name, text]) => `=== mine/${name}\n${text}\n`).join("");
    const packed = await page.evaluate(async (text) => {
      const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"));
      const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
      return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    }, text);
    await go(page, `#/try/${packed}`);
  };
  const lesson = "track: first\nsteps:\n- id: a\n  kind: mend\n  checks:\n    ok: {clean: }\n    there: {object: Service/x}\n";
  const start = "start/a.yaml";
  await carry({ "lesson.yaml": `${lesson}  turns: {x: {wobble: 1}}\n`, "en.md": "# T\n", [start]: "" });
  await page.locator(".task [role=alert]", { hasText: "lesson.yaml:8" }).waitFor();
  const words = "# <img src=x onerror=alert(1)>\nHi [x](javascript:alert(1)).\n\n## a A\nDo `it`.\n- check ok: fine\n- check there: there\n- hint: h\n## solved\nyes\n## cheat\nc\n";
  await carry({ "lesson.yaml": lesson, "en.md": words, [start]: "# write here\n" });
  await page.locator(".check").first().waitFor();
  await eventually(async () => assert.match(await page.locator(".crumb").innerText(), /<img src=x onerror=alert\(1\)>/));
  assert.equal(await page.locator(".lesson img, .lesson .intro a, .crumb img").count(), 0);
  await go(page, "#/try/broken");
  await page.locator(".task [role=alert]").waitFor();
  await go(page, "#/do/broken");
  await page.locator(".page [role=alert]").waitFor();
  assert.deepEqual(complaints, []);
});

test("a lesson is written from the desk: checks from what is seen, a solution by doing it, gates at once, a link to all", async (t) => {
  const { page, url, complaints } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  await page.locator(".url").fill("http://kimho:406");
  await page.locator(".send").click();
  await go(page, "#/write");
  await page.locator(".from-desk").click();
  await page.locator(".add-prediction").click();
  // How the request ended is the one right choice: the gate of questions is open.
  await page.locator(".draft-text .cm-content", { hasText: "kind: predict" }).waitFor();
  await eventually(async () => assert.match(await shown(page, ".draft-text"), /question: \{request: \{from: pod\/client, to: "http:\/\/kimho:406"\}, choices: \{answer: \{ok: true\}, refused:/));
  await page.locator(".add-step").click();
  const label = '{request: {from: pod/client, to: "http://kimho:406"}, ok: true}';
  await page.locator(".offer").selectOption({ label });
  await page.locator(".add-check").click();
  await page.locator(".gates li", { hasText: "no solution" }).waitFor();
  await eventually(async () => assert.doesNotMatch(await page.locator(".gates").innerText(), /exactly one right choice/));
  await lookAt(page, "the author's page");
  await page.locator(".record").click();
  await page.locator(".recorder").waitFor();
  await page.locator(".choice").nth(1).click();
  await page.locator(".question button").click();
  await page.locator(".go-on").click();
  await page.locator(".file", { hasText: "service.yaml" }).click();
  await page.locator(".cm-content", { hasText: "kimhotarget" }).waitFor();
  // Time that the author lets go by is part of the way.
  await page.locator(".clock-bar summary").click();
  await page.locator(".clock-bar .menu-list button", { hasText: "10 seconds" }).click();
  await page.locator(".plugs label", { hasText: "node-3" }).locator("input").uncheck();
  await write(page, (await shown(page)).replace("kimhotarget", "http"));
  await page.locator(".solved").waitFor();
  await page.locator(".keep-tape").click();
  await page.locator(".gates li", { hasText: "intro" }).first().waitFor();
  await page.waitForFunction(() => !document.querySelector(".gates").innerText.includes("no solution"));
  await page.locator(".draft-text .cm-content", { hasText: "track: first" }).waitFor();
  const text = await shown(page, ".draft-text");
  assert.match(text, /answers: \{request: .*ok: true\}[^]*- wait: 10s\n[^]*- power: \{node-3: down\}\n[^]*- edit: \{file: service\.yaml, from: " *targetPort: kimhotarget", to: " *targetPort: http"\}/);
  const zip = await download(page, () => page.locator(".save-zip").click());
  assert.match(zip.bytes.toString("latin1"), /my-lesson\/lesson\.yaml[^]*my-lesson\/start\/service\.yaml/);
  // The link opens the lesson for somebody else.
  await page.evaluate(() => (navigator.clipboard.writeText = async (text) => (globalThis.copied = text)));
  await page.locator(".link-learner").click();
  const link = await (await page.waitForFunction(() => globalThis.copied)).jsonValue();
  const other = await browser.newContext();
  t.after(() => other.close());
  const visitor = await other.newPage();
  await visitor.goto(link.replace(/^.*#/, `${url}#`));
  await visitor.locator(".question").waitFor();
  await visitor.locator(".choice").nth(1).click();
  await visitor.locator(".question button").click();
  await visitor.locator(".go-on").click();
  await visitor.locator(".check.bad").waitFor();
  // The editor knows the keys and words of lesson.yaml.
  await write(page, `${text}wrong:\n  one:\n    `, ".draft-text");
  await page.keyboard.press("Control+Space");
  await page.locator(".cm-tooltip-autocomplete li", { hasText: "fails" }).click();
  await page.keyboard.press("Control+Space");
  await page.locator(".cm-tooltip-autocomplete li", { hasText: "predict" }).click();
  await eventually(async () => assert.match(await shown(page, ".draft-text"), /wrong:\n  one:\n    fails: predict$/));
  // What cannot be read is told with its line.
  await write(page, "track: first\nstepz: []\n", ".draft-text");
  await page.locator(".draft-text .cm-lintRange-error", { hasText: "stepz: []" }).waitFor();
  await page.locator(".draft-problems .line-link", { hasText: "lesson.yaml:2" }).click();
  await page.waitForFunction(() => {
    const content = document.querySelector(".draft-text .cm-content");
    const { doc, selection } = content.cmTile.view.state;
    return content.contains(document.activeElement) && doc.lineAt(selection.main.head).text === "stepz: []";
  });
  assert.deepEqual(complaints, []);
});
