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
