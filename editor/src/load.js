// The editor's bundle is a file beside the page, under a name that changes with its bytes; the page's head tells which.
let loading;

/** Loads the bundle once. After a failure (the network, say) the next call tries again. */
export function loadEditor() {
  loading ??= (async () => {
    const path = document.querySelector('meta[name="giljabi-editor"]')?.content;
    if (!path) throw new Error("the page does not name its editor bundle");
    const { run } = await import(new URL(path, document.baseURI).href);
    return run();
  })().catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

/** Waits until an element is to be seen: on a narrow screen the editor is behind its tab. */
export function whenSeen(element) {
  return new Promise((seen) => {
    const look = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      look.disconnect();
      seen();
    });
    look.observe(element);
  });
}

/** The sentences of the field reference, a file beside the page; empty when it cannot be had. */
export async function loadSentences() {
  try {
    const answer = await fetch(new URL("fields.tsv", document.baseURI));
    return answer.ok ? await answer.text() : "";
  } catch {
    return "";
  }
}
