import { fileURLToPath } from "node:url";

/** Where the editor's bundle lies between its build and the page's: under target/, which trunk does not watch. */
export const EDITOR_BUNDLE = fileURLToPath(new URL("../../target/editor/editor.js", import.meta.url));
