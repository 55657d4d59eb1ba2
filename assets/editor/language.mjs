// The language of the files.
import { yaml } from "@codemirror/lang-yaml";

/** With colours and folds, by CodeMirror's own reading of YAML. */
export const coloured = yaml();
