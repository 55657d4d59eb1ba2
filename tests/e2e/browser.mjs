// A real headless Chromium with the built site open, and an ear for everything that it complains about.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { serve } from "./server.mjs";

/** How long something may take to come, in milliseconds; a long run beside other work waits longer. */
const PATIENCE = Number(process.env.PATIENCE ?? 30_000);

/**
 * With SLOW=n the page runs n times slower, and its frames and timers come late by up to 40 n milliseconds, each by a chance of its
 * own: so races of a test with the page show on a quick machine, which a slow or busy one would meet now and then.
 */
const SLOW = Number(process.env.SLOW ?? 1);

const CHROMES = [process.env.CHROME, "/usr/bin/chromium", "/usr/bin/google-chrome", "/usr/bin/chromium-browser"];

/** Where it is and how it is started: Chromium's own sandbox does not start as root, as tests in a container often run. */
function how() {
  const executablePath = CHROMES.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("no Chromium found: run `cargo xtask setup`, or name one in CHROME");
  return { executablePath, args: ["--no-sandbox"] };
}

/** Starts the browser that `cargo xtask setup` found or installed. */
export const launch = () => chromium.launch(how());

/**
 * The same with one context that is no private window, in a new profile of its own, where a frame of another site has a store.
 * Closing the context ends it.
 */
export function launchOpenly(options) {
  const { executablePath, args } = how();
  return chromium.launchPersistentContext("", { executablePath, args: [...args, "--disable-features=TrackingProtection3pcd"], ...options });
}

/**
 * Opens the site in a fresh profile, for the length of test `t`. `options` are Playwright's for the context (locale,
 * colorScheme, viewport…), `failing` the server's, `init` runs in the page before its own scripts. Returns the page, the site's address, and the list of complaints: errors
 * and warnings of the console, uncaught errors, violations of the Content-Security-Policy, requests to elsewhere.
 */
export async function open(t, browser, { failing, init, ...options } = {}) {
  const server = await serve({ failing });
  const context = await browser.newContext({ locale: "ko-KR", viewport: { width: 1440, height: 900 }, serviceWorkers: "block", ...options });
  context.setDefaultTimeout(PATIENCE);
  t.after(async () => {
    await context.close();
    await server.close();
  });
  if (SLOW > 1) await dawdle(context);
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    // The tool's own word on `serviceWorkers: "block"`.
    if (message.text().endsWith("blocked by Playwright")) return;
    if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    const local = ["data:", "blob:"].includes(protocol) || server.url.startsWith(`${origin}/`);
    if (!local) complaints.push(`request to elsewhere: ${request.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
    });
  });
  if (init) await page.addInitScript(init);
  await page.goto(server.url);
  return { page, url: server.url, complaints };
}

/** Makes the pages of a context slow, as SLOW asks. */
async function dawdle(context) {
  context.on("page", async (page) => {
    const devtools = await context.newCDPSession(page);
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: SLOW });
  });
  await context.addInitScript((longest) => {
    const late = (schedule) => (callback, ...rest) => schedule((...args) => setLate(() => callback(...args)), ...rest);
    const setLate = ((timer) => (callback) => timer(callback, Math.random() * longest))(globalThis.setTimeout.bind(globalThis));
    globalThis.requestAnimationFrame = late(globalThis.requestAnimationFrame.bind(globalThis));
  }, 40 * SLOW);
}

/**
 * Waits until the whole app is there: its dialogs, which are built last, and its editor. On a narrow screen the editor comes when its
 * tab is opened.
 */
export async function ready(page) {
  await page.locator("#starting").waitFor({ state: "detached" });
  await page.locator("dialog.doctor").waitFor({ state: "attached" });
  if (await page.locator(".code").isVisible()) await page.locator(".cm-content").first().waitFor();
}
