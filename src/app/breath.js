// Lets the browser draw and listen before what is left of a long piece of work.
export const breathe = () => globalThis.scheduler?.yield?.() ?? new Promise((goOn) => setTimeout(goOn));

/**
 * Who comes back has all of the program at hand (assets/site/sw.js), and waits for the start alone. That is over sooner in few pieces,
 * since between two of them the browser lays out what is there so far: so many milliseconds go by before the next breath.
 */
const PIECE = 100;
let since = 0;

/** A breath of the start. That it may be none is decided here: the program does the same in both cases. */
export function between() {
  if (navigator.serviceWorker?.controller && performance.now() - since < PIECE) return Promise.resolve();
  return breathe().then(() => (since = performance.now()));
}
