// What a person does with the open page whatever the test is about, and what is looked at on the way.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

/** Pictures of the states that the tests pass through, to be looked at. */
export const PICTURES = new URL("../../target/pictures/", import.meta.url).pathname;
mkdirSync(PICTURES, { recursive: true });

export const picture = (page, name) => page.screenshot({ path: `${PICTURES}${name}.png` });

/** Lets go of the keyboard's focus, so that a letter is a shortcut. */
export async function press(page, key) {
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press(key);
}

/**
 * Asks again until the assertion holds, ten seconds at most; what it objects to then is the failure. The page answers what a person
 * does a frame or more later, on a busy machine much later.
 */
export async function eventually(assertion) {
  const end = performance.now() + 10_000;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (!(error instanceof assert.AssertionError) || performance.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Makes `text` the text of the file that is shown (in the desk's editor, or in another `place`), as a person would who pastes it. */
export async function write(page, text, place = ".editor") {
  const content = page.locator(`${place} .cm-content`);
  await content.click();
  await page.keyboard.press("Control+a");
  await content.evaluate((content, text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", text);
    content.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  }, text);
}

/** The whole text of the file that is shown, also what the editor does not draw. */
export const shown = (page, place = ".editor") =>
  page.locator(`${place} .cm-content`).evaluate((e) => e.cmTile?.view?.state.doc.toString() ?? e.innerText);

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What axe objects to on the page as it is, by all rules or by these; a text for each rule with the elements, and how many were kept. */
export async function objections(page, only) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
  const { violations, passes } = await page.evaluate((runOnly) => globalThis.axe.run({ runOnly }), only ? { type: "rule", values: only } : RULES);
  const found = violations.map(({ id, help, nodes }) => [`${id}: ${help}`, ...nodes.map(({ html }) => html)].join("\n  "));
  return { found, kept: passes.length };
}
