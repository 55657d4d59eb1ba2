// Starts the app: instantiates the WASM while it streams in, and says so in words when that fails or when the app stops.
// It is a file of its own because the page's Content-Security-Policy allows no inline script.

import { plied, pliedBytes } from "./strands.js";

const here = document.getElementById("boot");
const url = (path) => new URL(path, document.baseURI).href;

/** "" at the first start; at the second "?start=2": a script under a new address is a new instance, with a memory of its own. */
const again = new URL(import.meta.url).search;

/** What the app hangs onto the page beyond its own elements, so that a fresh one can take the place of one that stopped. */
const hung = (globalThis.giljabiHung ??= []);
const ear = EventTarget.prototype.addEventListener;
for (const target of [window, document]) {
  target.addEventListener = function (...listener) {
    hung.push([target, listener]);
    return ear.apply(target, listener);
  };
}

/** Takes everything of the app off the page. */
function clear() {
  for (const [target, listener] of hung.splice(0)) target.removeEventListener(...listener);
  for (let id = setTimeout(() => {}); id > 0; id -= 1) clearTimeout(id);
  for (let id = requestAnimationFrame(() => {}); id > 0; id -= 1) cancelAnimationFrame(id);
  document.body.replaceChildren();
}

/** Starts a new instance of everything in the place of the one that stopped. */
function goOn() {
  clear();
  const fresh = new URL(import.meta.url);
  fresh.search = `?start=${Number(again.split("=")[1] ?? 1) + 1}`;
  import(fresh.href).catch(() => location.reload());
}

/** The text that stands in the editor, for who stopped while typing it. */
function written() {
  const content = document.querySelector(".cm-content");
  return content?.cmTile?.view?.state.doc.toString() ?? content?.innerText ?? "";
}

/** The last thing a person sees when the app cannot go on: what happened, a report to copy, and ways to go on. */
function showFailure(titleKo, titleEn, detail, { started = false } = {}) {
  document.getElementById("starting")?.remove();
  if (document.getElementById("failure")) return;
  const text = started ? written() : "";
  const box = document.createElement("section");
  box.id = "failure";
  box.className = "failure";
  box.setAttribute("role", "alert");
  const line = (tag, words, lang) => {
    const element = document.createElement(tag);
    element.textContent = words;
    if (lang) element.lang = lang;
    box.append(element);
    return element;
  };
  const button = (words, primary, act) => {
    const element = line("button", words);
    element.type = "button";
    element.className = primary ? "btn btn-primary" : "btn";
    element.addEventListener("click", act);
    return element;
  };
  const copy = (what) => (event) => {
    const done = (sign) => event.target.append(` ${sign}`);
    Promise.resolve(navigator.clipboard?.writeText(what) ?? Promise.reject()).then(() => done("✓"), () => done("✕"));
  };
  line("h1", titleKo, "ko");
  line("p", titleEn, "en");
  if (started) {
    line("p", "쓰던 글과 진도는 이 브라우저에 남아 있어요. 이어서 하거나 다시 열 수 있어요.", "ko");
    line("p", "Your text and progress are kept in this browser. Go on, or reload.", "en");
  } else {
    line("p", "길잡이는 브라우저 안에 작은 쿠버네티스 클러스터를 만들어 움직여요. 그 클러스터가 WebAssembly라서, WebAssembly를 쓸 수 있는 브라우저가 필요해요.", "ko");
    line("p", "Giljabi builds a small Kubernetes cluster inside the browser. That cluster is WebAssembly, so it needs a browser that runs it.", "en");
  }
  const version = document.querySelector('meta[name="giljabi-version"]')?.content ?? "?";
  const report = `Giljabi ${version}\n${navigator.userAgent}\n${location.pathname}\n\n${detail}`;
  const again = started
    ? button("이어서 하기 · Go on", true, goOn)
    : button("다시 열기 · Reload", true, () => location.reload());
  if (started) button("다시 열기 · Reload", false, () => location.reload());
  button("알릴 내용 복사 · Copy the report", false, copy(report));
  if (text) button("쓰던 글 복사 · Copy my text", false, copy(text));
  line("pre", report);
  document.body.prepend(box);
  again.focus();
}

