// What the program writes onto the learner's text without changing it: hop numbers in a gutter, lit lines and ranges.
import { RangeSet, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, GutterMarker, gutter } from "@codemirror/view";

/** Effect: `[{ line, marks: [{ label, kind }] }]`, all hop marks there are. `kind` is the end of a class name: `hop-dns`. */
export const setHops = StateEffect.define();

/** Effect: `[{ from, to, className }]` for ranges, `[{ line, className }]` for whole lines. */
export const setHighlights = StateEffect.define();

class HopMarker extends GutterMarker {
  constructor(marks) {
    super();
    this.marks = marks;
  }

  eq(other) {
    return (
      this.marks.length === other.marks.length &&
      this.marks.every(({ label, kind }, i) => label === other.marks[i].label && kind === other.marks[i].kind)
    );
  }

  toDOM() {
    const box = document.createElement("span");
    box.className = "hops";
    for (const { label, kind } of this.marks) {
      const mark = document.createElement("span");
      mark.className = `hop hop-${kind}`;
      mark.textContent = label;
      box.append(mark);
    }
    return box;
  }
}

const lineExists = (doc, line) => Number.isInteger(line) && line >= 1 && line <= doc.lines;

const hops = StateField.define({
  create: () => RangeSet.empty,
  update(set, transaction) {
    let next = set.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setHops)) continue;
      const { doc } = transaction.state;
      const ranges = effect.value
        .filter(({ line }) => lineExists(doc, line))
        .map(({ line, marks }) => new HopMarker(marks).range(doc.line(line).from));
      next = RangeSet.of(ranges, true);
    }
    return next;
  },
});

/** The gutter of hop numbers. `onMark(label, line)` is called when one is clicked. */
export function hopGutter(onMark) {
  return [
    hops,
    gutter({
      class: "cm-hops",
      markers: (view) => view.state.field(hops),
      domEventHandlers: {
        click(view, block, event) {
          const mark = event.target instanceof Element && event.target.closest(".hop");
          if (!mark) return false;
          onMark(mark.textContent, view.state.doc.lineAt(block.from).number);
          return true;
        },
      },
    }),
  ];
}

function decorationOf(doc, { from, to, line, className }) {
  if (lineExists(doc, line)) return [Decoration.line({ class: className }).range(doc.line(line).from)];
  const start = Math.max(0, from);
  const end = Math.min(to, doc.length);
  return start < end ? [Decoration.mark({ class: className }).range(start, end)] : [];
}

export const highlights = StateField.define({
  create: () => Decoration.none,
  update(set, transaction) {
    let next = set.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setHighlights)) continue;
      next = Decoration.set(effect.value.flatMap((each) => decorationOf(transaction.state.doc, each)), true);
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});
