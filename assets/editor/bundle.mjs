// The bundle's entry. A module of it runs when it is first asked for, with all that it needs: so to run CodeMirror, which on a slow
// computer is noticed, is done in pieces, between which the browser draws and listens.
const PIECES = [() => import("./marks.mjs"), () => import("./look.mjs"), () => import("./language.mjs"), () => import("./editor.mjs")];

/** The module `editor.mjs`, when all of it has run. */
export async function run() {
  let last;
  for (const piece of PIECES) {
    await (globalThis.scheduler?.yield?.() ?? new Promise((goOn) => setTimeout(goOn)));
    last = await piece();
  }
  return last;
}
