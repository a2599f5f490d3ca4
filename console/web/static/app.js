/* What htmx does not do: the theme, the keyboard, dialogs, and a word where the server cannot be reached. No inline script
   exists; elements say what they want with data- attributes. */
"use strict";

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
  const closer = event.target.closest("[data-close]");
  if (closer) closer.closest("dialog")?.close();
  const copier = event.target.closest("[data-copy]");
  if (copier) navigator.clipboard?.writeText(document.getElementById(copier.dataset.copy).textContent);
});

/* "/" goes to the search, "g" and a letter to a page (data-go on its link in the menu), "?" tells all keys of the page */
let going = 0;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    event.preventDefault();
    if (search) { search.focus(); search.select(); } else document.querySelector('[data-go="l"]')?.click();
  } else if (event.key === "?") {
    document.getElementById("keys")?.showModal();
  } else if (event.key === "g") {
    going = Date.now();
  } else if (Date.now() - going < 1500) {
    going = 0;
    document.querySelector(`[data-go="${CSS.escape(event.key)}"]`)?.click();
  } else {
    const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]:not([disabled])`);
    if (target) { event.preventDefault(); target.matches("input, select, textarea") ? target.focus() : target.click(); }
  }
});

/* forms that act as soon as something is chosen */
document.addEventListener("change", (event) => {
  if (event.target.closest("[data-submit-on-change]")) event.target.form?.requestSubmit();
});

/* what cannot be sent is said, and stays as it was typed */
const offline = () => document.getElementById("offline");
document.addEventListener("htmx:sendError", () => { if (offline()) offline().hidden = false; });
document.addEventListener("htmx:timeout", () => { if (offline()) offline().hidden = false; });
window.addEventListener("offline", () => { if (offline()) offline().hidden = false; });
/* a whole page that is sent into nothing would be lost for the browser's own error page: ask first whether the server is there */
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || !offline() || (navigator.onLine && offline().hidden)) return;
  event.preventDefault();
  const { target, submitter } = event;
  fetch("/health", { cache: "no-store" }).then(() => { offline().hidden = true; target.requestSubmit(submitter); }, () => { offline().hidden = false; });
});
window.addEventListener("online", () => { if (offline()) offline().hidden = true; });
document.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful && offline()) offline().hidden = true; });

/* what scrolls inside the page can be reached and scrolled by keyboard; what does not scroll is no stop on the way */
const SCROLLERS = ".table, .chart-scroll, .code, .tabs, .check-aside, .side, .inside";
const reachable = () => {
  for (const one of document.querySelectorAll(SCROLLERS)) {
    const scrolls = one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight;
    if (scrolls && !one.hasAttribute("tabindex")) { one.tabIndex = 0; one.dataset.reachable = ""; }
    else if (!scrolls && "reachable" in one.dataset) { one.removeAttribute("tabindex"); delete one.dataset.reachable; }
  }
};
document.addEventListener("htmx:afterSettle", reachable);
document.addEventListener("toggle", reachable, true);
window.addEventListener("resize", reachable);
reachable();

/* a table's rows by what is typed above it */
document.addEventListener("input", (event) => {
  const search = event.target.closest("[data-filter]");
  if (!search) return;
  const asked = search.value.trim().toLowerCase();
  for (const row of document.querySelectorAll(`${search.dataset.filter} > tbody > tr`))
    row.hidden = Boolean(asked) && !row.classList.contains("editing") && !row.textContent.toLowerCase().includes(asked);
});
