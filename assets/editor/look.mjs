// How the editor looks: the page's own colours (assets/app.css), so that a theme is switched in one place.
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--vip)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--pod)" },
  { tag: [tags.content, tags.attributeValue], color: "var(--ink)" },
  { tag: [tags.keyword, tags.meta, tags.typeName], color: "var(--l7)" },
  { tag: [tags.labelName, tags.special(tags.meta)], color: "var(--dns)" },
  { tag: [tags.lineComment, tags.separator, tags.punctuation, tags.squareBracket, tags.brace], color: "var(--soft)" },
]);

const surfaces = EditorView.theme({
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "var(--code)", fontSize: "var(--code-size)" },
  "&.cm-focused": { outline: "2px solid var(--vip)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-gutters": { color: "var(--soft)", backgroundColor: "var(--code)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--wash)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--wash)", outline: "1px solid var(--soft)" },
  ".cm-hops .cm-gutterElement": { display: "flex", alignItems: "center", justifyContent: "flex-end", padding: "0 3px" },
  ".cm-panels": { color: "var(--ink)", backgroundColor: "var(--panel)" },
  ".cm-panels.cm-panels-top": { borderBottom: "1px solid var(--line)" },
  ".cm-panels.cm-panels-bottom": { borderTop: "1px solid var(--line)" },
  ".cm-panel.cm-search": { padding: "4px 28px 4px 8px" },
  ".cm-panel.cm-search :is(input, button, label)": { fontSize: "13px", fontFamily: "var(--sans)" },
  ".cm-panel :is(.cm-textfield, .cm-button), .cm-panel.cm-search [name=close]": { minHeight: "24px", minWidth: "24px" },
  ".cm-textfield": { color: "var(--ink)", backgroundColor: "var(--code)", border: "1px solid var(--soft)" },
  ".cm-button": { color: "var(--ink)", backgroundImage: "none", backgroundColor: "var(--panel)", border: "1px solid var(--soft)" },
  ".cm-tooltip": { color: "var(--ink)", backgroundColor: "var(--panel)", border: "1px solid var(--line)", borderRadius: "7px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { color: "var(--on-colour)", backgroundColor: "var(--vip)" },
  // Where there is no room beside the list, what is told of an entry stands below it and hides none.
  ".cm-tooltip.cm-completionInfo.cm-completionInfo-right-narrow": { top: "100% !important", bottom: "auto !important", left: "0" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
  ".cm-completionDetail": { color: "var(--soft)", fontStyle: "normal" },
  "li[aria-selected] .cm-completionDetail": { color: "var(--on-colour)" },
  ".cm-searchMatch": { backgroundColor: "color-mix(in srgb, var(--nat) 25%, transparent)" },
  ".cm-searchMatch.cm-searchMatch-selected": { backgroundColor: "color-mix(in srgb, var(--nat) 45%, transparent)" },
  ".cm-diagnostic": { fontFamily: "var(--sans)", color: "var(--ink)", padding: "4px 8px 4px 10px", whiteSpace: "pre-wrap" },
  ".cm-diagnostic-error": { borderLeft: "4px solid var(--bad)" },
  ".cm-diagnostic-warning": { borderLeft: "4px solid var(--nat)" },
  ".cm-diagnostic-info, .cm-diagnostic-hint": { borderLeft: "4px solid var(--vip)" },
  ".cm-diagnosticAction": { color: "var(--on-colour)", backgroundColor: "var(--vip)", borderRadius: "6px", padding: "2px 8px" },
  ".cm-panel.cm-panel-lint ul [aria-selected]": { color: "var(--ink)", backgroundColor: "var(--wash)" },
  ".cm-lintRange": { backgroundImage: "none", textDecoration: "underline wavy", textUnderlineOffset: "3px" },
  ".cm-lintRange-error": { textDecorationColor: "var(--bad)" },
  ".cm-lintRange-warning": { textDecorationColor: "var(--nat)" },
  ".cm-lintRange-info, .cm-lintRange-hint": { textDecorationColor: "var(--vip)" },
  ".cm-specialChar": { color: "var(--bad)" },
});

export const look = [surfaces, syntaxHighlighting(colours)];
