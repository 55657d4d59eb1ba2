// The terminal: lines run and print, requests show on the map, names lead there, errors explain themselves, an edit goes through
// the YAML editor; the keyboard, Korean input, floods and loops without end.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { eventually, objections, picture } from "./hands.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const field = (page, number = 1) => page.locator(`#term-input-${number}`);
const log = (page, number = 1) => page.locator(".term").nth(number - 1).locator(".term-log");

/** Opens the page with the terminal shown. */
async function start(t, options = {}) {
  const opened = await open(t, browser, { locale: "en-GB", ...options });
  await ready(opened.page);
  await opened.page.keyboard.press("t");
  await field(opened.page).waitFor();
  return opened;
}

/** Types a line and waits until its prompt is back. */
async function run(page, line, number = 1) {
  await field(page, number).fill(line);
  await field(page, number).press("Enter");
  await idle(page, number);
  return log(page, number).innerText();
}

/** Waits until nothing runs. */
const idle = (page, number = 1) =>
  page.waitForFunction(
    (n) => document.querySelectorAll(".term")[n - 1]?.querySelector(".term-line .term-prompt")?.textContent !== "",
    number,
  );

test("lines run; a request is on the map; a name leads there; an error explains itself", async (t) => {
  const { page, complaints } = await start(t);
  assert.match(await run(page, "k get svc"), /kimho +ClusterIP +10\.\d+\.\d+\.\d+ +<none>/);
  // An object of the output is the object of the map.
  await log(page).locator(".term-link", { hasText: /^kimho$/ }).first().click();
  await page.locator(".card.lit, .svc-chip.lit").first().waitFor();
  // A request made here is the one that is shown and can be inspected.
  assert.match(await run(page, "kubectl exec client -- curl -sS http://kimho:406"), /curl: \(7\)/);
  await eventually(async () => assert.equal(await page.locator(".term-chip.bad").count(), 1));
  await page.locator(".term-why").first().click();
  await eventually(async () => assert.match(await page.locator(".term-note").first().innerText(), /kimhotarget/));
  await picture(page, "terminal-light-en");
  await page.locator(".term-chip").first().click();
  await page.locator("[role=tab]", { hasText: "Journey" }).click();
  await page.locator(".journey tr").nth(3).waitFor();
  // What was shown is still there afterwards.
  await page.locator("[role=tab]", { hasText: "Terminal" }).click();
  await eventually(async () => assert.match(await log(page).innerText(), /kimhotarget/));
  assert.deepEqual(complaints, []);
});