const showNoStart = (error) => showFailure("길잡이를 시작하지 못했어요", "Giljabi could not start", error);

// The app's panic handler (src/app/failure.rs) sends this event with the message: after a panic that WASM does not run again.
const stopped = (event) =>
  showFailure("프로그램 안에서 오류가 나서 멈췄어요", "The program met an error of its own and stopped", event.detail, { started: true });
ear.call(window, "giljabi:panic", stopped, { once: true });

/** Fetches a part of the program, which may be on its way already. */
async function fetched(path, early) {
  const response = await (early ?? fetch(url(path)));
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}: ${response.url}`);
  return response;
}

/** Lets the browser do something else. A page that nobody looks at has nothing to do, and its timers are late. */
const breath = () => !document.hidden && (globalThis.scheduler?.yield?.() ?? new Promise((next) => setTimeout(next)));

/** A breath when the last one is longer ago than a piece of work may take, in milliseconds. */
const PIECE = 4;
let breathed = 0;
function pace() {
  if (performance.now() - breathed < PIECE) return;
  return Promise.resolve(breath()).then(() => (breathed = performance.now()));
}

/** Compiles what was fetched, while it comes. */
const compiled = (response) => WebAssembly.compileStreaming(plied(response, pace));

/** The same answer; when so many of its bytes have come, or all of them, it calls `near`, once. */
function watched(response, bytes, near) {
  let open = Math.max(bytes, 1);
  const watch = new TransformStream({
    transform(chunk, out) {
      if (open > 0 && (open -= chunk.byteLength) <= 0) near();
      out.enqueue(chunk);
    },
    flush() {
      if (open > 0) near();
    },
  });
  return new Response(response.body.pipeThrough(watch), response);
}

/** The same beside the page's own thread, where there can be another. */
async function compiledAside(path) {
  const module = await new Promise((done) => {
    try {
      const worker = new Worker(url(here.dataset.compile));
      const end = (module) => {
        worker.terminate();
        done(module);
      };
      worker.onmessage = ({ data }) => end(data);
      worker.onerror = () => end();
      worker.onmessageerror = () => end();
      worker.postMessage(url(path));
    } catch {
      // A page may be denied workers.
      done();
    }
  });
  return module ?? compiled(await fetched(path));
}

/** The exports of the parts of the program that are there, by the names under which later parts import them. */
const lent = {};

/** A part of the program that comes later, and puts its functions into the first part's table. What is called before that waits. */
class Part {
  constructor(path, name, before) {
    this.path = path;
    this.name = name;
    /** The part that must be there before this one. */
    this.before = before;
    /** A development build is in one piece. */
    this.there = !path;
    /** Compiled, when that was done before the first part ran. */
    this.module = undefined;
  }

  /** Puts it in its place. */
  install(module) {
    if (this.there) return;
    this.before?.now();
    lent[this.name] = new WebAssembly.Instance(module, lent).exports;
    this.there = true;
  }

  /** Gets it while the caller waits: only when it is called before it has come. */
  now() {
    if (this.there) return;
    if (this.module) return this.install(this.module);
    rest.waited = true;
    try {
      const request = new XMLHttpRequest();
      request.open("GET", url(this.path), false);
      // A request that is waited for may not ask for bytes, but for a text whose characters are bytes.
      request.overrideMimeType("text/plain; charset=x-user-defined");
      request.send();
      if (request.status !== 200) throw new Error(`${request.status} ${request.statusText}: ${this.path}`);
      const bytes = Uint8Array.from(request.responseText, (char) => char.charCodeAt(0));
      this.install(new WebAssembly.Module(pliedBytes(bytes)));
    } catch (error) {
      // The caller cannot go on without it.
      showFailure("프로그램의 나머지를 불러오지 못했어요", "The rest of the program could not be loaded", error, { started: true });
      throw error;
    }
  }
}

// A release's WASM comes in four parts (assets/hooks/pack.mjs). The first draws the page around the map; while it does, the second
// is on its way, which draws the map and sends a request; while that is drawn, the third, which draws the panels. The last is
// fetched as soon as all is drawn.
const second = new Part(here.dataset.second, "s");
const third = new Part(here.dataset.third, "t", second);
const last = new Part(here.dataset.rest, "r", third);

/** Resolves when the first part is there, and has not run yet. */
let begun;
const begins = new Promise((done) => (begun = done));
/** What needs the second or third part waits for its promise (src/app/breath.rs), which these resolve. */
let drawable, panelled, whole;
/** Resolves when the app has got as far as the panels. */
let want;
const wanted = new Promise((done) => (want = done));

const rest = {
  /** Whether something was called before it had come. */
  waited: false,
  /** What may be done when the last part is there. */
  later: [],
  drawable: new Promise((done) => (drawable = done)),
  panelled: new Promise((done) => (panelled = done)),
  want,
  whole: new Promise((done) => (whole = done)),
  /** What the first part calls before it does something that only a later part can. */
  second: () => second.now(),
  third: () => third.now(),
  wait() {
    last.now();
    rest.arrived();
  },
  get there() {
    return last.there;
  },
  arrived() {
    whole();
    for (const act of rest.later.splice(0)) act();
  },
  /**
   * Gets all ahead of the first part's start, for who has more to open than the first parts alone can, and where nothing can
   * be waited for: offline, since a service worker does not see such a request.
   */
  async early() {
    if (last.there || !(hasMore() || navigator.onLine === false)) return;
    const get = async (part) => (part.module = await fetched(part.path).then(compiled));
    // What did not come is asked for again when it is needed.
    await Promise.all([second, third, last].map((part) => get(part).catch(() => {})));
  },
  /** The first part is there, and has not run yet. */
  ready(first) {
    rest.first = lent.f = first;
    // One that has not come holds up those behind it, and nobody waits for it yet.
    for (const part of [second, third, last]) {
      if (!part.module) break;
      part.install(part.module);
    }
    begun();
  },
  /** Gets the last part in the background. */
  async fetch() {
    if (last.there) return rest.arrived();
    try {
      last.install(await compiledAside(last.path));
      rest.arrived();
    } catch (error) {
      // Whoever needs it will ask again, and says so if it still cannot be had.
      console.info("giljabi: the rest of the program did not come yet:", error);
    }
  },
};
globalThis.giljabiRest = rest;

/**
 * Gets a part, puts it in its place when `before` is over, and says that it is `done`. When nearly all of its `size` has come, or it
 * is there already, it calls `near`.
 */
async function bring(part, before, done, size, near) {
  try {
    await ahead;
    // A development build is in one piece: nobody says of it that a part is there.
    if (!part.path) return done();
    if (part.there || part.module) {
      near?.();
    } else {
      const response = await fetched(part.path);
      part.module = await compiled(near ? watched(response, size - NEAR[1], near) : response);
    }
    await before;
    part.install(part.module);
    done();
  } catch (error) {
    showNoStart(error);
  }
}

/** Gets the styles of what the third part draws. Resolves when they are there, or cannot be had: all works without them, too. */
function styled() {
  const { styles } = here.dataset;
  // A development build has them from the start.
  if (!styles || document.querySelector(`link[href="${styles}"]`)) return;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.setAttribute("href", styles);
  // The page's own sheet stands behind it, and has the last word.
  document.querySelector("link[rel=stylesheet]").before(link);
  return new Promise((done) => (link.onload = link.onerror = done));
}

const bringThird = () => bring(third, Promise.all([rest.drawable, styled()]), panelled);
const bringSecond = (size, near) => bring(second, begins, drawable, size, near);

// What the garbage collector finds is given back by functions that may be in the rest, at a time that nobody knows: it can wait.
const Registry = globalThis.FinalizationRegistry;
if (Registry) {
  globalThis.FinalizationRegistry = class extends Registry {
    constructor(giveBack) {
      super((held) => (rest.there ? giveBack(held) : rest.later.push(() => giveBack(held))));
    }
  };
}

/** What the browser keeps of every visit, and the first part can read by itself. */
const USUAL = ["version", "lang", "theme", "url", "file", "left", "bottom"].map((name) => `giljabi.${name}`);

/** Whether there is more to open than a first visit has: a link, or something that was made here. */
function hasMore() {
  if (location.hash) return true;
  let kept;
  try {
    kept = Object.keys(localStorage);
  } catch {
    // Storage is denied: nothing was kept.
    return false;
  }
  return kept.some((name) => name.startsWith("giljabi.") && !USUAL.includes(name));
}

/**
 * When what the page says at first stands on the screen: the program, which keeps the processor busy, does not start before it. A
 * page that nobody looks at paints nothing, and is not waited for.
 */
function painted() {
  if (!globalThis.PerformanceObserver?.supportedEntryTypes?.includes("paint") || document.hidden) return;
  return new Promise((done) => {
    new PerformanceObserver((list) => list.getEntriesByName("first-contentful-paint").length > 0 && done())
      .observe({ type: "paint", buffered: true });
    setTimeout(done, 300);
  });
}

/**
 * Gets what keeps the page for later and tells of a new build (assets/site/offline.js). It waits until the page stands, from
 * whose line and processor it would take. One that does not come so far wants a new build most of all.
 */
const offline = () => here.dataset.offline && import(url(here.dataset.offline)).catch(() => {});
rest.whole.then(() => setTimeout(offline, 1000));
setTimeout(offline, 20_000);

/** Resolves when what must be there before the first part runs is there. */
const ahead = rest.early();

/**
 * With so many bytes of the first and of the second part still to come, the next one is asked for: about what comes while the
 * question travels. The first ends with data, which are large and quickly there.
 */
const NEAR = [250_000, 100_000];

/** Gets the first part, and the second and third in time. */
async function program(early) {
  const response = await fetched(here.dataset.wasm, early);
  const isBack = Boolean(navigator.serviceWorker?.controller);
  if (isBack || !early) {
    bringSecond();
    // Who comes back has all at hand; so the panels need not come before somebody can send.
    if (isBack) wanted.then(bringThird);
    else bringThird();
    return compiled(response);
  }
  // On a slow line one comes after the other.
  const [first, then] = (here.dataset.sizes ?? "0 0").split(" ").map(Number);
  return compiled(watched(response, first - NEAR[0], () => bringSecond(then, bringThird)));
}

try {
  if (typeof WebAssembly !== "object") throw new Error("this browser has no WebAssembly");
  // On a slow line the program has set out already (assets/site/hurry.js).
  const early = globalThis.giljabiProgram;
  delete globalThis.giljabiProgram;
  const loading = import(url(here.dataset.js) + again);
  // Who comes back has the program at hand, and has seen what stands here.
  if (!navigator.serviceWorker?.controller) await painted();
  const compiling = program(early);
  // A failed import below must not leave this promise's own failure unobserved.
  compiling.catch(() => {});
  const app = await loading;
  await ahead;
  // The app takes away what stands here for it once it is on the page itself.
  addEventListener("giljabi:drawn", () => rest.fetch(), { once: true });
  // To finish compiling, to make the instance and to run it are three tasks: between them the browser listens.
  const module = await compiling;
  await breath();
  await app.default({ module_or_path: module });
  await breath();
  app.begin();
  dispatchEvent(new CustomEvent("TrunkApplicationStarted", { detail: { wasm: compiling } }));
} catch (error) {
  showNoStart(error);
  throw error;
}
