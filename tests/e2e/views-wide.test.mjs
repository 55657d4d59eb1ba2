// On a screen, axe finds nothing to object to in any view.
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { everyView } from "./everyview.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

for (const lang of ["ko-KR", "en-GB"]) test(`axe: every view in every theme, ${lang}, 1440 px`, (t) => everyView(t, browser, lang, 1440));
