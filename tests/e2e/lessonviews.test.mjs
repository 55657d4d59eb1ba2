// Every page of the lessons as everybody sees it: in Korean and English, light and dark, wide and narrow.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { objections, picture, press } from "./hands.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const go = (page, hash) => page.evaluate((hash) => (location.hash = hash), hash);

/** A result file as the page seals it. */
function sealed(name, passed) {
  const body = `giljabi-result 1\nname ${name}\nassignment \nlesson affinity ${passed ? 20 : 5} 20 ${+passed} ${passed ? 3 : 0} 1 0\nstep mend ${+passed} ${passed ? 10 : 5} 10 0\ncheck one ${+passed}\ncheck still 1\nstep who ${+passed} ${passed ? 10 : 0} 10 ${+passed}\n`;
  return `${body}seal ${createHash("sha256").update("giljabi result seal\n").update(body).digest("hex")}\n`;
}

/** The pages, and what must be there before one looks. */
const PAGES = {
  map: async (page) => {
    await go(page, "#/lessons");
    await page.locator(".track-card").first().waitFor();
  },
  notes: async (page) => {
    await go(page, "#/notes");
    await page.locator(".heading").first().waitFor();
  },
  teacher: async (page) => {
    await go(page, "#/teach");
    await page.locator(".assign summary").first().click();
    await page.locator(".ticks input").first().check();
    await page.locator(".qr").waitFor();
    const file = (name, text) => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) });
    await page.locator(".results input").setInputFiles([
      file("a.txt", sealed("1", true)),
      file("b.txt", sealed("2", false)),
      file("c.txt", sealed("3", true).slice(0, -9)),
    ]);
    await page.locator(".figures tbody tr").nth(2).waitFor();
  },
  assignment: async (page) => {
    await go(page, new URL(await page.locator(".link").inputValue()).hash);
    await page.locator(".assignment .lesson-list a").first().waitFor();
  },
  author: async (page) => {
    await go(page, "#/write");
    await page.locator(".begin-from").selectOption("dark-node");
    await page.locator(".draft-text .cm-content", { hasText: "track: outside" }).waitFor();
    await page.locator(".gates li, .gates .good").first().waitFor();
  },
  question: async (page) => {
    await go(page, "#/lesson/dark-node");
    await page.locator(".question").waitFor();
  },
  "wrong turn": async (page) => {
    await go(page, "#/lesson/affinity");
    await page.locator(".check").first().waitFor();
    await page.locator(".hint").click();
    await page.locator(".hint").click();
    await page.locator(".hint").click();
    await page.locator(".step-way").waitFor();
  },
  presenter: async (page) => {
    await press(page, "P");
    await page.locator(".app.presenter").waitFor();
  },
};

const ALL = process.env.LONG ? ["ko", "en"].flatMap((lang) => ["light", "dark"].flatMap((theme) => [1440, 390].map((width) => [lang, theme, width]))) : [["ko", "light", 390], ["en", "dark", 390], ["ko", "dark", 1440], ["en", "light", 1440]];

for (const [lang, theme, width] of ALL) {
  test(`nothing of the lessons' pages shuts anybody out: ${lang}, ${theme}, ${width}`, async (t) => {
    const { page, complaints } = await open(t, browser, {
      locale: lang === "ko" ? "ko-KR" : "en-GB",
      colorScheme: theme,
      viewport: { width, height: width > 600 ? 900 : 844 },
      reducedMotion: "reduce",
    });
    await ready(page);
    const found = [];
    for (const [name, show] of Object.entries(PAGES)) {
      await show(page);
      await picture(page, `lessons-${name.replace(" ", "-")}-${lang}-${theme}-${width}`);
      for (const each of (await objections(page)).found) found.push(`${name}: ${each}`);
      // Nothing that can be pressed or read stands beside the page, where nobody can scroll to it.
      const beside = await page.evaluate(() =>
        [...document.querySelectorAll("header .btn, .page .field, .page .btn, .lesson .btn")]
          .filter((e) => e.getClientRects().length && !e.closest("table") && e.getBoundingClientRect().right > innerWidth + 1)
          .map((e) => e.outerHTML.slice(0, 120)),
      );
      found.push(...beside.map((html) => `${name}: beside the page: ${html}`));
    }
    assert.deepEqual(found, []);
    assert.deepEqual(complaints, []);
  });
}