test("the prompt says where one is: computer, container, node", async (t) => {
  const { page } = await start(t);
  await run(page, "kubectl exec -it client -- sh");
  await eventually(async () => assert.match(await page.locator(".term-line .term-prompt").innerText(), /#/));
  await eventually(async () => assert.match(await page.locator(".term-place").innerText(), /container .* in client/));
  assert.match(await run(page, "cat /etc/resolv.conf"), /search default\.svc\.cluster\.local/);
  await run(page, "exit");
  await run(page, "ssh node-1");
  await eventually(async () => assert.match(await page.locator(".term-line .term-prompt").innerText(), /root@node-1/));
  assert.match(await run(page, "iptables-save -t nat | grep -c KUBE"), /\n\d+\n/);
  await field(page).press("Control+d");
  await page.waitForFunction(() => document.querySelector(".term-line .term-prompt").textContent === "$ ");
});

test("kubectl edit goes through the YAML editor and comes back", async (t) => {
  const { page, complaints } = await start(t);
  const edit = async (change) => {
    await field(page).fill("kubectl edit svc kimho");
    await field(page).press("Enter");
    await page.locator(".sheet .cm-content").waitFor();
    if (change) {
      await page.locator(".sheet .cm-content").click();
      await page.keyboard.press("Control+f");
      await page.locator(".sheet .cm-search input[name=search]").fill(change[0]);
      await page.locator(".sheet .cm-search input[name=replace]").fill(change[1]);
      await page.locator(".sheet .cm-search button[name=replaceAll]").click();
    }
  };
  await edit(["type: ClusterIP", "type: NodePort"]);
  await picture(page, "terminal-edit-light-en");
  await page.keyboard.press("Control+s");
  await page.locator(".sheet").waitFor({ state: "detached" });
  await idle(page);
  await eventually(async () => assert.match(await log(page).innerText(), /service\/kimho edited/));
  assert.match(await run(page, "kubectl get svc kimho"), /kimho +NodePort/);
  await edit();
  await page.locator(".sheet .btn:not(.btn-primary)").click();
  await idle(page);
  await eventually(async () => assert.match(await log(page).innerText(), /Edit cancelled, no changes made\./));
  assert.deepEqual(complaints, []);
});

test("history, completion and the keys of a line editor", async (t) => {
  const { page } = await start(t);
  await field(page).fill("kubectl get endp");
  await field(page).press("Tab");
  await eventually(async () => assert.match(await field(page).inputValue(), /^kubectl get endpoint/));
  await field(page).fill("kubectl describe pod cli");
  await field(page).press("Tab");
  await eventually(async () => assert.equal(await field(page).inputValue(), "kubectl describe pod client "));
  await field(page).press("Control+a");
  await field(page).press("Control+k");
  await eventually(async () => assert.equal(await field(page).inputValue(), ""));
  await eventually(async () => assert.equal(await page.locator("dialog[open]").count(), 0, "Ctrl+K is the line's here"));
  await run(page, "echo one");
  await run(page, "echo two");
  await field(page).press("ArrowUp");
  await field(page).press("ArrowUp");
  await eventually(async () => assert.equal(await field(page).inputValue(), "echo one"));
  await field(page).press("Control+u");
  await field(page).press("Control+r");
  await field(page).pressSequentially("tw");
  await page.locator(".term-prompt", { hasText: "echo two" }).last().waitFor();
  await field(page).press("Enter");
  await idle(page);
  await eventually(async () => assert.equal((await log(page).innerText()).match(/^two$/gm).length, 2));
  // The history outlives the page; an empty line lets go of the focus.
  await page.reload();
  await ready(page);
  await page.keyboard.press("t");
  await field(page).press("ArrowUp");
  await eventually(async () => assert.equal(await field(page).inputValue(), "echo two"));
  await field(page).fill("");
  await field(page).press("Shift+Tab");
  await eventually(async () => assert.notEqual(await page.evaluate(() => document.activeElement.id), "term-input-1"));
});

test("Ctrl-C ends what never would; a flood ends and scrolls", async (t) => {
  const { page, complaints } = await start(t);
  for (const line of ["while true; do echo tick; sleep 1; done", "kubectl get pods -w", "while :; do :; done"]) {
    await field(page).fill(line);
    await field(page).press("Enter");
    await page.locator(".term-act", { hasText: "Stop" }).waitFor();
    await field(page).press("Control+c");
    await idle(page);
  }
  assert.match(await run(page, "yes | head -3"), /y\ny\ny\n/);
  await run(page, "seq 1 10000");
  const blocks = await page.locator(".term-block").count();
  assert.ok(blocks >= 100 && blocks < 140, `${blocks} blocks`);
  // What is out of sight is not laid out: the browser says so of what stands in the first block, once it has drawn a frame.
  await page.locator(".term-block").first().evaluate((block) => {
    block.append(document.createElement("i"));
  });
  await page.waitForFunction(() => !document.querySelector(".term-block > i").checkVisibility({ contentVisibilityAuto: true }));
  await field(page).fill("yes");
  await field(page).press("Enter");
  await page.waitForTimeout(300);
  await field(page).press("Control+c");
  assert.match(await run(page, "echo alive"), /alive/);
  await eventually(async () => assert.ok((await page.locator(".term-block").count()) < 140, "old lines are let go"));
  assert.match(await run(page, "printf 'a\\033[31mb\\007c\\n'"), /^abc$/m);
  assert.deepEqual(complaints, []);
});

test("terminals side by side: a port is forwarded in one and used in the other", async (t) => {
  const { page, complaints } = await start(t, { locale: "ko-KR", colorScheme: "dark" });
  await page.locator(".term-bar .tool").first().click();
  // The new one takes the keyboard, a frame after it is there; what is typed before that would be torn in two.
  await page.waitForFunction(() => document.activeElement?.id === "term-input-2");
  await field(page, 1).fill("kubectl port-forward svc/kimho 8000:80");
  await field(page, 1).press("Enter");
  await log(page, 1).getByText("Forwarding from 127.0.0.1:8000").waitFor();
  assert.match(await run(page, "curl -s -o /dev/null -w '%{http_code}\\n' localhost:8000", 2), /^200$/m);
  await log(page, 1).getByText("Handling connection for 8000").waitFor();
  await picture(page, "terminal-two-dark-ko");
  assert.deepEqual((await objections(page)).found, []);
  assert.deepEqual(complaints, []);
});

test("390 px wide, Korean typed through an input method", async (t) => {
  const { page } = await open(t, browser, { viewport: { width: 390, height: 844 } });
  await ready(page);
  await page.keyboard.press("t");
  await field(page).waitFor();
  const client = await page.context().newCDPSession(page);
  await field(page).focus();
  await field(page).pressSequentially("echo ");
  for (const text of ["ㄱ", "기", "길"]) {
    await client.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length });
  }
  // Enter belongs to the input method while a syllable is open.
  await field(page).dispatchEvent("keydown", { key: "Enter", keyCode: 229, isComposing: true, bubbles: true });
  await client.send("Input.insertText", { text: "길" });
  await eventually(async () => assert.equal(await field(page).inputValue(), "echo 길"));
  assert.match(await run(page, "echo 길잡이"), /^길잡이$/m);
  await run(page, "kubectl get pods -o wide");
  await picture(page, "terminal-narrow-light-ko");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  assert.ok(!wide, "the page itself does not scroll sideways");
});
