"use strict";
(() => {
  const read = (name) => {
    const element = document.getElementById("data-" + name);
    return element ? JSON.parse(element.textContent) : null;
  };
  const byId = (id) => document.getElementById(id);
  const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const views = { i1: Int8Array, u1: Uint8Array, i2: Int16Array, i4: Int32Array, f4: Float32Array };
  const decode = (array) => new views[array.dtype](bytes(array.bdata).buffer);
  const rows = (flat, columns) => {
    const result = [];
    for (let at = 0; at < flat.length; at += columns) result.push(Array.from(flat.subarray(at, at + columns)));
    return result;
  };
  // time runs to the right in a picture, so columns of it are rows of features
  const turned = (table) => table[0].map((_, column) => table.map((row) => row[column]));

  // Plots take the page's colours, and take them again when the reader turns the lights on or off.
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = (given) => ({
    gridcolor: style("--line"), zerolinecolor: style("--line"), linecolor: style("--line"), automargin: true, ...given,
    title: given && given.title ? { text: given.title.text || given.title, font: { size: 12 } } : undefined,
  });
  // a finger on a plot scrolls the page; a mouse zooms
  const dragmode = matchMedia("(pointer: coarse)").matches ? false : "zoom";
  const themed = (layout, height) => {
    const result = {
      dragmode,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", height,
      font: { color: style("--text"), size: 12 }, margin: { l: 48, r: 10, t: 10, b: 40 },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, hoverlabel: { font: { size: 12 } },
      ...layout, xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis),
    };
    if (layout.scene) {
      result.scene = { ...layout.scene };
      for (const name of ["xaxis", "yaxis", "zaxis"])
        result.scene[name] = { ...axis(layout.scene[name]), backgroundcolor: "rgba(0,0,0,0)", color: style("--soft") };
      delete result.dragmode;
      delete result.xaxis;
      delete result.yaxis;
    }
    return result;
  };
  const options = { responsive: true, displayModeBar: false };
  const shown = new Map();
  const draw = (element, traces, layout, height) => {
    shown.set(element, layout);
    return Plotly.react(element, traces, themed(layout, height), options).then(() => element.classList.add("drawn"));
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const [element, layout] of shown) Plotly.relayout(element, themed(layout, element.clientHeight));
  });

  // Sound: 16-bit samples straight into an audio buffer; one sound at a time.
  const sounds = read("sounds");
  let context = null, source = null, pressed = null;
  const samplesOf = (key) => new Int16Array(bytes(sounds[key][1]).buffer);
  const stop = () => {
    if (source) { source.onended = null; source.stop(); source = null; }
    if (pressed) { pressed.classList.remove("playing"); pressed = null; }
  };
  const play = (key, button, start, end) => {
    const again = pressed === button;
    stop();
    if (again || !(key in sounds)) return;
    context = context || new AudioContext();
    context.resume();
    const part = samplesOf(key).subarray(start || 0, end || undefined);
    const buffer = context.createBuffer(1, Math.max(1, part.length), sounds[key][0]);
    buffer.getChannelData(0).set(Float32Array.from(part, (value) => value / 32768));
    source = new AudioBufferSourceNode(context, { buffer });
    source.connect(context.destination);
    source.onended = stop;
    pressed = button;
    button.classList.add("playing");
    source.start();
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.play");
    if (button) play(button.dataset.sound, button);
  });

  // matplotlib's inferno: loud is bright, on a dark page as on a white one
  const inferno = ["#000004", "#1b0c41", "#4a0c6b", "#781c6d", "#a52c60", "#cf4446", "#ed6925", "#fb9b06", "#fcffa4"]
    .map((colour, place) => [place / 8, colour]);
  const colours = { wave: "#0b84c6", cut: "#d9534f" };
  const picture = (element, table, given, height, extra) => draw(element, [{
    type: "heatmap", z: turned(table), x0: 0, dx: given.dx, y0: given.y0 || 0, dy: given.dy || 1, zmin: given.zmin,
    zmax: given.zmax, colorscale: given.scale || "Viridis", colorbar: { thickness: 10, outlinewidth: 0 },
    hovertemplate: "%{x:.2f} s, %{y}: %{z}<extra></extra>",
  }], { xaxis: { title: "seconds" }, yaxis: { title: given.unit || "" }, ...extra }, height);
  const figure = (parent, title, height) => {
    const box = document.createElement("figure");
    box.innerHTML = '<figcaption></figcaption><div class="plot" style="height:' + height + 'px"></div>';
    box.firstChild.textContent = title;
    parent.append(box);
    return box.lastChild;
  };

  // One clip closely.
  const close = read("closeup");
  const names = close ? Object.keys(close.clips) : [];
  const details = (name) => {
    const clip = close.clips[name];
    if (!clip.tables) {
      const width = 3 * close.coefficients;
      const cepstrum = rows(decode(clip.cepstrum), width).map((row) => row.map((value) => value / 64));
      const group = (number) => cepstrum.map((row) =>
        row.slice(number * close.coefficients, (number + 1) * close.coefficients));
      const spectrogram = rows(decode(clip.spectrogram), close.bins);
      const all = spectrogram.flat();
      const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
      const deviation = Math.sqrt(all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length) || 1;
      clip.tables = {
        spectrogram, normalised: spectrogram.map((row) => row.map((value) => (value - mean) / deviation)),
        mel: rows(decode(clip.mel), close.bands), mfcc: group(0), delta: group(1), second: group(2),
        floats: group(0).map((row) => row.map((value, at) => (value - close.mean[at]) / close.std[at])),
        integers: rows(decode(clip.int8), close.coefficients),
      };
    }
    return clip;
  };
  let current = 0;
  const showClip = (name) => {
    current = names.indexOf(name);
    byId("clip-name").value = name;
    const clip = details(name), samples = samplesOf(name), tables = clip.tables;
    const worst = Math.max(...tables.integers.flat().map((value, at) => {
      const float = tables.floats[Math.floor(at / close.coefficients)][at % close.coefficients] / close.scale;
      return Math.abs(value) < 127 ? Math.abs(value - float) : 0;
    }));
    byId("clip-facts").textContent = `${clip.word}, speaker ${clip.speaker}, ${clip.split}, ${clip.seconds} s as recorded` +
      (clip.findings.length ? ". " + clip.findings.join("; ") : ", nothing found") +
      `. Integers are within ${worst.toFixed(1)} steps of the floats.`;
    byId("clip-play-trimmed").disabled = !clip.voice;
    const parent = byId("clip-plots");
    if (!parent.firstChild) parent.boxes = [
      figure(parent, "Waveform, and where the voice is", 240), figure(parent, "Log spectrogram, dB", 240),
      figure(parent, "Normalised spectrogram", 240), figure(parent, "Mel power spectrogram, dB", 240),
      figure(parent, "MFCC", 240), figure(parent, "First deltas", 240), figure(parent, "Second deltas", 240),
      figure(parent, "Features, floating point", 240), figure(parent, "Features, int8 of the device", 240),
    ];
    const boxes = parent.boxes, dx = close.stride_s, hz = close.rate / 2 / (close.bins - 1);
    const length = samples.length / close.rate;
    const shade = (x0, x1) => ({ type: "rect", yref: "paper", y0: 0, y1: 1, x0, x1, line: { width: 0 }, fillcolor: "#88888855" });
    const mark = (at) => ({ type: "line", yref: "paper", y0: 0, y1: 1, x0: at, x1: at, line: { color: colours.cut, width: 2 } });
    const cut = clip.voice ? clip.voice.map((at) => at / close.rate) : null;
    draw(boxes[0], [{
      type: "scatter", mode: "lines", y: Array.from(samples, (value) => value / 32768), x0: 0, dx: 1 / close.rate,
      line: { width: 1, color: colours.wave }, hoverinfo: "skip",
    }], {
      xaxis: { title: "seconds", range: [0, length] },
      shapes: cut ? [shade(0, cut[0]), shade(cut[1], length), mark(cut[0]), mark(cut[1])] : [],
    }, 240);
    picture(boxes[1], tables.spectrogram, { dx, dy: hz, unit: "Hz", scale: inferno }, 240);
    picture(boxes[2], tables.normalised, { dx, dy: hz, unit: "Hz", zmin: -2.5, zmax: 2.5, scale: inferno }, 240);
    picture(boxes[3], tables.mel, { dx, unit: "mel band", scale: inferno }, 240);
    picture(boxes[4], tables.mfcc, { dx, unit: "coefficient" }, 240);
    picture(boxes[5], tables.delta, { dx, unit: "coefficient" }, 240);
    picture(boxes[6], tables.second, { dx, unit: "coefficient" }, 240);
    picture(boxes[7], tables.floats, { dx, unit: "coefficient", zmin: -4, zmax: 4 }, 240);
    picture(boxes[8], tables.integers, { dx, unit: "coefficient", zmin: -128, zmax: 127 }, 240);
  };
  const step = (by) => showClip(names[(current + by + names.length) % names.length]);
  const fill = (select, items) => select.replaceChildren(...items.map((item) => new Option(item, item)));

  // Per word.
  const words = read("words");
  const drawViolins = () => {
    const band = Number(byId("violin-band").value);
    const low = band * words.band_hz, high = low + words.band_hz;
    byId("violin-hz").textContent = `${low.toFixed(0)} to ${high.toFixed(0)} Hz`;
    const traces = words.words.map((word) => {
      const flat = decode(words.violins[word]), y = [];
      for (let at = band; at < flat.length; at += words.bands) y.push(flat[at]);
      return {
        type: "violin", name: word, y, points: false, meanline: { visible: true }, line: { color: colours.wave, width: 1 },
        spanmode: "hard", showlegend: false,
      };
    });
    return draw(byId("plot-violins"), traces, { yaxis: { title: "dB" } }, 380);
  };
  const drawMean = (side) => {
    const table = rows(decode(words.spectrograms[byId("mean-word-" + side).value]), words.mel_bands);
    return picture(byId("plot-mean-" + side), table, { dx: words.stride_s, unit: "mel band", scale: inferno }, 300);
  };
  const pairs = () => {
    const speakers = new Map();
    for (const name of names) {
      const word = close.clips[name].word;
      speakers.set(word, [...(speakers.get(word) || []), name]);
    }
    return new Map([...speakers].filter(([, clips]) => new Set(clips.map((name) => close.clips[name].speaker)).size > 1));
  };
  const drawPair = (side) => {
    const name = byId("pair-" + side).value;
    const given = { dx: close.stride_s, dy: close.rate / 2 / (close.bins - 1), unit: "Hz", scale: inferno, zmin: 0, zmax: 100 };
    return picture(byId("plot-pair-" + side), details(name).tables.spectrogram, given, 300);
  };
  const choosePair = () => {
    const clips = pairs().get(byId("pair-word").value);
    for (const side of ["first", "second"]) fill(byId("pair-" + side), clips);
    const other = clips.findIndex((name) => close.clips[name].speaker !== close.clips[clips[0]].speaker);
    byId("pair-second").value = clips[other];
    return Promise.all([drawPair("first"), drawPair("second")]);
  };

  // Draw what comes near the screen; `drawAll` is for who wants all of it at once, such as a printer or a test.
  const plots = read("plots");
  const makers = new Map();
  for (const element of document.querySelectorAll("[data-plot]")) {
    const { traces, layout, height } = plots[element.dataset.plot];
    makers.set(element, () => draw(element, traces, layout, height).then(() => {
      if (element.dataset.plot === "cloud") element.on("plotly_click", ({ points: [point] }) => {
        const key = point.text, button = byId("cloud-play");
        byId("cloud-name").textContent = key + (key in sounds ? "" : " (its sound is not on this page)");
        button.disabled = !(key in sounds);
        button.dataset.sound = key;
      });
    }));
  }
  if (close) {
    byId("clip-names").append(...names.map((name) => new Option(name)));
    byId("clip-name").addEventListener("change", () => {
      const typed = byId("clip-name").value;
      const found = names.find((name) => name === typed) || names.find((name) => name.includes(typed));
      if (found) showClip(found);
    });
    byId("clip-name").addEventListener("focus", (event) => event.target.select());
    byId("clip-previous").addEventListener("click", () => step(-1));
    byId("clip-next").addEventListener("click", () => step(1));
    byId("clip-play").addEventListener("click", (event) => play(names[current], event.currentTarget));
    byId("clip-play-trimmed").addEventListener("click", (event) =>
      play(names[current], event.currentTarget, ...close.clips[names[current]].voice));
    makers.set(byId("clip-plots"), () => showClip(close.first));
  }
  if (words) {
    byId("violin-band").max = words.bands - 1;
    byId("violin-band").value = Math.round(1000 / words.band_hz);
    byId("violin-band").addEventListener("input", drawViolins);
    makers.set(byId("plot-violins"), drawViolins);
    for (const [place, side] of ["first", "second"].entries()) {
      const select = byId("mean-word-" + side);
      fill(select, words.words);
      select.value = words.words[place % words.words.length];
      select.addEventListener("change", () => drawMean(side));
      makers.set(byId("plot-mean-" + side), () => drawMean(side));
    }
    const paired = [...pairs().keys()];
    fill(byId("pair-word"), paired.length ? words.words.filter((word) => paired.includes(word)) : []);
    if (paired.length) {
      makers.set(byId("plot-pair-first"), choosePair);
      byId("pair-word").addEventListener("change", choosePair);
      for (const side of ["first", "second"]) {
        byId("pair-" + side).addEventListener("change", () => drawPair(side));
        byId(`pair-${side}-play`).addEventListener("click", (event) =>
          play(byId("pair-" + side).value, event.currentTarget));
      }
    } else byId("pair-word").closest("figure").remove();
  }
  if (byId("cloud-play")) byId("cloud-play").addEventListener("click", (event) =>
    play(event.currentTarget.dataset.sound, event.currentTarget));

  const make = (element) => {
    const maker = makers.get(element);
    makers.delete(element);
    return maker ? maker() : null;
  };
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) {
      watcher.unobserve(entry.target);
      make(entry.target);
    }
  }, { rootMargin: "600px" });
  for (const element of makers.keys()) watcher.observe(element);
  window.kwsEdge = {
    drawAll: async () => {
      for (const element of [...makers.keys()]) await make(element);
      return document.querySelectorAll(".plot.drawn").length;
    },
    play, sounds: Object.keys(sounds).length,
  };
})();
