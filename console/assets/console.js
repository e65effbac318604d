// What the pages do beyond htmx: theme, shortcuts, tabs, moments in the reader's time, charts. Without it people still sign in, read, filter and reply.
"use strict";
(() => {
  const all = (selector, within) => [...(within || document).querySelectorAll(selector)];
  const root = document.documentElement;
  const isDark = () => getComputedStyle(root).colorScheme === "dark";

  // The button goes to the other of the two, whatever the system says.
  function turnTheme() {
    for (const button of all("[data-theme-button]")) button.value = isDark() ? "light" : "dark";
  }

  // The page's language, in the way of the reader's country where that is his language.
  const written = (how) => {
    const own = (navigator.languages || []).find((name) => name.toLowerCase().startsWith(root.lang));
    return new Intl.DateTimeFormat(own || root.lang, how);
  };

  function inLocalTime(within) {
    const format = written({ dateStyle: "medium", timeStyle: "short" });
    for (const time of all("time[datetime]:not([title])", within)) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      time.title = time.textContent;
      time.textContent = format.format(at);
    }
  }

  function colour(name) {
    return getComputedStyle(root).getPropertyValue(name).trim();
  }

  const drawn = new Map();

  function draw(place) {
    const told = JSON.parse(place.dataset.chart);
    const inks = [colour("--accent"), colour("--amber")];
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px sans-serif" };
    const isBars = told.kind === "bars";
    const half = (told.x[1] - told.x[0]) * 0.6;
    const day = written({ day: "numeric", month: "short", timeZone: "UTC" });
    const date = written({ dateStyle: "medium", timeZone: "UTC" });
    const series = told.series.map((one, nth) => ({
      label: one.label,
      stroke: inks[nth],
      width: isBars ? 0 : 2,
      fill: isBars ? inks[nth] : undefined,
      paths: isBars ? uPlot.paths.bars({ size: [0.7, 40] }) : undefined,
      points: { show: !isBars, size: 7, fill: inks[nth] },
      value: (_, value) => (value == null ? "—" : told.unit ? value + " " + told.unit : value),
    }));
    const options = {
      width: place.clientWidth || 480,
      height: 230,
      cursor: { y: false },
      scales: { x: { time: true, range: (_, first, last) => [first - half, last + half] }, y: { range: (_, low, high) => [0, Math.max(high || 0, isBars ? 4 : 1) * 1.1] } },
      axes: [
        { ...axis, grid: { show: false }, values: (_, ticks) => ticks.map((tick) => day.format(new Date(tick * 1000))), space: 64 },
        { ...axis, size: 48, incrs: isBars ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] : undefined },
      ],
      series: [{ label: told.label, value: (_, at) => (at == null ? "—" : date.format(new Date(at * 1000))) }, ...series],
    };
    place.replaceChildren();
    const chart = new uPlot(options, [told.x, ...told.series.map((one) => one.values)], place);
    drawn.set(place, chart);
    place.dataset.drawn = "yes";
  }

  function drawAll(within) {
    for (const place of all("[data-chart]:not([data-drawn])", within)) draw(place);
  }

  addEventListener("resize", () => {
    for (const [place, chart] of drawn) {
      if (place.isConnected) chart.setSize({ width: place.clientWidth, height: 230 });
      else drawn.delete(place);
    }
  });

  function prepare(within) {
    turnTheme();
    inLocalTime(within);
    drawAll(within);
    root.dataset.ready = "yes";
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    turnTheme();
    for (const place of drawn.keys()) if (place.isConnected) draw(place);
  });

  function say(text) {
    const place = document.getElementById("said");
    if (place && text) place.textContent = text;
  }

  // Tabs: the arrows choose, Tab goes on.
  function choose(tab) {
    for (const other of all('[role="tab"]', tab.parentElement)) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
  }

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const tab = target && target.closest('[role="tab"]');
    if (tab) choose(tab);
    const opener = target && target.closest("[data-opens]");
    if (opener) document.getElementById(opener.dataset.opens).showModal();
  });

  function move(by) {
    const rows = all("a[data-row]");
    const at = rows.indexOf(document.activeElement);
    const to = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1)];
    if (to) to.focus();
  }

  let before = "";
  let forgetting = 0;

  function key(event) {
    const target = event.target;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && target.form && target.matches("textarea")) {
      event.preventDefault();
      target.form.requestSubmit();
      return;
    }
    const tab = target.closest && target.closest('[role="tab"]');
    if (tab && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
      const tabs = all('[role="tab"]', tab.parentElement);
      const next = tabs[(tabs.indexOf(tab) + (event.key === "ArrowRight" ? 1 : tabs.length - 1)) % tabs.length];
      choose(next);
      next.focus();
      return;
    }
    const writes = target.matches && target.matches("input:not([type=range]):not([type=checkbox]), textarea, select");
    if (writes || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (before === "g") {
      const way = document.querySelector('[data-key="g ' + CSS.escape(event.key) + '"]');
      before = "";
      if (way) {
        event.preventDefault();
        way.click();
        return;
      }
    }
    const acts = {
      "?": () => document.getElementById("help").showModal(),
      "/": () => { const field = document.querySelector("[data-search]"); if (field) field.focus(); },
      j: () => move(1),
      k: () => move(-1),
      c: () => { const way = document.querySelector('[data-key="c"]'); if (way) way.click(); },
      r: () => { const field = document.querySelector("[data-reply]"); if (field) { const tab = document.getElementById("tab-reply"); if (tab) choose(tab); field.focus(); } },
      g: () => { before = "g"; clearTimeout(forgetting); forgetting = setTimeout(() => { before = ""; }, 1500); },
    };
    if (acts[event.key]) {
      event.preventDefault();
      acts[event.key]();
    }
  }

  document.addEventListener("keydown", key);

  // htmx has put something new into the page.
  document.addEventListener("htmx:afterSettle", (event) => {
    const place = event.detail.elt || document;
    prepare(document);
    const asked = event.detail.requestConfig && event.detail.requestConfig.elt;
    if (asked && asked.dataset && asked.dataset.told) say(asked.dataset.told);
    // A whole page was followed to: who reads by ear or by keyboard begins at its content.
    if (place === document.body && document.activeElement === document.body) {
      const main = document.getElementById("main");
      if (main) main.focus({ preventScroll: true });
    }
  });
  document.addEventListener("htmx:sseMessage", (event) => {
    const rows = event.target.closest && event.target.closest("tbody");
    if (!rows) return;
    rows.firstElementChild?.classList.add("fresh");
    prepare(rows);
    while (rows.children.length > 500) rows.lastElementChild.remove();
  });

  const live = (is) => () => { for (const mark of all("[data-live]")) mark.classList.toggle("on", is); };
  document.addEventListener("htmx:sseOpen", live(true));
  document.addEventListener("htmx:sseError", live(false));
  document.addEventListener("htmx:sseClose", live(false));

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => prepare(document));
  else prepare(document);
})();
