// Stands in the page itself, before its style sheet, so that it runs before anything else has come.

// What is said while the page comes is said in the person's language (as src/app/session/mod.rs finds it).
{
  let language = navigator.language ?? "ko";
  try {
    language = localStorage.getItem("giljabi.lang") ?? language;
  } catch {
    // Storage is denied: nothing was chosen.
  }
  if (!/^ko/i.test(language)) document.documentElement.lang = "en";
}

// Where the page took its time to come, the program, which is most of what has to, sets out at once; on a quick line it waits until
// the page is painted (assets/boot.js), because it keeps the processor busy.
if (performance.now() > 200) {
  const program = (globalThis.giljabiProgram = fetch(document.querySelector("[name=giljabi-program]").content, { priority: "low" }));
  // Who takes it says what went wrong.
  program.catch(() => {});
}
