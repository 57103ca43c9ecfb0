// Draws what stands in the tables of /insights; without it, the tables say the same.
"use strict";

const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3]];
const HEIGHT = 230;
const drawn = [];

// Colours are those of the page as it is now: light, dark, or on paper.
function colours(names) {
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement("i");
  document.body.append(probe);
  const found = names.map((name) => {
    probe.style.color = style.getPropertyValue(name) || "currentColor";
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return found;
}

function valuesOf(table, column) {
  return all("tbody tr", table).map((row) => {
    const value = row.cells[column].dataset.value;
    return value === undefined ? null : column === 0 ? Date.parse(value) / 1000 : Number(value);
  });
}

function draw(box) {
  const table = document.getElementById(box.dataset.chart);
  const columns = box.dataset.columns.split(",").map(Number);
  const unit = box.dataset.unit ? ` ${box.dataset.unit}` : "";
  const data = [0, ...columns].map((column) => valuesOf(table, column));
  if (data[0].length < 2) return;
  const [ink, line, ...series] = colours(["--soft", "--line", "--accent", "--good", "--series-3", "--series-4"]);
  const titles = all("thead th", table).map((head) => head.textContent);
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui, sans-serif" };
  const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
  box.replaceChildren();
  const chart = new uPlot({
    width: box.clientWidth,
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    scales: { y: { range: (_, __, most) => [0, Math.max(most * 1.08, 1)] } },
    axes: [
      { ...axis, values: (_, splits) => splits.map((at) => new Date(at * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" })), space: 70, splits: () => data[0].filter((_, n) => n % Math.ceil(data[0].length / Math.max(Math.floor(box.clientWidth / 80), 2)) === 0) },
      { ...axis, size: 58, values: (_, splits) => splits.map((value) => `${value.toLocaleString("en")}${unit}`) },
    ],
    cursor: { drag: { x: false, y: false } },
    legend: { live: true },
    series: [
      { label: titles[0], value: (_, at) => (at == null ? "" : day(at)) },
      ...columns.map((column, n) => ({
        label: titles[column],
        stroke: series[n],
        width: 2,
        dash: DASHES[n],
        points: { show: true, size: 6, fill: series[n] },
        value: (_, value, __, at) => (at == null ? "" : value == null ? "none" : `${value.toLocaleString("en", { maximumFractionDigits: 1 })}${unit}`),
      })),
    ],
  }, data, box);
  drawn.push({ box, chart });
}

function drawAll() {
  for (const { chart } of drawn.splice(0)) chart.destroy();
  for (const box of all(".chart")) draw(box);
}

drawAll();
let width = innerWidth;
addEventListener("resize", () => {
  if (width === innerWidth) return;
  width = innerWidth;
  drawAll();
});
addEventListener("beforeprint", drawAll);
addEventListener("afterprint", drawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
matchMedia("print").addEventListener("change", drawAll);
new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["data-theme"] });
