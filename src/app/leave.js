// What leaves the page: files, the clipboard, the map as a picture, and the share link's compression.

/** Offers `data` as a file. */
export function save(name, type, data) {
  const url = URL.createObjectURL(new Blob([data], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function copy(text) {
  return navigator.clipboard.writeText(text);
}

/** Properties that make the look of the drawing; a file of its own has no style sheet. */
const LOOK = [
  "fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "opacity", "font-family", "font-size",
  "font-weight", "text-anchor", "text-decoration-line", "display",
];

/** The map as an SVG text that stands alone. */
export function mapSvg() {
  const drawn = document.querySelector(".map-main");
  const copy = drawn.cloneNode(true);
  const [from, to] = [drawn, copy].map((svg) => svg.querySelectorAll("*"));
  to.forEach((element, i) => {
    const style = getComputedStyle(from[i]);
    for (const name of LOOK) {
      const value = style.getPropertyValue(name);
      if (value && value !== "none") element.setAttribute(name, value);
      else if (name === "display" || name === "fill") element.setAttribute(name, value || "inline");
    }
    if (style.textDecorationLine === "line-through") element.setAttribute("text-decoration", "line-through");
    element.removeAttribute("class");
  });
  const [, , width, height] = drawn.getAttribute("viewBox").split(" ");
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  for (const name of ["class", "aria-hidden"]) copy.removeAttribute(name);
  const paper = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  paper.setAttribute("width", width);
  paper.setAttribute("height", height);
  paper.setAttribute("fill", getComputedStyle(document.querySelector(".map")).backgroundColor);
  copy.prepend(paper);
  return new XMLSerializer().serializeToString(copy);
}

/** Offers a drawing as a PNG, twice as fine as it is drawn. */
export async function savePng(name, svg) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.width * 2;
  canvas.height = image.height * 2;
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  save(name, "image/png", blob);
}

/** More than this a link does not unfold to. */
const MOST = 4_000_000;

async function through(stream, bytes) {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > MOST) {
      await reader.cancel();
      throw new Error("too large");
    }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** Text → what a URL's fragment can carry. */
export async function pack(text) {
  const bytes = await through(new CompressionStream("deflate-raw"), new TextEncoder().encode(text));
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** And back. */
export async function unpack(packed) {
  const binary = atob(packed.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
  return new TextDecoder().decode(await through(new DecompressionStream("deflate-raw"), bytes));
}
