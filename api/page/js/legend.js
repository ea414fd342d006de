// What the colours below the ground mean: the media of the pipes and how many there are.
import { make } from "./api.js";
import { figure, t, title } from "./i18n.js";

export function showLegend(city, on) {
  const box = document.getElementById("legend");
  const pipes = city.layers.find((layer) => layer.id === "pipes");
  box.hidden = !on || !pipes?.count;
  if (box.hidden) return;
  box.replaceChildren(make("h2", {}, t("legend")), ...pipes.classes.filter((each) => each.count).map((each) =>
    make("p", { "data-class": each.code }, make("i", { style: `background:${each.color}` }), make("span", {}, title(each.title)), make("em", {}, figure(each.count)))));
}
