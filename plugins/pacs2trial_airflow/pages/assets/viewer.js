// The viewer: frames come as numbers, so that windowing costs no request; the neighbours of an image are fetched ahead.
"use strict";
(() => {
  const root = document.querySelector("[data-viewer]");
  if (!root) return;
  const at = root.dataset.viewer;
  const canvas = root.querySelector("canvas");
  const context = canvas.getContext("2d", { alpha: false });
  const slider = root.querySelector("[data-slider]");
  const place = root.querySelector("[data-place]");
  const windowed = root.querySelector("[data-window]");
  const status = root.querySelector("[data-status]");
  const header = root.querySelector("[data-header]");
  const lists = root.querySelector("[data-drawings]");

  const AHEAD = 12;
  const AT_ONCE = 4;
  const MOST_BYTES = 384 * 1024 * 1024;
  const FRAMES_PER_SECOND = 15;
  const PRESETS = { CT: { 1: [40, 400], 2: [-600, 1500], 3: [300, 1500], 4: [40, 80] } };
  const KINDS = { int16: Int16Array, float32: Float32Array, rgb8: Uint8Array };

  let stack = null;
  let drawings = { structures: [], doses: [] };
  let current = 0;
  let chosen = null; // window that the reader chose; without one each frame has its own
  let cine = 0;
  let held = 0;
  let direction = 1;
  const frames = new Map(); // by place; the last used last
  const asked = new Map();
  const off = new Set();
  const picture = document.createElement("canvas");

  const say = (text, bad) => {
    status.textContent = text;
    status.classList.toggle("bad", Boolean(bad));
  };

  async function fetched(path) {
    const answer = await fetch(`${at}/${path}`, { credentials: "same-origin" });
    if (!answer.ok) {
      const words = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main p");
      throw new Error(words ? words.textContent : `the server answered ${answer.status}`);
    }
    return answer;
  }

  async function frame(index) {
    const known = frames.get(index);
    if (known) {
      frames.delete(index);
      frames.set(index, known);
      return known;
    }
    if (!asked.has(index)) {
      const [object, number] = stack.images[index];
      const loading = fetched(`instances/${stack.instances[object]}/frames/${number}`)
        .then(async (answer) => {
          const said = JSON.parse(answer.headers.get("X-Frame"));
          const made = { ...said, data: new KINDS[said.kind](await answer.arrayBuffer()) };
          frames.set(index, made);
          held += made.data.byteLength;
          for (const [oldest, value] of frames) {
            if (held <= MOST_BYTES || oldest === index) break;
            frames.delete(oldest);
            held -= value.data.byteLength;
          }
          return made;
        })
        .finally(() => asked.delete(index));
      asked.set(index, loading);
    }
    return asked.get(index);
  }

  function ahead() {
    for (let step = 1; step <= AHEAD && asked.size < AT_ONCE; step += 1) {
      for (const way of [direction, -direction]) {
        const index = current + step * way;
        if (way !== direction && step > 3) continue;
        if (index >= 0 && index < stack.images.length && !frames.has(index) && !asked.has(index) && asked.size < AT_ONCE) {
          frame(index).then(ahead, () => {});
        }
      }
    }
  }

  function paint(made) {
    const { rows, columns, kind, data } = made;
    if (picture.width !== columns || picture.height !== rows) {
      picture.width = columns;
      picture.height = rows;
    }
    const inside = picture.getContext("2d", { alpha: false });
    const image = inside.createImageData(columns, rows);
    const pixels = new Uint32Array(image.data.buffer);
    const [center, width] = chosen || made.window;
    if (kind === "rgb8") {
      for (let from = 0, to = 0; to < pixels.length; from += 3, to += 1) {
        pixels[to] = 0xff000000 | (data[from + 2] << 16) | (data[from + 1] << 8) | data[from];
      }
    } else {
      const low = center - 0.5 - (width - 1) / 2;
      const scale = 255 / Math.max(width - 1, 1e-6);
      const flip = made.inverted ? 255 : 0;
      for (let index = 0; index < pixels.length; index += 1) {
        let grey = ((data[index] - low) * scale) | 0;
        grey = (grey < 0 ? 0 : grey > 255 ? 255 : grey) ^ flip;
        pixels[index] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
      }
    }
    inside.putImageData(image, 0, 0);
    const [between_rows, between_columns] = stack.spacing;
    const wide = columns * between_columns;
    const high = rows * between_rows;
    const scale = Math.min(canvas.width / wide, canvas.height / high);
    const size = [wide * scale, high * scale];
    const corner = [(canvas.width - size[0]) / 2, (canvas.height - size[1]) / 2];
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = true;
    context.drawImage(picture, corner[0], corner[1], size[0], size[1]);
    draw(corner, size[0] / columns, size[1] / rows);
    windowed.textContent = kind === "rgb8" ? "colour" : `C ${Math.round(center)}  W ${Math.round(width)}`;
  }

  function draw(corner, across, down) {
    const trace = (points, closed) => {
      context.beginPath();
      for (let index = 0; index < points.length; index += 2) {
        const x = corner[0] + (points[index] + 0.5) * across;
        const y = corner[1] + (points[index + 1] + 0.5) * down;
        if (index) context.lineTo(x, y);
        else context.moveTo(x, y);
      }
      if (closed) context.closePath();
      context.stroke();
    };
    context.lineWidth = 1.5;
    for (const layer of layers()) {
      if (off.has(layer.key)) continue;
      context.strokeStyle = layer.colour;
      context.setLineDash(layer.dashed ? [6, 4] : []);
      for (const path of layer.paths[current] || []) trace(path, layer.closed);
      for (const path of (layer.open_paths || {})[current] || []) trace(path, false);
    }
    context.setLineDash([]);
  }

  function* layers() {
    for (const [set, structures] of drawings.structures.entries()) {
      for (const outline of structures.outlines) yield { ...outline, key: `s${set}.${outline.number}`, closed: true };
    }
    for (const [number, dose] of drawings.doses.entries()) {
      for (const line of dose.lines) yield { ...line, key: `d${number}.${line.share}`, dashed: true };
    }
    for (const area of drawings.areas || []) yield { ...area, closed: true };
  }

  async function show(index) {
    const wanted = Math.min(Math.max(index, 0), stack.images.length - 1);
    if (wanted !== current) direction = wanted > current ? 1 : -1;
    current = wanted;
    slider.value = String(current);
    header.href = `${at}/instances/${stack.instances[stack.images[current][0]]}`;
    header.hidden = false;
    const position = stack.images[current][2];
    place.textContent = `${current + 1} / ${stack.images.length}${position === null ? "" : `  ${position} mm`}`;
    slider.setAttribute("aria-valuetext", `image ${current + 1} of ${stack.images.length}`);
    try {
      const made = await frame(current);
      if (wanted === current) {
        paint(made);
        say("");
        root.dataset.painted = String(current);
        root.dataset.count = String(Number(root.dataset.count || 0) + 1);
      }
    } catch (error) {
      if (wanted === current) say(error.message, true);
    }
    ahead();
  }

  const repaint = () => {
    const made = frames.get(current);
    if (made) paint(made);
  };

  function play() {
    const button = root.querySelector("[data-cine]");
    if (cine) {
      clearTimeout(cine);
      cine = 0;
      button.setAttribute("aria-pressed", "false");
      return;
    }
    button.setAttribute("aria-pressed", "true");
    const next = async () => {
      const began = performance.now();
      await show((current + 1) % stack.images.length);
      if (cine) cine = setTimeout(next, Math.max(0, 1000 / FRAMES_PER_SECOND - (performance.now() - began)));
    };
    cine = setTimeout(next, 0);
  }

  function choose(window) {
    chosen = window;
    for (const button of root.querySelectorAll("[data-preset]")) {
      button.setAttribute("aria-pressed", String(JSON.stringify(chosen) === button.dataset.preset));
    }
    repaint();
  }

  function fill() {
    lists.replaceChildren();
    const groups = [];
    for (const [set, structures] of drawings.structures.entries()) {
      groups.push([structures.label || "Structures", structures.outlines.map((one) => [`s${set}.${one.number}`, one.name || `ROI ${one.number}`, one.colour])]);
    }
    for (const [number, dose] of drawings.doses.entries()) {
      const unit = dose.unit === "GY" ? "Gy" : dose.unit;
      groups.push([`Dose ${dose.label}, 100 % = ${dose.reference} ${unit}`, dose.lines.map((line) => [`d${number}.${line.share}`, `${Math.round(line.share * 100)} %  ${line.level} ${unit}`, line.colour])]);
    }
    if ((drawings.areas || []).length) {
      groups.push(["Pixels", drawings.areas.map((area) => [area.key, area.name, area.colour])]);
    }
    for (const [title, entries] of groups) {
      const set = document.createElement("fieldset");
      const legend = document.createElement("legend");
      legend.textContent = title;
      set.append(legend);
      for (const [key, name, colour] of entries) {
        const label = document.createElement("label");
        const box = document.createElement("input");
        box.type = "checkbox";
        box.checked = !off.has(key);
        box.addEventListener("change", () => {
          if (box.checked) off.delete(key);
          else off.add(key);
          repaint();
        });
        const dot = document.createElementNS("http://www.w3.org/2000/svg", "svg");
        dot.setAttribute("viewBox", "0 0 10 10");
        const round = document.createElementNS("http://www.w3.org/2000/svg", "circle");
        for (const [attribute, value] of [["cx", 5], ["cy", 5], ["r", 5], ["fill", colour]]) round.setAttribute(attribute, value);
        dot.append(round);
        label.append(box, dot, ` ${name}`);
        set.append(label);
      }
      lists.append(set);
    }
    if (!groups.length) lists.textContent = "No structures or dose lie on these images.";
    if (drawings.held) lists.append(`${drawings.held} more wait for a person and are not drawn.`);
  }

  function fit() {
    const box = canvas.parentElement.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.max(Math.round(box.width * ratio), 64);
    canvas.height = Math.max(Math.round(box.height * ratio), 64);
    repaint();
  }

  function listen() {
    slider.max = String(stack.images.length - 1);
    slider.addEventListener("input", () => show(Number(slider.value)));
    canvas.parentElement.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.deltaY) show(current + Math.sign(event.deltaY));
    }, { passive: false });
    let drag = null;
    canvas.addEventListener("pointerdown", (event) => {
      const made = frames.get(current);
      if (!made || made.kind === "rgb8") return;
      drag = [event.clientX, event.clientY, ...(chosen || made.window)];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const step = Math.max(drag[3] / 300, 0.001);
      choose([drag[2] + (event.clientY - drag[1]) * step, Math.max(drag[3] + (event.clientX - drag[0]) * step * 2, step)]);
    });
    canvas.addEventListener("pointerup", () => { drag = null; });
    root.querySelector("[data-cine]").addEventListener("click", play);
    for (const button of root.querySelectorAll("[data-preset]")) {
      button.addEventListener("click", () => choose(JSON.parse(button.dataset.preset)));
    }
    document.addEventListener("keydown", (event) => {
      if (event.target.closest("input:not([type=range]):not([type=checkbox]), select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
      const steps = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -1e6, End: 1e6 };
      const preset = (PRESETS[stack.modality] || {})[event.key];
      if (event.key in steps) show(current + steps[event.key]);
      else if (event.key === " " && !event.target.closest("button, input, a")) play();
      else if (event.key === "0") choose(null);
      else if (preset) choose(preset);
      else return;
      event.preventDefault();
    });
    new ResizeObserver(fit).observe(canvas.parentElement);
  }

  // Whatever image is at hand is shown while the order of all of them is still being found.
  async function first() {
    const answer = await fetched(`instances/${root.dataset.first}/frames/1`);
    const said = JSON.parse(answer.headers.get("X-Frame"));
    const made = { ...said, data: new KINDS[said.kind](await answer.arrayBuffer()) };
    if (stack) return;
    stack = { images: [[0, 1, null]], instances: [root.dataset.first], spacing: [1, 1] };
    fit();
    paint(made);
    root.dataset.painted = "0";
    stack = null;
  }

  async function begin() {
    say("Loading …");
    first().catch(() => {});
    try {
      stack = await (await fetched("stack")).json();
    } catch (error) {
      say(error.message, true);
      return;
    }
    root.querySelector("[data-presets]").hidden = !(stack.modality in PRESETS);
    fit();
    listen();
    await show(Math.floor(stack.images.length / 2));
    try {
      drawings = await (await fetched("drawings")).json();
      fill();
      repaint();
      root.dataset.drawn = "";
    } catch (error) {
      lists.textContent = error.message;
    }
  }

  begin();
})();
