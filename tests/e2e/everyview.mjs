// axe looks at every view in every theme. Each width has a file of tests of its own, so that the test runner has them side by side.
import assert from "node:assert/strict";
import { open, ready } from "./browser.mjs";
import { objections, picture, press } from "./hands.mjs";

const TABS = ["journey", "terminal", "packet", "rules", "reach", "spread", "objects", "events", "history"];

/** Looks at the page in a language (a browser's locale) and at so many pixels. */
export async function everyView(t, browser, lang, width) {
  const { page } = await open(t, browser, { locale: lang, reducedMotion: "reduce", viewport: { width, height: 900 } });
  await ready(page);
  await page.locator(".send").click();
  await press(page, "End");
  // Themes differ in colours alone: all of axe looks at the first, and what it knows of colours at the others.
  const look = async (what) => {
    for (const theme of ["light", "dark", "contrast"]) {
      await page.evaluate((theme) => (document.documentElement.dataset.theme = theme), theme);
      const { found } = await objections(page, theme === "contrast" ? ["color-contrast"] : undefined);
      assert.deepEqual(found, [], `${what}, ${theme}`);
      await picture(page, `${what}-${theme}-${lang.slice(0, 2)}-${width}`);
    }
  };
  if (width < 500) {
    for (const [i, pane] of ["task", "editor", "map", "views"].entries()) {
      await page.locator(".panes button").nth(i).click();
      await look(pane);
    }
  }
  for (const tab of TABS) {
    await page.locator(`#tab\\.${tab}`).click();
    await page.locator(`#tab\\.${tab}[aria-selected=true]`).waitFor();
    if (tab === "reach") {
      await page.locator("table.reach").waitFor();
      await page.locator(".reach-progress").waitFor({ state: "detached" });
    }
    await look(tab);
  }
  // Two clusters side by side, and the dialogs.
  if (width > 500) {
    await page.locator(".holds summary").click();
    await page.locator(".choices fieldset").last().locator("input").last().uncheck();
    await page.locator("#tab\\.history").click();
    await page.locator(".moments tbody tr").last().locator(".btn").click();
    await page.locator(".what-if .node").first().waitFor();
    await look("beside");
  } else {
    await page.locator(".panes button").first().click();
  }
  await page.locator(".task-head .btn").click();
  await look("scenarios");
  await page.keyboard.press("Escape");
  await press(page, "Control+k");
  await look("palette");
  await page.keyboard.press("Escape");
  await press(page, "?");
  await look("help");
}
