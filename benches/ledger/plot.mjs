// Draws ledger.tsv. Serve this folder with any static server (`python3 -m http.server` in it, say) and open it.
const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT] = [360, 130, 44];

const text = await (await fetch("ledger.tsv")).text();
/** commit, date, what, who, unit, median, lowest, highest */
const figures = text
  .split("\n")
  .filter((line) => line && !line.startsWith("#"))
  .map((line) => {
    const [commit, date, what, who, unit, ...numbers] = line.split("\t");
    const [median, low, high] = numbers.map(Number);
    return { commit, date, what, who, unit, median, low, high };
  });
const commits = [...new Set(figures.map(({ commit }) => commit))];

const element = (name, attributes = {}, ...children) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};
const shown = (value) => (Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3))));

function picture(what, unit, own) {
  const positive = own.flatMap(({ low, median, high }) => [low, median, high]).filter((value) => value > 0);
  // Nothing above zero has no logarithm; such a figure is drawn at the bottom.
  const [least, most] = positive.length ? [Math.min(...positive) / 1.2, Math.max(...positive) * 1.2] : [1, 10];
  const y = (value) => HEIGHT * (1 - Math.log(Math.max(value, least) / least) / Math.log(most / least));
  const x = (commit) => LEFT + ((WIDTH - LEFT) * (commits.indexOf(commit) + 0.5)) / commits.length;

  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + 24}`, role: "img", "aria-label": `${what}, ${unit}` });
  for (const value of [least, Math.sqrt(least * most), most]) {
    svg.append(
      element("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y(value), y2: y(value) }),
      element("text", { x: LEFT - 4, y: y(value) + 4, "text-anchor": "end" }, shown(value)),
    );
  }
  for (const commit of [commits[0], commits.at(-1)]) {
    svg.append(element("text", { x: x(commit), y: HEIGHT + 18, "text-anchor": "middle" }, commit));
  }
  const list = document.createElement("ul");
  const names = [...new Set(own.map(({ who }) => who))];
  names.forEach((who, index) => {
    const colour = `--colour: var(--${index % 4})`;
    const line = own.filter((each) => each.who === who);
    const group = element("g", { style: colour });
    const path = line.map(({ commit, median }, i) => `${i ? "L" : "M"}${x(commit)} ${y(median)}`).join("");
    group.append(element("path", { class: "series", d: path }));
    for (const { commit, date, median, low, high } of line) {
      const told = element("title", {}, `${commit} of ${date}: ${shown(median)} ${unit} (${shown(low)} to ${shown(high)})`);
      group.append(
        element("line", { class: "series", x1: x(commit), x2: x(commit), y1: y(low), y2: y(high) }),
        element("circle", { cx: x(commit), cy: y(median), r: 4 }, told),
      );
    }
    svg.append(group);
    const item = document.createElement("li");
    item.setAttribute("style", colour);
    item.textContent = `${who}: ${shown(line.at(-1).median)} ${unit}`;
    list.append(item);
  });
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = `${what} (${unit})`;
  figure.append(caption, svg, list);
  return figure;
}

const field = document.querySelector("input");
function draw() {
  const wanted = field.value.trim().toLowerCase();
  const kinds = new Map();
  for (const figure of figures) {
    const kind = `${figure.what}\t${figure.unit}`;
    if (!kind.toLowerCase().includes(wanted)) continue;
    kinds.set(kind, [...(kinds.get(kind) ?? []), figure]);
  }
  document.querySelector("main").replaceChildren(...[...kinds].map(([kind, own]) => picture(...kind.split("\t"), own)));
}
field.addEventListener("input", draw);
draw();
