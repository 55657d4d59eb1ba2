import { StateEffect, StateField } from "@codemirror/state";
import { keymap, showTooltip } from "@codemirror/view";

/** The card that hovering over a field shows: its path, its type, one sentence. All of it is text. */
export function hoverCard({ title, detail, text }) {
  const card = document.createElement("div");
  card.className = "hover-card";
  for (const [className, words] of [["hover-title", title], ["hover-detail", detail], ["hover-text", text]]) {
    if (!words) continue;
    const line = document.createElement("div");
    line.className = className;
    line.textContent = words;
    card.append(line);
  }
  return card;
}

/**
 * The same card for the keyboard: Ctrl+I (⌘I) shows what the mouse would show at the cursor, Escape or moving on puts it
 * away. `at` gives a tooltip for a position, or null.
 */
export function cardAtCursor(at) {
  const show = StateEffect.define();
  const shown = StateField.define({
    create: () => null,
    update(card, transaction) {
      for (const effect of transaction.effects) if (effect.is(show)) return effect.value;
      return transaction.docChanged || transaction.selection ? null : card;
    },
    provide: (field) => showTooltip.from(field),
  });
  const open = (view) => {
    const card = at(view, view.state.selection.main.head);
    view.dispatch({ effects: show.of(card) });
    return true;
  };
  const close = (view) => {
    if (!view.state.field(shown)) return false;
    view.dispatch({ effects: show.of(null) });
    return true;
  };
  return [shown, keymap.of([{ key: "Mod-i", run: open }, { key: "Escape", run: close }])];
}
