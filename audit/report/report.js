"use strict";
/*
 * The page of an audit report. All data is in the block "data"; every text in it was chosen by programs
 * under audit and reaches the page through textContent only. Runs and denials are columns of numbers, and a
 * row exists as an element only while it is in sight.
 */
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const strings = data.strings, words = data.words, runs = data.runs, denials = data.denials, entries = data.entries;
  const runCount = data.run_count, entryTotal = data.entry_count, denialCount = data.denial_count;
  const STATUSES = ["ok", "nonzero", "signal", "limit", "refused", "error", "lost", "running"];
  const ROW_HEIGHT = 30, PRINT_ROWS = 120, SVG = "http://www.w3.org/2000/svg";

  /* ---- small tools ---- */

  const byId = (id) => document.getElementById(id);

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function shape(tag, attributes, text) {
    const made = document.createElementNS(SVG, tag);
    for (const name in attributes) made.setAttribute(name, attributes[name]);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  /* Characters that steer or hide text are shown as what they are. */
  const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
  const visible = (text) => text.replace(UNSAFE, (c) => "\\u{" + c.charCodeAt(0).toString(16).padStart(4, "0") + "}");
  const shownStrings = new Array(strings.length), shownWords = words.map(visible);
  const textOf = (number) => number === null ? "" : shownStrings[number] ?? (shownStrings[number] = visible(strings[number]));
  const wordOf = (number) => number === null ? "" : shownWords[number];
  const count = (n) => n < 1000 ? String(n) : String(n).replace(/\B(?=(\d{3})+$)/g, ",");

  function size(bytes) {
    if (bytes === null) return "";
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let at = 0;
    while (bytes >= 1024 && at < units.length - 1) { bytes /= 1024; at++; }
    return (at === 0 || bytes >= 100 ? Math.round(bytes) : bytes.toFixed(1)) + " " + units[at];
  }

  function duration(ns) {
    if (ns === null) return "";
    if (ns < 1e6) return Math.round(ns / 1e3) + " µs";
    if (ns < 1e9) return (ns < 1e7 ? (ns / 1e6).toFixed(1) : Math.round(ns / 1e6)) + " ms";
    if (ns < 6e10) return (ns / 1e9).toFixed(ns < 1e10 ? 2 : 1) + " s";
    const seconds = Math.round(ns / 1e9);
    if (seconds < 3600) return Math.floor(seconds / 60) + " min " + seconds % 60 + " s";
    return Math.floor(seconds / 3600) + " h " + Math.floor(seconds % 3600 / 60) + " min";
  }

  const time = (us) => us === null ? "" : new Date(us / 1000).toISOString().slice(0, 19).replace("T", " ");
  const share = (part, whole) => whole === null || whole === 0 || part === null ? null : part / whole;

  function plural(n, one, many) { return count(n) + " " + (n === 1 ? one : many); }

  /* ---- what the rows say ---- */

  /* A column that is one value has it for every row. */
  function spread(columns, length) {
    for (const name in columns) if (!Array.isArray(columns[name])) columns[name] = new Array(length).fill(columns[name]);
  }
  spread(runs, runCount);
  spread(entries, entryTotal);
  spread(denials, denialCount);
  for (const name of ["wall_ns", "cpu_ns", "limit_wall_ns", "limit_cpu_ns"]) {
    const column = runs[name]; /* comes in microseconds */
    for (let i = 0; i < runCount; i++) if (column[i] !== null) column[i] *= 1000;
  }
  for (let i = 0, before = 0; i < runCount; i++) before = runs.started_us[i] = before - runs.started_us[i];

  const status = new Array(runCount);
  for (let i = 0; i < runCount; i++) status[i] = words[runs.status[i]];
  const statusClass = (word) => "s-" + (STATUSES.includes(word) ? word : "lost");

  const noLabels = {}, readLabels = new Map();
  function labelsOf(i) {
    const number = runs.labels[i];
    if (number === null) return noLabels;
    let labels = readLabels.get(number);
    if (labels === undefined) {
      try { labels = JSON.parse(strings[number]); } catch (broken) { labels = noLabels; }
      if (labels === null || typeof labels !== "object") labels = noLabels;
      readLabels.set(number, labels);
    }
    return labels;
  }

  /* The denials of run i are from firstOf[i] to before firstOf[i + 1]; those of entry e are byEntry of as much. */
  const firstOf = new Uint32Array(runCount + 1), runOf = new Uint32Array(denialCount);
  const entryCount = new Float64Array(entryTotal), entryRuns = new Uint32Array(entryTotal);
  const entryFirst = new Uint32Array(entryTotal + 1), byEntry = new Uint32Array(denialCount);
  const entryLast = new Array(entryTotal);
  for (let i = 0; i < runCount; i++) {
    firstOf[i + 1] = firstOf[i] + runs.denials[i];
    runOf.fill(i, firstOf[i], firstOf[i + 1]);
  }
  {
    const seen = new Int32Array(entryTotal).fill(-1);
    for (let d = 0; d < denialCount; d++) {
      const entry = denials.entry[d];
      entryCount[entry] += denials.count[d];
      entryFirst[entry + 1]++;
      if (seen[entry] !== runOf[d]) { seen[entry] = runOf[d]; entryRuns[entry]++; }
    }
    for (let e = 0; e < entryTotal; e++) {
      entryFirst[e + 1] += entryFirst[e];
      entryLast[e] = data.made_us - entries.age_s[e] * 1e6;
    }
    const next = entryFirst.slice();
    for (let d = 0; d < denialCount; d++) byEntry[next[denials.entry[d]]++] = d;
  }
  function addRunsOf(set, entry) {
    for (let n = entryFirst[entry]; n < entryFirst[entry + 1]; n++) set.add(runOf[byEntry[n]]);
  }

  const memoryShare = (i) => share(runs.memory_peak_bytes[i], runs.limit_memory_bytes[i]);
  const timeShare = (i) => share(runs.wall_ns[i], runs.limit_wall_ns[i]);

  /* ---- a table of which only the rows in sight exist ---- */

  function makeTable(place, options) {
    const root = element("div", "grid-table of-" + options.id), inner = element("div", "grid-inner");
    const head = element("div", "head"), body = element("div", "body"), fill = element("div");
    const widths = options.columns.map((column) => column.width).join(" ");
    let order = [], at = -1, sortBy = options.sortBy, descending = options.descending, printing = false;
    const cellsOf = new Map();

    root.setAttribute("role", "grid");
    root.setAttribute("aria-label", options.label);
    inner.style.setProperty("--columns", widths);
    inner.style.setProperty("--least", options.least);
    head.setAttribute("role", "row");
    body.tabIndex = 0;
    body.setAttribute("role", "rowgroup");
    body.setAttribute("aria-label", options.label + ": arrow keys move, Enter opens");
    fill.setAttribute("role", "presentation");
    options.columns.forEach((column, index) => {
      const cell = element("span", column.number ? "num" : ""), button = element("button", "", column.title);
      cell.setAttribute("role", "columnheader");
      button.type = "button";
      button.addEventListener("click", () => {
        descending = sortBy === index ? !descending : Boolean(column.number);
        sortBy = index;
        sort();
        draw(true);
      });
      cell.append(button);
      head.append(cell);
    });
    body.append(fill);
    inner.append(head, body);
    root.append(inner);
    place.append(root);

    function sort() {
      const column = options.columns[sortBy], sign = descending ? -1 : 1;
      const keys = [];
      for (const id of order) keys[id] = column.key(id);
      order.sort((a, b) => {
        const x = keys[a], y = keys[b];
        if (x === y) return a - b;
        if (x === null || x === "") return 1;
        if (y === null || y === "") return -1;
        return x < y ? -sign : sign;
      });
      [...head.children].forEach((cell, index) => {
        if (index === sortBy) cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
        else cell.removeAttribute("aria-sort");
      });
    }

    function makeRow(position) {
      const row = element("div", "row" + (position === at ? " at" : ""));
      row.setAttribute("role", "row");
      row.setAttribute("aria-rowindex", position + 2);
      row.style.top = position * ROW_HEIGHT + "px";
      for (const column of options.columns) {
        const cell = element("div", "cell" + (column.number ? " num" : "") + (column.mono ? " mono" : ""));
        cell.setAttribute("role", "gridcell");
        column.show(cell, order[position]);
        if (!column.number) cell.title = cell.textContent;
        row.append(cell);
      }
      row.addEventListener("click", () => { choose(position); options.open(order[position]); });
      return row;
    }

    function draw(anew) {
      const first = printing ? 0 : Math.max(0, Math.floor(body.scrollTop / ROW_HEIGHT) - 8);
      const last = printing ? Math.min(order.length, PRINT_ROWS)
        : Math.min(order.length, Math.ceil((body.scrollTop + (body.clientHeight || 456)) / ROW_HEIGHT) + 8);
      if (anew) { fill.replaceChildren(); cellsOf.clear(); }
      fill.style.height = printing ? "auto" : order.length * ROW_HEIGHT + "px";
      fill.style.position = "relative";
      root.setAttribute("aria-rowcount", order.length + 1);
      for (const [position, row] of cellsOf) {
        if (position < first || position >= last) { row.remove(); cellsOf.delete(position); }
      }
      for (let position = first; position < last; position++) {
        if (!cellsOf.has(position)) {
          const row = makeRow(position);
          cellsOf.set(position, row);
          fill.append(row);
        }
      }
      if (order.length === 0) fill.append(element("p", "empty", options.nothing));
      if (printing && order.length > PRINT_ROWS)
        fill.append(element("p", "empty", "The first " + PRINT_ROWS + " of " + count(order.length) + "; the rest is in the file."));
    }

    function choose(position) {
      const before = cellsOf.get(at);
      if (before) before.classList.remove("at");
      at = Math.max(0, Math.min(order.length - 1, position));
      if (at * ROW_HEIGHT < body.scrollTop) body.scrollTop = at * ROW_HEIGHT;
      if ((at + 1) * ROW_HEIGHT > body.scrollTop + body.clientHeight) body.scrollTop = (at + 1) * ROW_HEIGHT - body.clientHeight;
      draw(false);
      const now = cellsOf.get(at);
      if (now) {
        now.classList.add("at");
        now.id = options.id + "-at";
        if (before) before.removeAttribute("id");
        body.setAttribute("aria-activedescendant", now.id);
      }
    }

    body.addEventListener("scroll", () => draw(false), { passive: true });
    body.addEventListener("keydown", (event) => {
      const page = Math.max(1, Math.floor(body.clientHeight / ROW_HEIGHT) - 1);
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: order.length - 1 }[event.key];
      if (to !== undefined && order.length > 0) { event.preventDefault(); choose(to); }
      else if (event.key === "Enter" && at >= 0 && at < order.length) { event.preventDefault(); options.open(order[at]); }
    });
    window.addEventListener("beforeprint", () => { printing = true; draw(true); });
    window.addEventListener("afterprint", () => { printing = false; draw(true); });

    return {
      show(ids) {
        order = ids;
        at = -1;
        body.removeAttribute("aria-activedescendant");
        sort();
        body.scrollTop = 0;
        draw(true);
      },
      focus() { body.focus(); },
      order: () => order,
    };
  }

  function showShare(cell, text, part) {
    cell.append(text);
    if (part === null) return;
    const of = element("span", "of"), bar = element("i", part >= 0.995 ? "full" : part >= 0.8 ? "near" : "");
    bar.style.width = Math.max(2, Math.min(100, part * 100)) + "%";
    of.title = Math.round(part * 100) + " % of the limit";
    of.append(bar);
    cell.append(of);
  }

  /* ---- filters over runs ---- */

  const filter = { words: [], status: new Set(), from: null, to: null, entry: null, denied: false };
  const searchable = new Array(runCount);

  function searchText(i) {
    if (searchable[i] === undefined)
      searchable[i] = [runs.run[i], textOf(runs.command[i]), textOf(runs.labels[i]), wordOf(runs.policy[i]), wordOf(runs.reason[i]),
        textOf(runs.session[i]), wordOf(runs.agent[i]), wordOf(runs.cwd[i]), textOf(runs.message[i])].join("\n").toLowerCase();
    return searchable[i];
  }

  function matches(i) {
    if (filter.status.size > 0 && !filter.status.has(status[i])) return false;
    if (filter.from !== null && (runs.started_us[i] < filter.from || runs.started_us[i] >= filter.to)) return false;
    if (filter.denied && !runs.denied_total[i]) return false;
    if (filter.entry !== null && !filter.entry.has(i)) return false;
    return filter.words.every((word) => searchText(i).includes(word));
  }

  const isFiltered = () => filter.words.length > 0 || filter.status.size > 0 || filter.from !== null || filter.entry !== null || filter.denied;
  const wordsOf = (input) => input.value.toLowerCase().split(/\s+/).filter((word) => word !== "");

  /* ---- runs ---- */

  const runColumns = [
    { title: "Started (UTC)", width: "184px", key: (i) => runs.started_us[i], show: (cell, i) => cell.append(time(runs.started_us[i])) },
    {
      title: "Status", width: "134px", key: (i) => status[i] + wordOf(runs.reason[i]),
      show: (cell, i) => cell.append(element("span", "dot " + statusClass(status[i])), visible(status[i]) + (runs.reason[i] !== null && wordOf(runs.reason[i]) !== "" ? " · " + wordOf(runs.reason[i]) : "")),
    },
    { title: "Command", width: "minmax(180px, 1fr)", mono: true, key: (i) => textOf(runs.command[i]), show: (cell, i) => cell.append(textOf(runs.command[i])) },
    { title: "Exit", width: "58px", number: true, key: (i) => runs.exit_code[i], show: (cell, i) => cell.append(runs.exit_code[i] === null ? "" : String(runs.exit_code[i])) },
    { title: "Time", width: "148px", number: true, key: (i) => runs.wall_ns[i], show: (cell, i) => showShare(cell, duration(runs.wall_ns[i]), timeShare(i)) },
    { title: "CPU", width: "92px", number: true, key: (i) => runs.cpu_ns[i], show: (cell, i) => cell.append(duration(runs.cpu_ns[i])) },
    { title: "Memory", width: "148px", number: true, key: (i) => runs.memory_peak_bytes[i], show: (cell, i) => showShare(cell, size(runs.memory_peak_bytes[i]), memoryShare(i)) },
    { title: "Denied", width: "78px", number: true, key: (i) => runs.denied_total[i], show: (cell, i) => cell.append(runs.denied_total[i] ? count(runs.denied_total[i]) : "–") },
  ];

  const runTable = makeTable(byId("runs-table"), {
    id: "run", label: "Runs", columns: runColumns, sortBy: 0, descending: true, least: "1000px",
    nothing: runCount === 0 ? "No run is in this report." : "No run matches.", open: openRun,
  });

  function showRuns() {
    const ids = [];
    for (let i = 0; i < runCount; i++) if (matches(i)) ids.push(i);
    runTable.show(ids);
    byId("runs-count").textContent = isFiltered() ? count(ids.length) + " of " + plural(runCount, "run", "runs") : plural(runCount, "run", "runs");
    byId("runs-clear").hidden = !isFiltered();
  }

  function makeChips() {
    const place = byId("runs-status");
    const chip = (text, className, press) => {
      const button = element("button");
      button.type = "button";
      button.setAttribute("aria-pressed", "false");
      if (className) button.append(element("span", "dot " + className));
      button.append(text);
      button.addEventListener("click", () => {
        const pressed = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(pressed));
        press(pressed);
        showRuns();
      });
      place.append(button);
    };
    for (const word of STATUSES) {
      let n = 0;
      for (let i = 0; i < runCount; i++) n += status[i] === word;
      if (n > 0) chip(word + " " + count(n), statusClass(word), (on) => on ? filter.status.add(word) : filter.status.delete(word));
    }
    let denied = 0;
    for (let i = 0; i < runCount; i++) denied += runs.denied_total[i] > 0;
    if (denied > 0) chip("denied something " + count(denied), "", (on) => { filter.denied = on; });
  }

  function clearFilters() {
    filter.words = [];
    filter.status.clear();
    filter.from = filter.to = filter.entry = null;
    filter.denied = false;
    byId("runs-search").value = "";
    for (const button of byId("runs-status").children) button.setAttribute("aria-pressed", "false");
    drawTimeline();
    showRuns();
  }

  /* ---- one run ---- */

  function fact(list, name, value) {
    if (value === "" || value === null || value === undefined) return;
    list.append(element("dt", "", name), element("dd", "", value));
  }

  const outOf = (text, limitText, part) => text === "" ? "" : limitText === "" ? text : text + " of " + limitText + (part === null ? "" : " (" + Math.round(part * 100) + " %)");

  function openRun(i) {
    const dialog = byId("detail"), sheet = element("div", "sheet"), top = element("div", "sheet-head");
    const title = element("h2", "", textOf(runs.command[i])), close = element("button", "", "Close");
    const facts = element("dl", "facts"), labels = labelsOf(i);

    title.id = "detail-title";
    close.type = "button";
    close.addEventListener("click", () => dialog.close());
    top.append(title, close);
    fact(facts, "Run", runs.run[i]);
    fact(facts, "Status", status[i] + (wordOf(runs.reason[i]) ? " (" + wordOf(runs.reason[i]) + ")" : "") + (runs.exit_code[i] === null ? "" : ", exit code " + runs.exit_code[i]) + (runs.signal[i] ? ", signal " + runs.signal[i] : ""));
    fact(facts, "Message", textOf(runs.message[i]));
    fact(facts, "Started", time(runs.started_us[i]) + " UTC");
    fact(facts, "Time", outOf(duration(runs.wall_ns[i]), duration(runs.limit_wall_ns[i]), timeShare(i)));
    fact(facts, "CPU time", outOf(duration(runs.cpu_ns[i]), duration(runs.limit_cpu_ns[i]), share(runs.cpu_ns[i], runs.limit_cpu_ns[i])));
    fact(facts, "Memory peak", outOf(size(runs.memory_peak_bytes[i]), size(runs.limit_memory_bytes[i]), memoryShare(i)));
    fact(facts, "Processes peak", runs.processes_peak[i] === null ? "" : count(runs.processes_peak[i]) + (runs.limit_procs[i] === null ? "" : " of " + count(runs.limit_procs[i])));
    fact(facts, "Read, written", runs.io_read_bytes[i] === null && runs.io_write_bytes[i] === null ? "" : size(runs.io_read_bytes[i] || 0) + ", " + size(runs.io_write_bytes[i] || 0));
    fact(facts, "Directory", wordOf(runs.cwd[i]));
    fact(facts, "Policy", wordOf(runs.policy[i]) + ", network " + wordOf(runs.network[i]));
    fact(facts, "Enforcement", wordOf(runs.enforcement[i]) + (wordOf(runs.missing[i]) ? ", without " + wordOf(runs.missing[i]) : ""));
    fact(facts, "Labels", Object.keys(labels).map((key) => visible(key + "=" + labels[key])).join("\n"));
    fact(facts, "Session", textOf(runs.session[i]));
    fact(facts, "Agent", wordOf(runs.agent[i]));
    fact(facts, "Host", wordOf(runs.hostname[i]));
    sheet.append(top, facts);
    const curves = makeCurves(i, Math.min(880, window.innerWidth * .94) - 42);
    if (curves !== null) sheet.append(element("h3", "", "Use over time"), curves);
    addDenials(sheet, i);
    dialog.replaceChildren(sheet);
    dialog.showModal();
  }

  /* ---- what a run used over time ---- */

  /* Points are [at ms, CPU ms, memory bytes, processes], each for the stretch that ends there; null is unknown. */
  const pointsOf = new Map(data.samples.run.map((i, at) => [i, data.samples.points[at]]));
  const seconds = (ms) => ms === 0 ? "0" : duration(ms * 1e6);

  /* The end of the scale: the values, and the limit where they come near it. */
  function scaleOf(values, limit, base) {
    const most = Math.max(...values.filter((value) => value !== null), 0);
    const wanted = limit !== null && limit <= most * 2.5 ? Math.max(limit * 1.04, most) : most * 1.04;
    let unit = base === 1024 ? 1 : base;
    while (base === 1024 && wanted / unit >= 1024) unit *= 1024;
    return niceTop(Math.ceil(wanted / unit)) * unit;
  }

  /* A stretch whose value is known is a step as wide as it took; where nothing is known there is a gap. */
  function drawCurve(width, { title, points, values, limit, show, base }) {
    const figure = element("figure"), caption = element("figcaption"), chart = element("div", "chart curve");
    const height = 124, left = 56, bottom = 18, top = 8, room = height - top - bottom;
    const end = points[points.length - 1][0] || 1, scale = scaleOf(values, limit, base) || 1;
    const most = Math.max(...values.filter((value) => value !== null), 0);
    const xOf = (ms) => (left + ms / end * (width - left - 4)).toFixed(1), yOf = (value) => (top + room * (1 - Math.min(1, value / scale))).toFixed(1);
    const svg = shape("svg", { viewBox: "0 0 " + width + " " + height, role: "img" });
    let line = "", area = "", before = 0, isOpen = false;

    for (const part of [0, 0.5, 1]) {
      const y = top + room * (1 - part);
      svg.append(shape("line", { class: "grid", x1: left, x2: width, y1: y, y2: y }));
      svg.append(shape("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, part === 0 ? "0" : show(scale * part)));
    }
    points.forEach((point, n) => {
      const x0 = xOf(before), x1 = xOf(point[0]), value = values[n];
      if (value !== null) {
        line += (isOpen ? "V" + yOf(value) : "M" + x0 + " " + yOf(value)) + "H" + x1;
        area += "M" + x0 + " " + yOf(0) + "V" + yOf(value) + "H" + x1 + "V" + yOf(0) + "Z";
      }
      isOpen = value !== null;
      before = point[0];
    });
    svg.append(shape("path", { class: "area", d: area }), shape("path", { class: "line", d: line }));
    if (limit !== null && limit <= scale) {
      svg.append(shape("line", { class: "bound", x1: left, x2: width, y1: yOf(limit), y2: yOf(limit) }));
      svg.append(shape("text", { class: "bound-text", x: left + 4, y: Number(yOf(limit)) + 13 }, "limit " + show(limit)));
    }
    svg.append(shape("text", { x: left, y: height - 3, "text-anchor": "start" }, "0"), shape("text", { x: width - 4, y: height - 3, "text-anchor": "end" }, seconds(end)));
    svg.setAttribute("aria-label", title + " over " + seconds(end) + ", at most " + show(most) + (limit === null ? "" : " of " + show(limit)));
    caption.append(element("b", "", title), element("span", "", "most " + show(most) + (limit === null ? "" : " of " + show(limit))));
    chart.append(svg);
    figure.append(caption, chart);
    return figure;
  }

  function makeCurves(i, room) {
    const points = pointsOf.get(i), curves = [];
    if (points === undefined || points.length === 0) return null;
    const place = element("div", "curves"), column = (at) => points.map((point) => point[at]);
    const known = (values) => values.some((value) => value !== null);
    const memory = column(2), processes = column(3), limitCpus = runs.limit_cpus_milli[i];
    const cpu = points.map((point, n) => {
      const before = n === 0 ? [0, 0] : points[n - 1], took = point[0] - before[0];
      return point[1] === null || before[1] === null || took <= 0 ? null : Math.max(0, (point[1] - before[1]) / took);
    });
    const cpus = (value) => value < 10 ? (value * 100).toFixed(0) + " %" : value.toFixed(0) + " CPUs";
    if (known(memory)) curves.push({ title: "Memory", points, values: memory, limit: runs.limit_memory_bytes[i], show: size, base: 1024 });
    if (known(cpu)) curves.push({ title: "CPU, of one", points, values: cpu, limit: limitCpus === null ? null : limitCpus / 1000, show: cpus, base: .01 });
    if (processes.some((value) => value > 1))
      curves.push({ title: "Processes", points, values: processes, limit: runs.limit_procs[i], show: (value) => Number.isInteger(value) ? count(value) : value.toFixed(1), base: 1 });
    const inRow = Math.max(1, Math.min(curves.length, Math.floor((room + 20) / 300)));
    for (const curve of curves) place.append(drawCurve(Math.max(240, Math.floor((room - 20 * (inRow - 1)) / inRow)), curve));
    return curves.length > 0 ? place : null;
  }

  /* Of one run alone it is on the page itself, so that it can be printed. */
  function showUsage() {
    const place = byId("usage-charts");
    byId("usage").hidden = runCount !== 1 || !pointsOf.has(0);
    if (byId("usage").hidden) return;
    const curves = makeCurves(0, Math.max(240, place.clientWidth));
    if (curves !== null) place.replaceChildren(curves);
  }

  function addDenials(sheet, i) {
    const mine = [], list = element("ul", "list");
    for (let d = firstOf[i]; d < firstOf[i + 1]; d++) mine.push(d);
    if (mine.length === 0) return;
    sheet.append(element("h3", "", "Denied accesses: " + count(mine.length)));
    mine.reverse(); /* they come last one first */
    for (const d of mine.slice(0, 200)) {
      const entry = denials.entry[d], item = element("li"), where = element("span", "where");
      where.append(textOf(entries.target[entry]));
      item.append(element("span", "num", count(denials.count[d]) + " ×"), element("span", "", wordOf(entries.op[entry])), where);
      where.title = [wordOf(entries.exe[entry]), wordOf(entries.rule[entry])].filter((text) => text).join(" · ");
      list.append(item);
    }
    sheet.append(list);
    if (mine.length > 200) sheet.append(element("p", "quiet small", "and " + count(mine.length - 200) + " more"));
  }

  /* ---- timeline ---- */

  const BARS = 96;
  let begin = Infinity, finish = -Infinity, barAt = -1;
  for (let i = 0; i < runCount; i++) {
    begin = Math.min(begin, runs.started_us[i]);
    finish = Math.max(finish, runs.started_us[i]);
  }
  if (runCount > 0 && finish - begin < 1e6) { begin -= 5e5; finish += 5e5; }
  const barSpan = runCount > 0 ? (finish - begin + 1) / BARS : 1;
  const barOf = (us) => Math.max(0, Math.min(BARS - 1, Math.floor((us - begin) / barSpan)));
  const bars = Array.from({ length: BARS }, () => new Uint32Array(STATUSES.length));
  for (let i = 0; i < runCount; i++) bars[barOf(runs.started_us[i])][Math.max(0, STATUSES.indexOf(status[i]))]++;
  const total = (bar) => bar.reduce((sum, n) => sum + n, 0);

  function niceTop(n) {
    const power = Math.pow(10, Math.floor(Math.log10(Math.max(1, n))));
    for (const step of [1, 1.2, 1.6, 2, 3, 4, 6, 8, 10]) if (power * step >= n) return Math.max(1, Math.ceil(power * step));
    return n;
  }

  function axisTime(us) {
    const text = time(us), span = finish - begin;
    return span > 3 * 864e8 ? text.slice(5, 10) : span > 864e8 ? text.slice(5, 16) : span > 6e8 ? text.slice(11, 16) : text.slice(11);
  }

  function drawTimeline() {
    const place = byId("timeline"), width = Math.max(280, place.clientWidth), height = 168, left = 40, bottom = 18, top = 8;
    const most = niceTop(Math.max(1, ...bars.map(total))), room = height - top - bottom;
    const step = (width - left) / BARS;
    const svg = shape("svg", { viewBox: "0 0 " + width + " " + height });

    for (const part of [0, 0.5, 1]) {
      const y = top + room * (1 - part);
      svg.append(shape("line", { class: "grid", x1: left, x2: width, y1: y, y2: y }));
      if (part === 0 || Number.isInteger(most * part)) svg.append(shape("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, count(most * part)));
    }
    const labels = Math.max(2, Math.min(8, Math.floor(width / 130)));
    for (let n = 0; n < labels && runCount > 0; n++) {
      const us = begin + (finish - begin) * n / (labels - 1);
      svg.append(shape("text", { x: left + (width - left) * n / (labels - 1), y: height - 3, "text-anchor": n === 0 ? "start" : n === labels - 1 ? "end" : "middle" }, axisTime(us)));
    }
    bars.forEach((bar, n) => {
      let y = top + room;
      const x = left + n * step, wide = Math.max(1, step - 1.5);
      STATUSES.forEach((word, kind) => {
        if (bar[kind] === 0) return;
        const tall = Math.max(0.6, bar[kind] / most * room);
        y -= tall;
        svg.append(shape("rect", { class: statusClass(word), x: x.toFixed(2), y: y.toFixed(2), width: wide.toFixed(2), height: tall.toFixed(2) }));
      });
      const hit = shape("rect", { class: "hit" + (n === barAt ? " at" : ""), x: x.toFixed(2), y: top, width: step.toFixed(2), height: room });
      hit.append(shape("title", {}, saysBar(n)));
      svg.append(hit);
    });
    if (filter.from !== null) {
      const x = left + (filter.from - begin) / barSpan * step, wide = (filter.to - filter.from) / barSpan * step;
      svg.append(shape("rect", { class: "range", x: x.toFixed(2), y: top, width: wide.toFixed(2), height: room, "pointer-events": "none" }));
    }
    place.replaceChildren(svg);
    place.setAttribute("aria-label", "Runs over time: " + plural(runCount, "run", "runs"));
  }

  function saysBar(n) {
    const parts = STATUSES.map((word, kind) => bars[n][kind] > 0 ? count(bars[n][kind]) + " " + word : "").filter((text) => text);
    return time(begin + n * barSpan) + " UTC: " + (parts.join(", ") || "no run");
  }

  function chooseBars(first, last) {
    filter.from = begin + Math.min(first, last) * barSpan;
    filter.to = begin + (Math.max(first, last) + 1) * barSpan;
    drawTimeline();
    showRuns();
  }

  function watchTimeline() {
    const place = byId("timeline");
    let from = null;
    const barUnder = (event) => {
      const box = place.getBoundingClientRect();
      return Math.max(0, Math.min(BARS - 1, Math.floor((event.clientX - box.left - 40) / ((box.width - 40) / BARS))));
    };
    place.addEventListener("pointerdown", (event) => {
      if (runCount === 0 || event.button !== 0) return;
      from = barUnder(event);
      place.setPointerCapture(event.pointerId);
    });
    place.addEventListener("pointerup", (event) => {
      if (from !== null) chooseBars(from, barUnder(event));
      from = null;
    });
    place.addEventListener("keydown", (event) => {
      const to = { ArrowRight: barAt + 1, ArrowLeft: barAt - 1, Home: 0, End: BARS - 1 }[event.key];
      if (runCount === 0) return;
      if (to !== undefined) {
        event.preventDefault();
        barAt = Math.max(0, Math.min(BARS - 1, to));
        byId("timeline-says").textContent = saysBar(barAt);
        drawTimeline();
      } else if (event.key === "Enter" && barAt >= 0) chooseBars(barAt, barAt);
      else if (event.key === "Escape") { barAt = -1; filter.from = filter.to = null; drawTimeline(); showRuns(); }
    });
    window.addEventListener("resize", drawAll);
    window.addEventListener("beforeprint", drawAll);
  }

  /* ---- how near runs came to a limit ---- */

  function drawShares(id, shareOf, unlimited) {
    const place = byId(id + "-chart"), width = Math.max(240, place.clientWidth), height = 132, left = 40, bottom = 18, top = 8;
    const room = height - top - bottom, buckets = new Uint32Array(21), step = (width - left) / buckets.length;
    let limited = 0, near = 0;
    for (let i = 0; i < runCount; i++) {
      const part = shareOf(i);
      if (part === null) continue;
      limited++;
      near += part >= 0.8;
      buckets[part >= 0.995 ? 20 : Math.max(0, Math.min(19, Math.floor(part * 20)))]++;
    }
    byId(id + "-count").textContent = limited === 0 ? "" : plural(limited, "run", "runs") + " with a limit, " + count(near) + " at 80 % or more";
    if (limited === 0) { place.replaceChildren(element("p", "empty", unlimited)); return; }
    const most = niceTop(Math.max(...buckets)), svg = shape("svg", { viewBox: "0 0 " + width + " " + height });
    for (const part of [0, 0.5, 1]) {
      const y = top + room * (1 - part);
      svg.append(shape("line", { class: "grid", x1: left, x2: width, y1: y, y2: y }));
      if (part === 0 || Number.isInteger(most * part)) svg.append(shape("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, count(most * part)));
    }
    for (const percent of [0, 20, 40, 60, 80])
      svg.append(shape("text", { x: left + percent / 5 * step, y: height - 3, "text-anchor": percent === 0 ? "start" : "middle" }, percent + " %"));
    svg.append(shape("text", { x: width, y: height - 3, "text-anchor": "end" }, "reached"));
    buckets.forEach((n, at) => {
      const tall = n === 0 ? 0 : Math.max(1, n / most * room);
      const bar = shape("rect", { class: at === 20 ? "s-limit" : at >= 16 ? "s-nonzero" : "s-ok", x: (left + at * step + 1).toFixed(2), y: (top + room - tall).toFixed(2), width: (step - 2).toFixed(2), height: tall.toFixed(2) });
      bar.append(shape("title", {}, plural(n, "run", "runs") + (at === 20 ? " reached the limit" : " at " + at * 5 + " to " + (at + 1) * 5 + " % of the limit")));
      svg.append(bar);
    });
    place.setAttribute("aria-label", byId(id + "-count").textContent);
    place.replaceChildren(svg);
  }

  function drawAll() {
    drawTimeline();
    drawShares("memory", memoryShare, "No run here had a memory limit.");
    drawShares("time", timeShare, "No run here had a time limit.");
    showUsage();
  }

  /* ---- denials ---- */

  /* Grouped rows; null: each row is an entry, and nothing is made for it. */
  let groups = null;
  const accessOf = (e) => wordOf(entries.class[e]) + " " + wordOf(entries.op[e]);
  const column = (title, width, ofGroup, ofEntry, more) => Object.assign({ title, width, key: (g) => groups === null ? ofEntry(g) : groups[g][ofGroup] }, more);
  const text = (title, width, ofGroup, ofEntry, mono) => {
    const made = column(title, width, ofGroup, ofEntry, { mono });
    made.show = (cell, g) => cell.append(made.key(g));
    return made;
  };
  const number = (title, width, ofGroup, ofEntry) => {
    const made = column(title, width, ofGroup, ofEntry, { number: true });
    made.show = (cell, g) => cell.append(count(made.key(g)));
    return made;
  };
  const lastColumn = column("Last (UTC)", "184px", "last", (e) => entryLast[e]);
  lastColumn.show = (cell, g) => cell.append(time(lastColumn.key(g)));
  const denialTable = makeTable(byId("denials-table"), {
    id: "denial", label: "Denied accesses",
    columns: [
      number("Count", "84px", "count", (e) => entryCount[e]),
      number("Runs", "76px", "runs", (e) => entryRuns[e]),
      text("Access", "130px", "access", accessOf),
      text("Path or address", "minmax(220px, 2fr)", "target", (e) => textOf(entries.target[e]), true),
      text("Program", "minmax(120px, 1fr)", "exe", (e) => wordOf(entries.exe[e]), true),
      text("Rule", "minmax(110px, .8fr)", "rule", (e) => wordOf(entries.rule[e])),
      lastColumn,
    ],
    sortBy: 0, descending: true, least: "980px",
    nothing: denialCount === 0 ? "Nothing was denied." : "Nothing matches.", open: openGroup,
  });

  function matchingEntries() {
    const wanted = wordsOf(byId("denials-search")), found = [];
    for (let e = 0; e < entryTotal; e++) {
      if (wanted.length > 0) {
        const all = (accessOf(e) + "\n" + textOf(entries.target[e]) + "\n" + wordOf(entries.exe[e]) + "\n" + wordOf(entries.rule[e])).toLowerCase();
        if (!wanted.every((word) => all.includes(word))) continue;
      }
      found.push(e);
    }
    return found;
  }

  /* Entries that share what is asked for; several texts in a column become "3 programs". */
  function groupEntries(found, by) {
    const many = { target: "paths", exe: "programs", rule: "rules", access: "kinds" }, groupOf = new Map();
    for (const e of found) {
      const key = entries[by][e];
      let group = groupOf.get(key);
      if (group === undefined) {
        group = { entries: [], count: 0, runs: 0, last: 0, sets: { target: new Set(), exe: new Set(), rule: new Set(), access: new Set() } };
        groupOf.set(key, group);
      }
      group.entries.push(e);
      group.count += entryCount[e];
      group.last = Math.max(group.last, entryLast[e]);
      group.sets.target.add(textOf(entries.target[e]));
      group.sets.exe.add(wordOf(entries.exe[e]));
      group.sets.rule.add(wordOf(entries.rule[e]));
      group.sets.access.add(accessOf(e));
    }
    for (const group of groupOf.values()) {
      const all = new Set();
      for (const name in many) group[name] = group.sets[name].size === 1 ? [...group.sets[name]][0] : count(group.sets[name].size) + " " + many[name];
      for (const e of group.entries) addRunsOf(all, e);
      group.runs = all.size;
      delete group.sets;
    }
    return [...groupOf.values()];
  }

  function showDenials() {
    const found = matchingEntries(), by = byId("denials-by").value;
    let sum = 0;
    for (const e of found) sum += entryCount[e];
    groups = by === "each" ? null : groupEntries(found, by);
    const rows = groups === null ? found : groups.map((group, n) => n);
    denialTable.show(rows);
    byId("denials-count").textContent = plural(rows.length, "row", "rows") + ", " + plural(sum, "access", "accesses");
  }

  /* From what was denied to the runs that it was denied to. */
  function openGroup(g) {
    filter.entry = new Set();
    for (const e of groups === null ? [g] : groups[g].entries) addRunsOf(filter.entry, e);
    showRuns();
    byId("runs-count").textContent += ", denied the chosen access";
    byId("runs-title").scrollIntoView({ block: "start" });
    runTable.focus();
  }

  /* ---- labels ---- */

  const labelKeys = new Map();
  for (let i = 0; i < runCount; i++) {
    const labels = labelsOf(i);
    for (const key of Object.keys(labels)) {
      if (!labelKeys.has(key)) labelKeys.set(key, new Map());
      const values = labelKeys.get(key), value = String(labels[key]);
      if (!values.has(value)) values.set(value, { runs: 0, denied: 0, by: new Uint32Array(STATUSES.length) });
      const tally = values.get(value);
      tally.runs++;
      tally.denied += runs.denied_total[i] > 0;
      tally.by[Math.max(0, STATUSES.indexOf(status[i]))]++;
    }
  }

  function showLabels() {
    const place = byId("labels-table"), values = labelKeys.get(byId("labels-key").value), table = element("div", "labels");
    if (!values) { place.replaceChildren(element("p", "empty", "No run here has a label.")); return; }
    table.append(element("span", "title", "Value"), element("span", "title num", "Runs"), element("span", "title num", "Not ok"), element("span", "title", "Outcomes"));
    const sorted = [...values].sort((a, b) => b[1].runs - a[1].runs || (a[0] < b[0] ? -1 : 1));
    for (const [value, tally] of sorted.slice(0, 40)) {
      const bar = element("span", "bar"), name = element("span", "", visible(value) || "(empty)");
      name.title = name.textContent;
      STATUSES.forEach((word, kind) => {
        if (tally.by[kind] === 0) return;
        const part = element("i", statusClass(word));
        part.style.width = tally.by[kind] / tally.runs * 100 + "%";
        part.title = plural(tally.by[kind], "run", "runs") + " " + word;
        bar.append(part);
      });
      table.append(name, element("span", "num", count(tally.runs)), element("span", "num", Math.round(100 * (tally.runs - tally.by[0]) / tally.runs) + " %"), bar);
    }
    place.replaceChildren(table);
    if (sorted.length > 40) place.append(element("p", "quiet small", "and " + count(sorted.length - 40) + " more values"));
  }

  /* ---- head ---- */

  function median(values) {
    const sorted = Float64Array.from(values.filter((value) => value !== null)).sort();
    return sorted.length === 0 ? null : sorted[Math.floor(sorted.length / 2)];
  }

  function showHead() {
    const hosts = [...new Set(runs.hostname)].map(wordOf), tiles = byId("tiles");
    const tile = (value, name) => {
      const made = element("div", "tile");
      made.append(element("b", "", value), element("span", "", name));
      tiles.append(made);
    };
    let ok = 0, over = 0, limited = 0, denied = 0, most = null;
    for (let i = 0; i < runCount; i++) {
      ok += status[i] === "ok";
      over += status[i] !== "running";
      limited += status[i] === "limit";
      denied += runs.denied_total[i] || 0;
      if (runs.memory_peak_bytes[i] !== null && (most === null || runs.memory_peak_bytes[i] > most)) most = runs.memory_peak_bytes[i];
    }
    byId("about").textContent = (runCount === 0 ? "No runs" : time(begin) + " to " + time(finish) + " UTC") +
      (hosts.length === 1 ? " · " + hosts[0] : hosts.length > 1 ? " · " + hosts.length + " hosts" : "") + (data.scope ? " · " + visible(data.scope) : "");
    byId("foot").textContent = "Made " + time(data.made_us) + " UTC by sbx " + data.made_by + " from " + visible(data.database) + ". All times are UTC.";
    tile(count(runCount), "runs");
    tile(over === 0 ? "–" : (100 * ok / over).toFixed(ok === over || ok === 0 ? 0 : 1) + " %", "ended well");
    tile(count(limited), "stopped by a limit");
    tile(count(denied), "accesses denied");
    tile(duration(median(runs.wall_ns)) || "–", "median time");
    tile(size(most) || "–", "largest memory peak");
    const chain = byId("chain");
    chain.textContent = "Ledger: " + visible(data.chain.state);
    chain.title = visible(data.chain.text);
    if (data.chain.state === "intact") chain.classList.add("good");
    else if (data.chain.state !== "not checked") chain.classList.add("bad");
    const notes = [];
    if (data.more_runs) notes.push("There are more runs than are in this report: it has the newest " + count(runCount) + ".");
    if (data.more_points) notes.push("The use over time is in this report for the newest " + plural(data.samples.run.length, "run that has it", "runs that have it") + ".");
    if (data.more_denials) notes.push("There are more denials than are in this report: it has " + count(denialCount) + " of them.");
    byId("notes").textContent = notes.join(" ");
    byId("notes").hidden = notes.length === 0;
    const legend = byId("legend");
    for (const word of STATUSES) {
      if (!status.includes(word)) continue;
      const item = element("li");
      item.append(element("span", "dot " + statusClass(word)), word);
      legend.append(item);
    }
  }

  /* ---- all of it ---- */

  showHead();
  makeChips();
  watchTimeline();
  drawAll();
  showRuns();
  showDenials();
  for (const key of labelKeys.keys()) {
    const option = element("option", "", visible(key));
    option.value = key;
    byId("labels-key").append(option);
  }
  byId("labels-key").closest("label").hidden = labelKeys.size === 0;
  showLabels();
  byId("runs-search").addEventListener("input", (event) => { filter.words = wordsOf(event.target); showRuns(); });
  byId("runs-clear").addEventListener("click", clearFilters);
  byId("denials-search").addEventListener("input", showDenials);
  byId("denials-by").addEventListener("change", showDenials);
  byId("labels-key").addEventListener("change", showLabels);
  byId("detail").addEventListener("click", (event) => { if (event.target === byId("detail")) byId("detail").close(); });
  document.documentElement.dataset.ready = "yes";
})();
