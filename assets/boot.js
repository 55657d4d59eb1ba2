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
  dispatchEvent(new CustomEvent("TrunkApplicationStarted", { detail: { wasm } }));
} catch (error) {
  showFailure("길잡이를 시작하지 못했어요", "Giljabi could not start", error);
  throw error;
}
