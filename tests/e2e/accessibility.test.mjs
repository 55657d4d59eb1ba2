// axe finds nothing to object to, and every colour with a meaning can be read on every surface.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { objections } from "./hands.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

for (const colorScheme of ["light", "dark"]) {
  for (const [locale, width] of [
    ["ko-KR", 1440],
    ["en-GB", 390],
  ]) {
    test(`axe: ${colorScheme}, ${locale}, ${width} px`, async (t) => {
      const { page } = await open(t, browser, { colorScheme, locale, viewport: { width, height: 900 } });
      await ready(page);
      const { found, kept } = await objections(page);
      assert.deepEqual(found, []);
      assert.ok(kept > 10, "axe looked at something");
    });
  }
}

/** WCAG's contrast ratio of two colours [r, g, b]. */
function contrast(one, other) {
  const luminance = (rgb) => {
    const linear = rgb.map((value) => value / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const MEANINGS = ["dns", "vip", "nat", "pod", "l7", "bad"];
const SURFACES = ["paper", "panel", "code", "wash"];

for (const [theme, least] of [
  ["light", 4.5],
  ["dark", 4.5],
  ["contrast", 7],
]) {
  for (const colorScheme of ["light", "dark"]) {
    test(`contrast of the colours: ${theme} on a ${colorScheme} system`, async (t) => {
      const { page } = await open(t, browser, { colorScheme });
      await ready(page);
      const names = ["ink", "soft", "on-colour", ...MEANINGS, ...SURFACES];
      const colours = await page.evaluate(
        ([theme, names]) => {
          document.documentElement.dataset.theme = theme;
          const probe = document.createElement("i");
          document.body.append(probe);
          const read = (name) => {
            probe.style.color = `var(--${name})`;
            return getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
          };
          return Object.fromEntries(names.map((name) => [name, read(name)]));
        },
        [theme, names],
      );
      const words = ["ink", "soft", ...MEANINGS].flatMap((text) => SURFACES.map((surface) => [text, surface]));
      const badges = ["soft", ...MEANINGS].map((surface) => ["on-colour", surface]);
      const weak = [...words, ...badges]
        .map(([text, surface]) => [`${text} on ${surface}`, contrast(colours[text], colours[surface])])
        .filter(([, ratio]) => ratio < least)
        .map(([pair, ratio]) => `${pair}: ${ratio.toFixed(2)} < ${least}`);
      assert.deepEqual(weak, []);
    });
  }
}
