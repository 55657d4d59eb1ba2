// Pictures of the states that matter, into target/pictures/ to be looked at, and their structure compared with what is written
// in pictures.tsv: what stands where on the map, by kind. Pictures themselves are not compared: fonts differ from machine to
// machine. The map's layout does not depend on them, so its structure is the same everywhere.
//
// `UPDATE=1 node --test tests/e2e/pictures.test.mjs` writes the file anew; read the difference before it is kept.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { PICTURES, picture, press } from "./hands.mjs";

const WRITTEN = new URL("pictures.tsv", import.meta.url);

let browser;
const written = new Map((await readFile(WRITTEN, "utf8")).split("\n").filter(Boolean).map((line) => line.split("\t")));
const found = new Map();
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (process.env.UPDATE) await writeFile(WRITTEN, [...found].map((row) => `${row.join("\t")}\n`).join(""));
});

/** Sends what the time bar says, or `url`, and goes to the end. */
async function send(page, url) {
  if (url) await page.locator(".url").fill(url);
  await page.locator(".send").click();
  await press(page, "End");
  await page.locator(".end").first().waitFor({ state: "attached" });
}

/** Begins a scenario of free play, by its place in the list. */
async function begin(page, scenario) {
  await page.locator(".task-head .btn").click();
  const name = await page.locator(".scenarios li button").nth(scenario).locator("b").innerText();
  await page.locator(".scenarios li button").nth(scenario).click();
  await page.locator("#task-title", { hasText: name }).waitFor();
}

/** Sends the n-th request that the scenario proposes. */
async function attempt(page, n) {
  await page.locator(".try").nth(n).click();
  await press(page, "End");
  await page.locator(".end").first().waitFor({ state: "attached" });
}

const view = (page, name) => page.locator(`#tab\\.${name}`).click();

/** Plays up to the first hop at which an address is translated, and stops there. */
async function translated(page) {
  await page.locator(".journey tr:has(del) .hop-number").first().click();
  await page.locator(".packet .struck").first().waitFor({ state: "attached" });
}

// Scenario numbers are their places in the list.
const [READINESS, BALANCER, PENDING, HEADLESS, ALIAS, BY_HAND, INGRESS, GATEWAY, HUNDRED, THOUSAND] = [1, 5, 6, 7, 8, 9, 10, 11, 12, 13];

/** Each visit: theme, language, width, and the states that it passes through. */
const VISITS = [
  ["light", "ko", 1440, [
    ["main", (page) => send(page, "http://kimho")],
    ["failure", (page) => send(page, "http://kimho:406")],
    ["packet", (page) => view(page, "packet")],
    ["rules", (page) => view(page, "rules")],
    ["reach", async (page) => {
      await view(page, "reach");
      await page.locator(".reach .cell.bad").first().waitFor();
    }],
    ["terminal", (page) => view(page, "terminal")],
    ["unready", async (page) => {
      await view(page, "journey");
      await begin(page, READINESS);
      await attempt(page, 0);
    }],
    ["pending", (page) => begin(page, PENDING)],
    ["by-hand", async (page) => {
      await begin(page, BY_HAND);
      await attempt(page, 0);
    }],
    ["headless", async (page) => {
      await begin(page, HEADLESS);
      await attempt(page, 1);
    }],
  ]],
  ["dark", "en", 1440, [
    ["main", (page) => send(page, "http://kimho")],
    ["nat", translated],
    ["failure", (page) => send(page, "http://kimho:406")],
    ["balancer", async (page) => {
      await begin(page, BALANCER);
      await attempt(page, 0);
    }],
    ["alias", async (page) => {
      await begin(page, ALIAS);
      await attempt(page, 0);
    }],
    ["ingress", async (page) => {
      await begin(page, INGRESS);
      await attempt(page, 0);
    }],
    ["gateway-beside-ingress", async (page) => {
      await begin(page, GATEWAY);
      await attempt(page, 0);
      await view(page, "history");
      await page.locator(".moments tbody tr").nth(1).locator(".btn").click();
      await page.locator(".what-if .map-twin").waitFor();
    }],
  ]],
  ["contrast", "ko", 1440, [
    ["failure", (page) => send(page, "http://kimho:406")],
    ["hundred", async (page) => {
      await begin(page, HUNDRED);
      await attempt(page, 0);
    }],
    ["thousand", (page) => begin(page, THOUSAND)],
  ]],
  ["light", "en", 390, [
    ["main", (page) => send(page, "http://kimho")],
    ["nat", async (page) => {
      await page.locator(".panes button").nth(3).click();
      await translated(page);
      await page.locator(".panes button").nth(2).click();
    }],
  ]],
  ["dark", "ko", 390, [
    ["failure", (page) => send(page, "http://kimho:406")],
    ["journey", (page) => page.locator(".panes button").nth(3).click()],
  ]],
];

