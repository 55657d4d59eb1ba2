// Starts the app: instantiates the WASM while it streams in, and says so in words when that fails or when the app stops.
// It is a file of its own because the page's Content-Security-Policy allows no inline script.

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

/** Fetches it and compiles it. A host that does not know the type of WASM is none that can stream it. */
async function compiled(path, early) {
  const response = await fetched(path, early);
  const streams = response.headers.get("content-type") === "application/wasm";
  return streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
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
  return module ?? compiled(path);
}

// A release's WASM comes in two parts (assets/hooks/pack.mjs). The first can send a request by itself; the rest is fetched as
// soon as the page is drawn, and puts its functions into the first part's table. What the first part calls before that waits.
const rest = {
  /** The first part's exports, once it is there. */
  first: undefined,
  there: !here.dataset.rest,
  /** The rest, compiled before the first part runs. */
  module: undefined,
  /** Whether something was called before it had come. */
  waited: false,
  /** What may be done when the rest is there. */
  later: [],
  /** Puts the rest in its place. */
  install(module) {
    if (rest.there) return;
    new WebAssembly.Instance(module, { f: rest.first });
    rest.there = true;
    for (const act of rest.later.splice(0)) act();
  },
  /** Gets the rest while the caller waits: only when it is called before it has come. */
  wait() {
    if (rest.there) return;
    rest.waited = true;
    try {
      const request = new XMLHttpRequest();
      request.open("GET", url(here.dataset.rest), false);
      // A request that is waited for may not ask for bytes, but for a text whose characters are bytes.
      request.overrideMimeType("text/plain; charset=x-user-defined");
      request.send();
      if (request.status !== 200) throw new Error(`${request.status} ${request.statusText}: ${here.dataset.rest}`);
      rest.install(new WebAssembly.Module(Uint8Array.from(request.responseText, (char) => char.charCodeAt(0))));
    } catch (error) {
      // The caller cannot go on without it.
      showFailure("프로그램의 나머지를 불러오지 못했어요", "The rest of the program could not be loaded", error, { started: true });
      throw error;
    }
  },
  /**
   * Gets the rest ahead of the first part's start, for who has more to open than the first part alone can, and where nothing can
   * be waited for: offline, since a service worker does not see such a request.
   */
  async early() {
    if (rest.there || !(hasMore() || navigator.onLine === false)) return;
    rest.module = await compiled(here.dataset.rest).catch(() => undefined);
  },
  /** The first part is there, and has not run yet. */
  ready() {
    if (rest.module) rest.install(rest.module);
  },
  /** Gets the rest in the background. */
  async fetch() {
    if (rest.there) return;
    try {
      rest.install(await compiledAside(here.dataset.rest));
    } catch (error) {
      // Whoever needs it will ask again, and says so if it still cannot be had.
      console.info("giljabi: the rest of the program did not come yet:", error);
    }
  },
};
globalThis.giljabiRest = rest;

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
  try {
    return Object.keys(localStorage).some((name) => name.startsWith("giljabi.") && !USUAL.includes(name));
  } catch {
    // Storage is denied: nothing was kept.
    return false;
  }
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

try {
  if (typeof WebAssembly !== "object") throw new Error("this browser has no WebAssembly");
  // On a slow line the program has set out already (assets/site/hurry.js).
  const early = globalThis.giljabiProgram;
  delete globalThis.giljabiProgram;
  const all = rest.early();
  const loading = import(url(here.dataset.js) + again);
  // Who comes back has the program at hand, and has seen what stands here.
  if (!navigator.serviceWorker?.controller) await painted();
  const program = compiled(here.dataset.wasm, early);
  // A failed import below must not leave this promise's own failure unobserved.
  program.catch(() => {});
  const app = await loading;
  await all;
  // The app takes away what stands here for it once it is on the page itself.
  addEventListener("giljabi:drawn", () => rest.fetch(), { once: true });
  // To finish compiling, to make the instance and to run it are three tasks: between them the browser listens.
  const module = await program;
  await new Promise((next) => setTimeout(next));
  await app.default({ module_or_path: module });
  dispatchEvent(new CustomEvent("TrunkApplicationStarted", { detail: { wasm: program } }));
} catch (error) {
  showFailure("길잡이를 시작하지 못했어요", "Giljabi could not start", error);
  throw error;
}
