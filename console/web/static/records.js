/* From the search down to what was found and back by the arrows; Enter opens the first, or the one that is chosen. */
"use strict";

document.addEventListener("keydown", (event) => {
  const search = event.target.closest("[data-search]");
  const item = event.target.closest("[data-item]");
  if (!search && !item) return;
  const items = [...document.querySelectorAll("[data-item]")];
  const place = item ? items.indexOf(item) : -1;
  if (event.key === "ArrowDown" && items[place + 1]) { event.preventDefault(); items[place + 1].focus(); }
  if (event.key === "ArrowUp" && item) { event.preventDefault(); (items[place - 1] ?? document.querySelector("[data-search]")).focus(); }
  if (event.key === "Enter" && search && items.length && document.querySelectorAll(".htmx-request").length === 0) { event.preventDefault(); items[0].click(); }
});