/**
 * The structure of the map: how many things of each kind, and a digest of where they are. The frame is given a size of its own
 * for the moment, because what stands around it is as high as its letters.
 */
async function structure(page, narrow) {
  // What is under the pointer is lit, and what is under it depends on how high the letters are.
  await page.mouse.move(0, 0);
  const things = await page.evaluate(async (size) => {
    const frame = document.querySelector(".map > .map-frame");
    const shown = frame.offsetParent !== null;
    for (const [name, value] of Object.entries({ position: "fixed", inset: "0 auto auto 0", ...size })) {
      frame.style.setProperty(name, value);
    }
    const map = document.querySelector(".map");
    if (!shown) map.style.display = "grid";
    const round = (text) => text.replace(/-?\d+(\.\d+)?/g, (n) => Math.round(Number(n)));
    // In which order the classes behind the first one were set says nothing.
    const classes = (element) => {
      const [kind, ...more] = element.getAttribute("class").trim().split(/\s+/);
      return [kind, ...more.sort()].join(" ");
    };
    const look = () =>
      [...frame.querySelectorAll("g[class], rect[class], path[class]")].map((element) => {
        const own = ["x", "y", "width", "height", "d", "transform"].map((name) => element.getAttribute(name) ?? "");
        return [classes(element), round(own.join(" ")), element.querySelectorAll(":scope > text").length];
      });
    // The map learns of its new size after a frame, and is drawn anew in the next: until it stays as it is.
    let list = [];
    for (let before; (before = JSON.stringify(list)), (list = look()), JSON.stringify(list) !== before; ) {
      for (let i = 0; i < 4; i++) await new Promise(requestAnimationFrame);
      await new Promise((done) => setTimeout(done, 60));
    }
    frame.removeAttribute("style");
    map.style.display = "";
    return list;
  }, narrow ? { width: "390px", height: "560px" } : { width: "990px", height: "460px" });
  const counts = {};
  for (const [name] of things) {
    const kind = name.split(" ")[0];
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  const digest = createHash("sha256").update(JSON.stringify(things)).digest("hex").slice(0, 12);
  const told = Object.entries(counts).sort().map(([kind, n]) => `${kind} ${n}`);
  return `${told.join(", ")}; ${digest}`;
}

for (const [theme, lang, width, states] of VISITS) {
  test(`pictures: ${theme}, ${lang}, ${width} px`, async (t) => {
    const { page, complaints } = await open(t, browser, {
      locale: lang === "ko" ? "ko-KR" : "en-GB",
      colorScheme: theme === "dark" ? "dark" : "light",
      reducedMotion: "reduce",
      viewport: { width, height: width < 500 ? 844 : 900 },
    });
    await ready(page);
    if (theme === "contrast") await page.evaluate(() => (document.documentElement.dataset.theme = "contrast"));
    const differ = [];
    for (const [state, go] of states) {
      await go(page);
      const name = `${state}-${theme}-${lang}-${width}`;
      await picture(page, name);
      const now = await structure(page, width < 500);
      found.set(name, now);
      if (!process.env.UPDATE && written.get(name) !== now) differ.push(`${name}\n  was ${written.get(name)}\n  is  ${now}`);
    }
    assert.deepEqual(differ, [], `look at ${PICTURES}, and update pictures.tsv if it is as it should be`);
    assert.deepEqual(complaints, []);
  });
}
