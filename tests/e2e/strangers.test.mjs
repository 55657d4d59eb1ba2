// What strangers send: links and files. Nothing in them runs, everything in them shows, and too much of it is refused.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { launch, open, ready } from "./browser.mjs";
import { eventually, write } from "./hands.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const SCRIPT = `<img src=x onerror="globalThis.pwned=1"><script>globalThis.pwned=1</script>`;
const packed = (text) => deflateRawSync(Buffer.from(text)).toString("base64url");
const link = (url, pairs) => `${url}#w=${packed(JSON.stringify(pairs))}`;

/** Opens a link on a page that is already there, as a press on it would. */
async function follow(page, address) {
  await page.goto("about:blank");
  await page.goto(address);
  await ready(page);
  // The link is taken in when its fragment has gone.
  await page.waitForFunction(() => !location.hash.startsWith("#w="));
}

const pwned = (page) => page.evaluate(() => globalThis.pwned);

test("a link with a script in every field is text", async (t) => {
  const { page, url, complaints } = await open(t, browser);
  await ready(page);
  const yaml = `apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  annotations: {x: '${SCRIPT}'}\nspec:\n  ports: [{port: 80, name: '${SCRIPT}'}]\n`;
  await follow(page, link(url, [[`${SCRIPT}.yaml`, yaml], ["__proto__", "a: b"], ["constructor", "kind: toString"], ["?url", SCRIPT], ["?client", SCRIPT], ["?file", SCRIPT], ["?else", SCRIPT]]));
  await eventually(async () => assert.match(await page.locator("body").innerText(), /onerror/));
  await page.locator(".send").click();
  await page.getByText("constructor").first().waitFor();
  assert.equal(await pwned(page), undefined);
  assert.equal(await page.locator("body img[src=x]").count(), 0);
  assert.deepEqual(complaints, []);
});

test("what is hidden in a text or a name shows", async (t) => {
  const { page, url } = await open(t, browser);
  await ready(page);
  await follow(page, link(url, [["a\u202elmay.exe", "kind: a\u202eb\u200bc\u2066d\u00ade\u3164f\n"]]));
  await eventually(async () => assert.match(await page.locator("body").innerText(), /a⟨U\+202E⟩lmay\.exe/));
  await eventually(async () => assert.equal(await page.locator(".cm-specialChar").count(), 5));
});

test("bombs and torn links are refused, and what was there stays", async (t) => {
  const { page, url, complaints } = await open(t, browser);
  await ready(page);
  const before = await page.locator(".cm-content").first().innerText();
  const bombs = [
    packed(JSON.stringify([["a", "x".repeat(100_000_000)]])),
    packed("[".repeat(1_000_000)),
    packed(JSON.stringify(Array.from({ length: 5_000 }, (_, i) => [`${i}`, ""]))),
    packed('{"__proto__": {"polluted": true}}'),
    packed("null"),
    "%%%",
    "AAAA",
    packed(JSON.stringify([["a", "b"]])).slice(0, 8),
  ];
  for (const bomb of bombs) {
    await follow(page, `${url}#w=${bomb}`);
    await eventually(async () => assert.equal(await page.locator(".cm-content").first().innerText(), before));
  }
  assert.equal(await page.evaluate(() => ({}).polluted), undefined);
  assert.deepEqual(complaints, []);
});

test("YAML that is meant to hurt is answered in the page", async (t) => {
  const { page, url, complaints } = await open(t, browser);
  await ready(page);
  const laughs = ["a: &a [x,x,x,x,x,x,x,x,x]", ..."bcdefghi".split("").map((c, i) => `${c}: &${c} [${Array(9).fill(`*${"abcdefgh"[i]}`).join(",")}]`)].join("\n");
  for (const [i, text] of ["[".repeat(100_000), "- ".repeat(50_000), laughs, "a: ".repeat(30_000)].entries()) {
    t.diagnostic(`text ${i}`);
    await follow(page, link(url, [["hurt.yaml", text]]));
    await page.locator(".send").waitFor();
    // The editor goes on parsing after the page is there.
    await page.waitForTimeout(400);
  }
  // Typed after such a text, ordinary YAML has its colours again.
  await write(page, "kind: Service\n");
  await page.locator(".cm-content span", { hasText: "Service" }).first().waitFor();
  assert.deepEqual(complaints, []);
});

test("what is far too long is neither pasted nor examined, and the page says so", async (t) => {
  const { page, complaints } = await open(t, browser);
  await ready(page);
  const editor = page.locator(".cm-content").first();
  const text = () => editor.evaluate((content) => content.cmTile.view.state.doc.toString());
  const before = await text();
  await write(page, "a: b\n".repeat(2_000_000));
  await page.locator(".cm-panel-lint").getByText("8 MB를 넘어요").waitFor();
  assert.equal(await text(), before);
  // A file of a hundred megabytes, and one that is no text.
  await page.evaluate(() => {
    const carried = new DataTransfer();
    for (const [name, part] of [["bomb.yaml", "a: b\n".repeat(20_000_000)], ["bomb.gz", "x"]]) carried.items.add(new File([part], name));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true }));
  });
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("status").getByText("파일 2개는").waitFor();
  assert.equal(await dialog.locator(".doctor-report").count(), 0);
  assert.deepEqual(complaints, []);
});

test("a cluster from a stranger is examined, and nothing in it runs", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB" });
  await ready(page);
  await page.getByRole("button", { name: "Doctor" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.locator("summary").click();
  const hostile = `apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: '${SCRIPT.replaceAll("'", "")}'}\n  status: {phase: Running}\n- apiVersion: v1\n  kind: '${SCRIPT}'\n  metadata: {name: __proto__}\n- apiVersion: v1\n  kind: Service\n  metadata: {name: web}\n  spec: {selector: {app: '${SCRIPT}'}, clusterIP: 10.96.3.3, ports: [{port: 80}]}\n- apiVersion: v1\n  kind: Secret\n  metadata: {name: s}\n  data: {password: aHVudGVyMg==}\n`;
  await dialog.getByRole("textbox").fill(hostile);
  await dialog.getByRole("button", { name: "Examine", exact: true }).click();
  await dialog.getByRole("heading", { name: "Report" }).waitFor();
  const text = await dialog.innerText();
  assert.match(text, /has a name that no cluster takes/);
  assert.doesNotMatch(text.split("Report")[1], /aHVudGVyMg/);
  assert.equal(await pwned(page), undefined);
  assert.equal(await page.locator("dialog img").count(), 0);
  assert.deepEqual(complaints, []);
});
