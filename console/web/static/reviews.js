/* The queue by keyboard: j and k move, Enter opens, x selects; a letter that answers (data-key, in app.js) means what is selected,
   or the question that one stands on. Without this script the same is done by boxes, links and buttons. */
"use strict";

document.querySelectorAll("[data-queue]").forEach((queue) => {
  const rows = [...queue.querySelectorAll("[data-row]")];
  const box = (row) => row.querySelector('input[name="ids"]');
  const told = queue.querySelector("[data-selected]");
  const whole = queue.querySelector("[data-whole]");
  const here = () => rows.findIndex((row) => row.contains(document.activeElement));
  const tell = () => {
    const count = rows.filter((row) => box(row)?.checked).length;
    if (told && count) told.textContent = told.dataset.text.replace("#", count);
  };
  const move = (to) => rows[Math.max(0, Math.min(rows.length - 1, to))]?.querySelector("[data-open]").focus();

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), textarea, select, dialog[open]")) return;
    const at = here();
    if (event.key === "j" || event.key === "ArrowDown") { event.preventDefault(); move(at + 1); }
    if (event.key === "k" || event.key === "ArrowUp") { event.preventDefault(); move(at < 0 ? 0 : at - 1); }
    if (event.key === "x" && at >= 0 && box(rows[at])) { event.preventDefault(); box(rows[at]).checked = !box(rows[at]).checked; tell(); }
    if (event.key.length === 1 && !"jkx".includes(event.key) && at >= 0) rows[at].dataset.last = "1";
  });

  queue.addEventListener("change", tell);
  queue.addEventListener("focusin", () => { rows.forEach((row) => row.toggleAttribute("data-here", row.contains(document.activeElement))); });
  queue.addEventListener("submit", () => {
    if (whole?.checked || rows.some((row) => box(row)?.checked)) return;
    const row = rows.find((one) => one.dataset.last) ?? rows.find((one) => one.hasAttribute("data-here"));
    if (row && box(row)) box(row).checked = true;
  });
});
