// Draws each chart of the page from the specification beside it; vegaEmbed comes from vega.js.
"use strict";

const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;

function showTip(handler, event, item, value) {
  tip.hidden = !value;
  if (!value) return;
  tip.textContent = value;
  const left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${event.clientY + 16}px`;
}

async function draw() {
  document.body.append(tip);
  const places = [...document.querySelectorAll("[data-chart]")];
  const drawn = await Promise.allSettled(places.map((place) => {
    const specification = JSON.parse(document.getElementById(`${place.dataset.chart}-chart`).textContent);
    // ast: expressions are interpreted, for the page's policy forbids to compile them.
    return vegaEmbed(place, specification, {
      ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip: showTip,
    });
  }));
  drawn.filter((outcome) => outcome.status === "rejected").forEach((outcome) => console.error(outcome.reason));
  document.body.dataset.ready = String(drawn.length);
}

draw();
