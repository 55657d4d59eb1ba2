// What the lesson screens need of the browser: the lessons' texts, files that somebody picks, the site's own files.

/** A text that the page's head names: <meta name="giljabi-lessons-…" content="./file">. */
export async function loadText(name) {
  const path = document.querySelector(`meta[name="giljabi-lessons-${name}"]`)?.content;
  if (!path) throw new Error(`the page does not name its lessons (${name})`);
  const answer = await fetch(new URL(path, document.baseURI));
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}: ${answer.url}`);
  return answer.text();
}

/** The texts of files, in their order: [name, text] each. A file above `most` bytes is cut just above it, so that who reads it can tell. */
export async function readFiles(files, most) {
  return Promise.all(
    Array.from(files, async (file) => {
      const part = file.size > most ? file.slice(0, most + 1) : file;
      return [file.name, await part.text()];
    }),
  );
}

/** The files of this site, as its list names them: [path, bytes] each. */
export async function siteFiles() {
  const get = async (path) => {
    const answer = await fetch(new URL(path, document.baseURI));
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}: ${answer.url}`);
    return answer;
  };
  const names = (await (await get("files.txt")).text()).split("\n").filter(Boolean);
  return Promise.all(names.map(async (name) => [name, new Uint8Array(await (await get(name)).arrayBuffer())]));
}
