// usage: node shot.mjs name [scheme] [locale] [w] [h] [script-file]
import { launch } from "./tests/e2e/browser.mjs";
import { serve } from "./tests/e2e/server.mjs";
const [name, scheme = "light", locale = "ko-KR", w = "1440", h = "900", js = ""] = process.argv.slice(2);
const b = await launch();
const server = await serve({});
const ctx = await b.newContext({ locale, colorScheme: scheme, viewport: { width: +w, height: +h } });
const page = await ctx.newPage();
page.on("console", (m) => ["error", "warning"].includes(m.type()) && console.log(m.type(), m.text()));
page.on("pageerror", (e) => console.log("pageerror", e.message));
await page.goto(server.url);
await page.locator(".cm-content").first().waitFor({ timeout: 15000 }).catch((e) => console.log(String(e).slice(0, 200)));
const shot = async (n) => page.screenshot({ path: `/tmp/shots/${n}.png` });
if (js) await (0, eval)(`async (page, shot) => { ${js} }`)(page, shot);
await page.waitForTimeout(200);
await shot(name);
await b.close();
await server.close();
