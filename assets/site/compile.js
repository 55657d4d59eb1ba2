// Compiles a part of the program on a thread of its own, so that the page answers meanwhile (assets/boot.js). What cannot be
// compiled while it streams in is left to the page, which also says why something could not be had.
import { plied } from "../strands.js";

const compiled = async (path) => WebAssembly.compileStreaming(plied(await fetch(path)));

onmessage = async ({ data: path }) => postMessage(await compiled(path).catch(() => undefined));
