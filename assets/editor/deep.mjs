// Texts that nest so deeply that CodeMirror's walk over their syntax tree, which calls itself, would end in a stack overflow.
// Nobody writes such YAML; somebody may send it. It is shown without colours.

/** More levels than this and the text has no syntax tree. */
const MOST = 1_000;
/** What opens a level at the start of a line: `- - - …`, `a: b: c: …`. */
const STEP = /(?:[-?:] |[^\s:]+: )\s*/y;

/** Whether the text may nest deeper than can be walked: by brackets, by indentation, or by what stands in one line. */
export function isTooDeep(doc) {
  let flow = 0;
  for (const lines = doc.iterLines(); !lines.next().done; ) {
    const line = lines.value;
    const indent = line.search(/\S/);
    if (indent > MOST) return true;
    STEP.lastIndex = Math.max(indent, 0);
    for (let steps = 0; STEP.test(line); steps++) if (steps > MOST) return true;
    for (let at = 0; at < line.length; at++) {
      const code = line.charCodeAt(at);
      // [ { and ] }
      if (code === 91 || code === 123) flow++;
      else if ((code === 93 || code === 125) && flow > 0) flow--;
      if (flow > MOST) return true;
    }
  }
  return false;
}
