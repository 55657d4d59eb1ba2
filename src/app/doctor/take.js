// Takes files in: dropped on the page (folders, too), or chosen. Text only, bounded, never looked at as anything else.

const KINDS = /\.(ya?ml|json|txt)$/i;
const MOST_FILES = 2_000;
const MOST_BYTES = 64_000_000;

/** Reads files, and calls `take(names, texts, leftOut)`. */
async function read(files, take) {
  const names = [];
  const texts = [];
  let bytes = 0;
  let leftOut = 0;
  for (const { name, file } of files) {
    bytes += file.size;
    if (!KINDS.test(name) || names.length >= MOST_FILES || bytes > MOST_BYTES) {
      leftOut += 1;
      continue;
    }
    names.push(name);
    texts.push(await text(file));
  }
  take(names, texts, leftOut);
}

/** A file's text: UTF-8, or UTF-16 with its byte order mark, which is what a redirection on Windows may leave. */
async function text(file) {
  const [first, second] = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  const wide = { "255 254": "utf-16le", "254 255": "utf-16be" }[`${first} ${second}`];
  return wide ? new TextDecoder(wide).decode(await file.arrayBuffer()) : file.text();
}

/** Every file behind what was dropped, folders in folders included, in the order of their names. */
async function within(entries) {
  const found = [];
  const waiting = entries.map((entry) => ({ entry, depth: 0 }));
  while (waiting.length > 0 && found.length <= MOST_FILES) {
    const { entry, depth } = waiting.shift();
    if (entry.isFile) {
      const file = await new Promise((ok, no) => entry.file(ok, no));
      found.push({ name: entry.fullPath.replace(/^\//, ""), file });
    } else if (entry.isDirectory && depth < 16 && !entry.name.startsWith(".")) {
      const reader = entry.createReader();
      for (;;) {
        const part = await new Promise((ok, no) => reader.readEntries(ok, no));
        if (part.length === 0) break;
        waiting.push(...part.map((inner) => ({ entry: inner, depth: depth + 1 })));
      }
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");

/** Listens for files that are dropped anywhere on the page. */
export function listen(over, take) {
  let depth = 0;
  const on = (name, act) =>
    addEventListener(
      name,
      (event) => {
        if (!carriesFiles(event)) return;
        event.preventDefault();
        event.stopPropagation();
        act(event);
      },
      { capture: true },
    );
  on("dragenter", () => over((depth += 1) > 0));
  on("dragleave", () => over((depth -= 1) > 0));
  on("dragover", () => {});
  on("drop", (event) => {
    depth = 0;
    over(false);
    const items = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const plain = [...event.dataTransfer.files].map((file) => ({ name: file.name, file }));
    void (items.length > 0 ? within(items) : Promise.resolve(plain)).then((files) => read(files, take));
  });
}

/** Reads what was chosen in a file field, and empties it so that the same files can be chosen again. */
export function chosen(id, take) {
  const field = document.getElementById(id);
  const files = [...field.files].map((file) => ({ name: file.webkitRelativePath || file.name, file }));
  field.value = "";
  void read(files, take);
}
