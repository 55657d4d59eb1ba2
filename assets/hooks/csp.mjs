// The Content-Security-Policy of the built site: nothing from another origin, no inline style, no inline script but the one of
// assets/site/hurry.js, no eval but WASM's.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { transformSync } from "esbuild";

/** The one script that stands in the page itself: what it is may depend on nothing that changes, since its sum is in the policy. */
export const HURRY = transformSync(readFileSync(new URL("../site/hurry.js", import.meta.url), "utf8"), {
  minify: true,
  legalComments: "none",
}).code.trim();

export const CSP = [
  "default-src 'self'",
  `script-src 'self' 'wasm-unsafe-eval' 'sha256-${createHash("sha256").update(HURRY).digest("base64")}'`,
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");
