"""The frame of report's page: its style and its script. Nothing in it is loaded from elsewhere,
and its policy (Content-Security-Policy) makes the browser refuse what would be.

Thread safety: constants.
"""

from __future__ import annotations

from report_charts import escape

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "media-src data:; img-src data:"
)
# The 3D player has the policy of the page around it. It decompresses with WebAssembly, and reads
# pictures and the surroundings' light from its own text.
_PLAYERS_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline' 'wasm-unsafe-eval'; "
    "media-src data:; img-src data: blob:; connect-src data: blob:"
)

_STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1c2024; --faint: #667; --line: #dde;
  --card: #f6f7f9; --good: #14793a; --bad: #b3261e; --busy: #1f5fbf;
  --s0: #1f6fd0; --s1: #d9700a; --s2: #1c8c4a; --s3: #c02f3f; --s4: #7d52c0; --s5: #8a5a3c;
  --s6: #c44c9c; --s7: #5d6470; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14171a; --text: #e4e7ea; --faint: #99a3ad; --line: #31373d; --card: #1d2125;
    --good: #4cc27a; --bad: #ff8a80; --busy: #7db3ff;
    --s0: #6cb0ff; --s1: #ffad5c; --s2: #5fd08c; --s3: #ff8591; --s4: #c3a3ff; --s5: #d0a284;
    --s6: #ff9fd6; --s7: #aab3bf; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1180px; padding: 16px;
  background: var(--back); color: var(--text); overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; line-height: 1.25; }
h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; border-bottom: 1px solid var(--line); }
h3 { font-size: .9rem; margin: 0 0 .3rem; }
pre + h3, .scroll + h3 { margin-top: 1rem; }
small, .faint { color: var(--faint); font-weight: normal; }
.state { display: inline-block; padding: .1rem .6rem; border-radius: 1rem; color: var(--back);
  background: var(--busy); font-size: 1rem; vertical-align: middle; white-space: nowrap; }
.state.good { background: var(--good); } .state.bad { background: var(--bad); }
.facts, .charts { display: grid; gap: 10px; }
.facts { grid-template-columns: repeat(auto-fill, minmax(145px, 1fr)); margin: 1rem 0; }
.facts div, figure { background: var(--card); border-radius: 8px; padding: 10px; margin: 0; }
.facts b { display: block; font-size: 1.3rem; line-height: 1.3; }
.charts { grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); }
figure { min-width: 0; }
svg { width: 100%; display: block; touch-action: pan-y; }
svg text { font-size: 11px; fill: var(--faint); text-anchor: middle; }
svg text.y { text-anchor: end; }
.grid, .cursor { stroke: var(--line); } .cursor { stroke: var(--faint); display: none; }
.line { fill: none; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }
.key { margin-right: .8rem; white-space: nowrap; } .key::before { content: "\\25CF  "; }
.key b { font-weight: 600; color: var(--text); }
figcaption { font-size: .82rem; min-height: 1.5em; }
.at { color: var(--faint); }
.scroll { overflow-x: auto; max-height: 30rem; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
td, th { padding: .2rem .8rem .2rem 0; text-align: left; border-bottom: 1px solid var(--line);
  vertical-align: top; }
.numbers td, .numbers th { text-align: right; white-space: nowrap; }
td:first-child { white-space: nowrap; }
.marked { background: var(--card); font-weight: 600; }
pre { background: var(--card); border-radius: 8px; padding: 10px; overflow-x: auto; margin: .3rem 0;
  white-space: pre-wrap; font-size: .85rem; }
video { width: 100%; max-width: 720px; border-radius: 8px; display: block; background: #000; }
.player { margin-top: 1rem; }
.player iframe { width: 100%; height: min(70vh, 640px); border: 0; border-radius: 8px; }
button { font: inherit; padding: .4rem 1.2rem; border: 0; border-radius: 8px; cursor: pointer;
  background: var(--busy); color: var(--back); }
.chooser { max-width: 720px; } .chooser input { width: 100%; accent-color: var(--s0); }
summary { cursor: pointer; margin: .8rem 0 .4rem; }
.remark { border-left: 4px solid var(--bad); padding-left: .6rem; }
"""
_COLOURS = "".join(f".s{i} {{ stroke: var(--s{i}); color: var(--s{i}); }}\n" for i in range(8))

_SCRIPT = """
"use strict";
// The values of a chart's lines at the pointer.
for (const svg of document.querySelectorAll("svg[data-scale]")) {
  const scale = JSON.parse(svg.dataset.scale);
  const cursor = svg.querySelector(".cursor");
  const at = svg.parentElement.querySelector(".at");
  const keys = [...svg.parentElement.querySelectorAll(".key b")];
  const last = keys.map(key => key.textContent);
  const lines = [...svg.querySelectorAll(".line")].reverse().map(line =>
    line.getAttribute("d").slice(1).split("L").map(point => point.split(" ").map(Number)));
  const value = (at, [from, to, low, high]) => low + (at - from) / (to - from) * (high - low);
  const text = number => Number(number.toPrecision(4)).toLocaleString("en");
  const show = event => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * scale.width;
    const nearest = lines.map(line =>
      line.reduce((a, b) => Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a));
    const to = nearest.reduce((a, b) => Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a)[0];
    cursor.setAttribute("transform", `translate(${to})`);
    cursor.style.display = "inline";
    at.textContent = "at " + Math.round(value(to, scale.x)).toLocaleString("en") + " env steps";
    nearest.forEach((point, i) => {
      const y = value(point[1], scale.y);
      keys[i].textContent = text(scale.log ? 10 ** y : y);
    });
  };
  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerdown", show);
  svg.addEventListener("pointerleave", () => {
    cursor.style.display = "none";
    at.textContent = "";
    keys.forEach((key, i) => { key.textContent = last[i]; });
  });
}
// Which of the videos is shown.
const video = document.querySelector("video");
const slider = document.querySelector(".chooser input");
if (video && slider) {
  const others = [...document.querySelectorAll("script[data-video]")];
  const newest = video.src;
  slider.addEventListener("input", () => {
    const other = others[slider.value];
    video.src = other ? "data:video/mp4;base64," + other.textContent : newest;
    const labels = document.querySelectorAll(".chooser li");
    labels.forEach((label, i) => { label.hidden = i != slider.value; });
    video.play();
  });
}
// The 3D player is a page of its own, which begins here.
const start = document.querySelector(".player button");
if (start) {
  start.addEventListener("click", () => {
    const frame = document.querySelector(".player iframe");
    frame.hidden = false;
    frame.srcdoc = frame.dataset.page;
    start.remove();
  });
}
"""


def page(title: str, body: str, *, plays: bool) -> str:
    """`plays`: `body` has a 3D player."""
    policy = _PLAYERS_POLICY if plays else _POLICY
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{_COLOURS}</style>\n</head>\n<body>\n"
        f"{body}\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )
