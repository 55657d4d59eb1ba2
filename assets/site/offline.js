// Registers the service worker of a release, and tells when another build is ready. The person decides when to change over:
// text and progress are kept in the browser before the page is opened anew.
const WORKER = document.querySelector('meta[name="giljabi-worker"]')?.content;

const WORDS = {
  ko: {
    ready: "새 버전이 준비됐어요. 쓰던 글과 진도는 그대로 남아요.",
    unkept: "새 버전이 준비됐어요. 다만 이 브라우저에 쓰던 글이 저장되지 않고 있으니, 먼저 링크나 파일로 남겨 주세요.",
    now: "지금 바꾸기",
    later: "나중에",
  },
  en: {
    ready: "A new version is ready. Your text and progress stay as they are.",
    unkept: "A new version is ready. But this browser does not keep your text: save it as a link or a file first.",
    now: "Change over now",
    later: "Later",
  },
};

/** Shows the notice, unless it is there. */
function tell(waiting) {
  if (document.getElementById("update")) return;
  const lang = document.documentElement.lang.startsWith("ko") ? "ko" : "en";
  const words = WORDS[lang];
  const box = document.createElement("aside");
  box.id = "update";
  box.className = "update";
  box.lang = lang;
  box.setAttribute("role", "status");
  const text = document.createElement("p");
  // The app says so where it cannot keep what is written (src/app/keep.rs).
  text.textContent = document.documentElement.dataset.kept === "no" ? words.unkept : words.ready;
  const button = (label, primary, act) => {
    const element = document.createElement("button");
    element.type = "button";
    element.className = primary ? "btn btn-primary" : "btn";
    element.textContent = label;
    element.addEventListener("click", act);
    return element;
  };
  const now = button(words.now, true, () => {
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
    waiting.postMessage("change over");
  });
  box.append(text, now, button(words.later, false, () => box.remove()));
  document.body.append(box);
}

function watch(registration) {
  const whenReady = (worker) => {
    if (worker.state === "installed" && navigator.serviceWorker.controller) tell(worker);
  };
  if (registration.waiting) whenReady(registration.waiting);
  registration.addEventListener("updatefound", () => {
    const worker = registration.installing;
    worker?.addEventListener("statechange", () => whenReady(worker));
  });
  // A page that stays open for days looks now and then.
  let last = Date.now();
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible" || Date.now() - last < 3_600_000) return;
    last = Date.now();
    registration.update().catch(() => {});
  });
}

if (WORKER && "serviceWorker" in navigator && isSecureContext) {
  // A frame of another site or a private window may refuse; then the page works with the network alone.
  navigator.serviceWorker.register(new URL(WORKER, document.baseURI)).then((registration) => registration && watch(registration), () => {});
}
