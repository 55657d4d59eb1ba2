// The service worker of a release: after the first visit everything is here, and the page opens without a network.
//
// A build is one whole: its files go into one cache, named after the build, and are served from there until another build
// has come completely and the person has agreed to change over. Nothing else is answered, and nothing is asked elsewhere.
// `assets/hooks/offline.mjs` puts the two values in.
import { plied } from "../strands.js";

const BUILD = __BUILD__;
const FILES = __FILES__;

const SCOPE = new URL(self.registration.scope);
const PREFIX = `giljabi ${SCOPE.pathname} `;
const CACHE = `${PREFIX}${BUILD}`;
const PAGE = SCOPE.href;

/**
 * The page, kept under the address of its folder, which people type. It is asked for by its name first: a bucket has nothing at
 * a folder. A host that sends one name to the other is followed, and what came that way is wrapped anew, because a browser
 * takes no answer to a visit that was sent elsewhere.
 */
async function keepPage(cache) {
  for (const name of ["index.html", "./"]) {
    const answer = await fetch(new Request(new URL(name, SCOPE), { cache: "reload" })).catch(() => undefined);
    if (!answer?.ok) continue;
    const text = await answer.text();
    if (!text.includes("giljabi-worker")) continue;
    return cache.put(PAGE, new Response(text, { headers: answer.headers }));
  }
  throw new Error("the page is not to be had");
}

/** A file. A part of the program is kept plied, so that who comes back does not have to do it again. */
async function keep(cache, file) {
  // Names that change with their bytes may come from the browser's own cache; the others must not.
  const request = new Request(new URL(file, SCOPE), { cache: /-[0-9a-f]{8,16}\.\w+$/.test(file) ? "default" : "reload" });
  if (!file.endsWith(".wasm")) return cache.add(request);
  const answer = await fetch(request);
  if (!answer.ok) throw new Error(`${answer.status}: ${file}`);
  return cache.put(request, plied(answer));
}

self.addEventListener("install", (event) => {
  const all = (cache) => Promise.all([keepPage(cache), ...FILES.map((file) => keep(cache, file))]);
  event.waitUntil(caches.open(CACHE).then(all));
});

self.addEventListener("activate", (event) => {
  const old = async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
    }
    await self.clients.claim();
  };
  event.waitUntil(old());
});

self.addEventListener("message", (event) => {
  if (event.data === "change over") self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || !url.href.startsWith(SCOPE.href)) return;
  url.search = "";
  url.hash = "";
  const page = request.mode === "navigate" && (url.href === PAGE || url.href === `${PAGE}index.html`);
  const answer = async () => {
    const cache = await caches.open(CACHE);
    return (await cache.match(page ? PAGE : url.href)) ?? fetch(request);
  };
  event.respondWith(answer());
});
