// Lets the browser draw and listen before what is left of a long piece of work.
export const breathe = () => globalThis.scheduler?.yield?.() ?? new Promise((goOn) => setTimeout(goOn));
