// Starts the app: instantiates the WASM while it streams in, and says so in words when that fails or when the app stops.
// It is a file of its own because the page's Content-Security-Policy allows no inline script.

const here = document.getElementById("boot");
const url = (path) => new URL(path, document.baseURI).href;

/** The last thing a person sees when the app cannot go on: what happened, and a way to start again. */
function showFailure(titleKo, titleEn, detail) {
  document.getElementById("starting")?.remove();
  if (document.getElementById("failure")) return;
  const box = document.createElement("section");
  box.id = "failure";
  box.className = "failure";
  box.setAttribute("role", "alert");
  const line = (tag, text, lang) => {
    const element = document.createElement(tag);
    element.textContent = text;
    if (lang) element.lang = lang;
    box.append(element);
    return element;
  };
  line("h1", titleKo, "ko");
  line("p", titleEn, "en");
  line("p", "쓰던 글은 이 브라우저에 남아 있어요. 다시 열면 이어서 할 수 있어요.", "ko");
  line("p", "Your text is kept in this browser. Reload to go on with it.", "en");
  const again = line("button", "다시 열기 · Reload");
  again.type = "button";
  again.className = "btn";
  again.addEventListener("click", () => location.reload());
  line("pre", String(detail));
  document.body.prepend(box);
  again.focus();
}

// The app's panic handler (src/app/failure.rs) sends this event with the message: after a panic the WASM does not run again.
addEventListener("giljabi:panic", (event) => {
  showFailure("프로그램 안에서 오류가 나서 멈췄어요", "The program met an error of its own and stopped", event.detail);
});

// A release's WASM comes in two parts (assets/hooks/pack.mjs). The first can send a request by itself; the rest is fetched as
// soon as the first runs, and puts its functions into the first part's table. What the first part calls before that waits.
const rest = {
  /** The first part's exports, once it is there. */
  first: undefined,
  there: !here.dataset.rest,
  /** Whether something was called before it had come. */
  waited: false,
  /** Puts the rest in its place. */
  install(module) {
    if (rest.there) return;
    new WebAssembly.Instance(module, { f: rest.first });
    rest.there = true;
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
      showFailure("프로그램의 나머지를 불러오지 못했어요", "The rest of the program could not be loaded", error);
      throw error;
    }
  },
  /** Gets the rest in the background. */
  async fetch() {
    if (rest.there) return;
    try {
      const response = await fetch(url(here.dataset.rest));
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}: ${response.url}`);
      // A host that does not know the type of WASM is none that can stream it.
      const streams = response.headers.get("content-type") === "application/wasm";
      rest.install(await (streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer())));
    } catch (error) {
      // Whoever needs it will ask again, and says so if it still cannot be had.
      console.info("giljabi: the rest of the program did not come yet:", error);
    }
  },
};
globalThis.giljabiRest = rest;

try {
  if (typeof WebAssembly !== "object") throw new Error("this browser has no WebAssembly");
  const wasm = fetch(url(here.dataset.wasm)).then((response) => {
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}: ${response.url}`);
    return response;
  });
  // A failed import below must not leave this promise's own failure unobserved.
  wasm.catch(() => {});
  const app = await import(url(here.dataset.js));
  await app.default({ module_or_path: wasm });
  document.getElementById("starting")?.remove();
  setTimeout(() => rest.fetch());
  dispatchEvent(new CustomEvent("TrunkApplicationStarted", { detail: { wasm } }));
} catch (error) {
  showFailure("길잡이를 시작하지 못했어요", "Giljabi could not start", error);
  throw error;
}
