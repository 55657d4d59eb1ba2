// Packs the folder `lessons/` into three texts, as build.rs does for the native build: the lessons, and the words of each
// language. A text is a run of files, each behind a line `=== path`.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The three texts: { course, ko, en }. */
export async function packLessons(root = "lessons") {
  const packs = { course: "", ko: "", en: "" };
  const walk = async (folder, prefix) => {
    const entries = await readdir(folder, { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        await walk(path, `${prefix}${entry.name}/`);
        continue;
      }
      if (entry.name === "README.md") continue;
      const pack = entry.name === "ko.md" ? "ko" : entry.name === "en.md" ? "en" : "course";
      const text = await readFile(path, "utf8");
      packs[pack] += `=== ${prefix}${entry.name}\n${text}${text.endsWith("\n") ? "" : "\n"}`;
    }
  };
  await walk(root, "");
  return packs;
}
