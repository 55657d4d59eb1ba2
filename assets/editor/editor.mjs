// The editor: CodeMirror 6 behind a small face that editor/src/bridge.rs calls. Positions are UTF-16 code units from the
// start of the text, lines count from 1. Every text that comes in is set as text, never as HTML.
import { acceptCompletion, autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab, redo, undo } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { forEachDiagnostic, lintGutter, lintKeymap, openLintPanel, setDiagnostics } from "@codemirror/lint";
import { search, searchKeymap } from "@codemirror/search";
import { Annotation, Compartment, EditorState, Text } from "@codemirror/state";
import {
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  hoverTooltip,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { highlights, hopGutter, setHighlights, setHops } from "./marks.mjs";
import { isTooDeep } from "./deep.mjs";
import { cardAtCursor, hoverCard } from "./hover.mjs";
import { coloured } from "./language.mjs";
import { look } from "./look.mjs";

/** Marks a change that the program made, so that `onChange` tells of the person's changes alone. */
const fromProgram = Annotation.define();

const language = new Compartment();
const plain = [];
const languageFor = (doc) => (isTooDeep(doc) ? plain : coloured);

/** Longer than this nothing is pasted: it is twice what is read of a file, and a text of a hundred megabytes holds a page up. */
const MOST_PASTED = 8 << 20;

/** Refuses a text that is too long, and says so at the line where it would have come. */
function refuseTooLong(event, view) {
  if (!((event.clipboardData?.getData("text/plain").length ?? 0) > MOST_PASTED)) return false;
  event.preventDefault();
  const { from, to } = view.state.doc.lineAt(view.state.selection.main.head);
  const message = view.state.phrase("What you pasted is longer than 8 MB. Nothing was changed.");
  view.dispatch(setDiagnostics(view.state, [{ from, to, severity: "error", message }]));
  openLintPanel(view);
  return true;
}

/** Diagnostics in words, to compare them by. */
const words = (diagnostics) => JSON.stringify(diagnostics.toSorted((a, b) => a.from - b.from || a.to - b.to));

/** Carries out the first mend of the first problem on the cursor's line that has one. */
function mendHere(view) {
  const line = view.state.doc.lineAt(view.state.selection.main.head);
  let mend;
  forEachDiagnostic(view.state, (problem, from, to) => {
    if (!mend && problem.actions?.length && from <= line.to && to >= line.from) {
      mend = () => problem.actions[0].apply(view, from, to);
    }
  });
  mend?.();
  return !!mend;
}

class Editor {
  constructor(parent, options) {
    this.options = options;
    this.complete = null;
    this.hover = null;
    this.name = options.name ?? "";
    /** Files that are open but not shown: name → editor state, with its own undo history. */
    this.shelf = new Map();
    /** What waits for the end of an input method's composition: kind of change → change. */
    this.waiting = new Map();
    this.dark = new Compartment();
    this.words = new Compartment();
    this.writable = new Compartment();
    this.settings = { dark: !!options.dark, phrases: options.phrases ?? {}, readOnly: !!options.readOnly };
    this.parent = parent;
    this.state = this.stateOf(options.doc ?? "");
  }

  /** Puts it on the page. Nothing else may be asked of it before that. */
  open() {
    const { parent, state } = this;
    this.view = new EditorView({ parent, state });
    this.state = undefined;
  }

  stateOf(doc) {
    const { onChange, onCursor, onSubmit, onMark, label } = this.options;
    return EditorState.create({
      doc,
      extensions: [
        this.dark.of(EditorView.darkTheme.of(this.settings.dark)),
        this.words.of(EditorState.phrases.of(this.settings.phrases)),
        this.writable.of(EditorState.readOnly.of(this.settings.readOnly)),
        lintGutter(),
        lineNumbers(),
        hopGutter((label, line) => onMark?.(label, line)),
        highlights,
        highlightActiveLine(),
        highlightActiveLineGutter(),
        highlightSpecialChars({
          // Joiners, fillers and tags, beside the controls that it shows by itself: nothing in the text is unseen.
          addSpecialChars: /[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb]|\udb40[\udc00-\udfff]/gu,
        }),
        history(),
        language.of(languageFor(Text.of(doc.split(/\r\n?|\n/)))),
        EditorState.transactionExtender.of((change) => {
          // A few letters more do not make a text that deep; a paste may.
          const now = language.get(change.startState);
          let inserted = 0;
          change.changes.iterChanges((_from, _to, _start, _end, text) => (inserted += text.length));
          if (!change.docChanged || (now === coloured && inserted < 500)) return null;
          const next = languageFor(change.newDoc);
          return next === now ? null : { effects: language.reconfigure(next) };
        }),
        indentUnit.of("  "),
        indentOnInput(),
        bracketMatching(),
        search({ top: true }),
        autocompletion({ override: [(context) => this.completionsAt(context)], icons: false }),
        hoverTooltip((view, pos) => this.hoverAt(view, pos)),
        cardAtCursor((view, pos) => this.hoverAt(view, pos)),
        look,
        // Tab indents; a person on the keyboard leaves the editor with Escape, then Tab (CodeMirror's own convention).
        keymap.of([
          { key: "Mod-Enter", run: () => (onSubmit ? (onSubmit(), true) : false) },
          { key: "Mod-.", run: mendHere },
          { key: "Tab", run: acceptCompletion },
          ...lintKeymap,
          ...completionKeymap,
          ...searchKeymap,
          ...historyKeymap,
          indentWithTab,
          ...defaultKeymap,
        ]),
        EditorView.contentAttributes.of({ "aria-label": label ?? "YAML", spellcheck: "false", translate: "no", tabindex: "0" }),
        EditorView.updateListener.of((update) => {
          const changed = update.docChanged && !update.transactions.some((each) => each.annotation(fromProgram));
          if (changed) onChange?.();
          if (onCursor && (update.selectionSet || update.docChanged)) {
            const head = update.state.selection.main.head;
            onCursor(update.state.doc.lineAt(head).number, head);
          }
        }),
        EditorView.domEventHandlers({
          paste: refuseTooLong,
          // The composed text is in the document only after this event.
          compositionend: () => void setTimeout(() => this.applyWaiting()),
        }),
      ],
    });
  }

  completionsAt(context) {
    const found = this.complete?.(context.state.doc.toString(), context.pos, context.explicit);
    if (!found || !found.options.length) return null;
    return { from: found.from, options: found.options, validFor: /^[\w./-]*$/ };
  }

  hoverAt(view, pos) {
    const found = this.hover?.(view.state.doc.toString(), pos);
    return found ? { pos: found.from, end: found.to, above: true, create: () => ({ dom: hoverCard(found) }) } : null;
  }

  /** Changes decorations now, or once the input method is done: a change beside a composition can break a Korean syllable. */
  whenNotComposing(kind, change) {
    if (this.view.composing) this.waiting.set(kind, change);
    else change();
  }

  applyWaiting() {
    if (this.view.composing) return;
    const changes = [...this.waiting.values()];
    this.waiting.clear();
    for (const change of changes) change();
  }

  reconfigure() {
    const { dark, phrases, readOnly } = this.settings;
    this.view.dispatch({
      effects: [
        this.dark.reconfigure(EditorView.darkTheme.of(dark)),
        this.words.reconfigure(EditorState.phrases.of(phrases)),
        this.writable.reconfigure(EditorState.readOnly.of(readOnly)),
      ],
    });
  }

  set(name, value) {
    this.settings[name] = value;
    this.reconfigure();
  }

  setDark(dark) {
    this.set("dark", dark);
  }

  setPhrases(phrases) {
    this.set("phrases", phrases);
  }

  setReadOnly(readOnly) {
    this.set("readOnly", readOnly);
  }

  getDoc() {
    return this.view.state.doc.toString();
  }

  /** Whether an input method is in the middle of a syllable. */
  composing() {
    return this.view.composing;
  }

  /** Makes `text` the document, keeping what did not change. False: nothing was done (equal, or a composition is going on). */
  setDoc(text) {
    // CodeMirror keeps line breaks as "\n" whatever the text had.
    const next = text.replace(/\r\n?/g, "\n");
    const now = this.getDoc();
    if (now === next || this.view.composing) return false;
    const most = Math.min(now.length, next.length);
    let start = 0;
    while (start < most && now.charCodeAt(start) === next.charCodeAt(start)) start++;
    let end = 0;
    while (end < most - start && now.charCodeAt(now.length - 1 - end) === next.charCodeAt(next.length - 1 - end)) end++;
    this.replace(start, now.length - end, next.slice(start, next.length - end));
    return true;
  }

  /** Replaces a range; one step of undo. `onChange` does not tell of it. */
  replace(from, to, insert) {
    this.view.dispatch({ changes: { from, to, insert }, annotations: fromProgram.of(true), userEvent: "input.program" });
  }

  /** Shows another file. What was shown keeps its text, its cursor and its undo history under its own name. */
  openFile(name, text) {
    if (name !== this.name) {
      this.shelf.set(this.name, this.view.state);
      this.waiting.clear();
      this.view.setState(this.shelf.get(name) ?? this.stateOf(text));
      this.shelf.delete(name);
      this.name = name;
      this.reconfigure();
    }
    this.setDoc(text);
  }

  forgetFile(name) {
    this.shelf.delete(name);
  }

  setLint(diagnostics) {
    this.whenNotComposing("lint", () => {
      const length = this.view.state.doc.length;
      const clamp = (pos) => Math.max(0, Math.min(pos, length));
      const found = diagnostics.map(({ from, to, severity, message, source, actions }) => ({
        from: clamp(from),
        to: Math.max(clamp(from), clamp(to)),
        severity,
        message,
        source,
        actions: actions?.map(({ name, id }) => ({ name, id, apply: () => this.options.onAction?.(id) })),
      }));
      // The editor moves what it shows along with the text; most keys change nothing else.
      const shown = [];
      forEachDiagnostic(this.view.state, (diagnostic, from, to) => shown.push({ ...diagnostic, from, to }));
      if (words(shown) !== words(found)) this.view.dispatch(setDiagnostics(this.view.state, found));
    });
  }

  setGutter(lines) {
    this.whenNotComposing("gutter", () => this.view.dispatch({ effects: setHops.of(lines) }));
  }

  setHighlights(ranges) {
    this.whenNotComposing("highlights", () => this.view.dispatch({ effects: setHighlights.of(ranges) }));
  }

  setCompletion(source) {
    this.complete = source;
  }

  setHover(source) {
    this.hover = source;
  }

  focus() {
    this.view.focus();
  }

  /** Scrolls a line into view; with `select` the cursor goes there too. */
  revealLine(number, select) {
    const { doc } = this.view.state;
    const line = doc.line(Math.max(1, Math.min(number, doc.lines)));
    this.view.dispatch({
      effects: EditorView.scrollIntoView(line.from, { y: "center" }),
      selection: select ? { anchor: line.from + /^[\s-]*/.exec(line.text)[0].length } : undefined,
    });
  }

  undo() {
    return undo(this.view);
  }

  redo() {
    return redo(this.view);
  }

  /** A completion or a card that is still asked for afterwards asks nobody: who would answer is gone with the page. */
  destroy() {
    this.complete = null;
    this.hover = null;
    this.view.destroy();
  }
}

/**
 * Makes an editor that `open` puts into `parent`. Options: name, doc, label (for screen readers), dark, readOnly, phrases
 * (CodeMirror's English words → the page's language), and the callbacks onChange(), onCursor(line, pos), onSubmit(),
 * onMark(label, line), onAction(id).
 */
export function create(parent, options) {
  return new Editor(parent, options);
}
