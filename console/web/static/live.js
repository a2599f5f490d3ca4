/* What changes while a page is open. One stream from /live, only while the page is seen; the first thing that it says is how
   everything is now. An element shows a figure with data-live="counts.reviews"; with data-live-empty it hides at nought. A page
   that has to be drawn anew listens to live-run, live-counts, live-health or live-job on the body (hx-trigger="live-run from:body").
   [data-job] shows the steps of one job, and fires live-ended once it is over. */
"use strict";
(() => {
  let source = null;
  let again = 0;
  const last = {};
  const figure = (value) => typeof value === "number" ? new Intl.NumberFormat(document.documentElement.lang).format(value) : String(value ?? "");

  const show = (event, told) => {
    for (const element of document.querySelectorAll(`[data-live^="${event}."]`)) {
      const value = element.dataset.live.split(".").slice(1).reduce((found, name) => found?.[name], told);
      const text = figure(value);
      if (element.textContent !== text) element.textContent = text;
      if ("liveEmpty" in element.dataset) element.hidden = !value;
    }
  };

  const step = (list, [phase, place, count]) => {
    const key = `${phase} ${place}`;
    let row = [...list.children].find((one) => one.dataset.step === key);
    if (!row) {
      const template = document.getElementById("job-step");
      if (!template) return;
      row = template.content.firstElementChild.cloneNode(true);
      row.dataset.step = key;
      const words = JSON.parse(list.dataset.phases);
      row.querySelector("[data-phase]").textContent = words[phase] ?? phase;
      row.querySelector("[data-place]").textContent = place;
      list.append(row);
    }
    row.querySelector("[data-count]").textContent = figure(count);
  };

  const job = (told) => {
    for (const panel of document.querySelectorAll(`[data-job="${CSS.escape(told.id)}"]`)) {
      const list = panel.querySelector("[data-steps]");
      if (list) told.steps.forEach((one) => step(list, one));
      if (told.steps.length) panel.querySelector("[data-beginning]")?.remove();
      if (!told.running) panel.dispatchEvent(new CustomEvent("live-ended"));
    }
  };

  const hear = (event) => (message) => {
    const told = JSON.parse(message.data);
    const about = event === "job" ? `job ${told.id}` : event;
    const before = last[about];
    last[about] = message.data;
    if (event === "job") job(told); else show(event, told);
    /* what a page drew already is not drawn again: a job counts where it begins and where it ends */
    const begins = event === "job" && before === undefined && told.running;
    const ends = event === "job" && before !== undefined && !told.running && JSON.parse(before).running;
    const changed = event !== "job" && before !== undefined && before !== message.data;
    if (begins || ends || changed) document.body.dispatchEvent(new CustomEvent(`live-${event}`, { detail: told }));
  };

  const close = () => { source?.close(); source = null; clearTimeout(again); };
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource("/live");
    for (const event of ["counts", "health", "run", "job"]) source.addEventListener(event, hear(event));
    source.addEventListener("error", () => {
      if (source?.readyState !== EventSource.CLOSED) return; /* else the browser comes back by itself */
      close();
      again = setTimeout(open, 15000);
    });
  };
  document.addEventListener("visibilitychange", () => { document.hidden ? close() : open(); });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  document.addEventListener("htmx:afterSwap", () => { for (const [about, data] of Object.entries(last)) about.startsWith("job ") ? job(JSON.parse(data)) : show(about, JSON.parse(data)); });
  open();
})();
