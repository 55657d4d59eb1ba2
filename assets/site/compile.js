// Compiles a part of the program on a thread of its own, so that the page answers meanwhile (assets/boot.js). What cannot be
// compiled while it streams in is left to the page, which also says why something could not be had.
onmessage = async ({ data: path }) => postMessage(await WebAssembly.compileStreaming(fetch(path)).catch(() => undefined));
