// Links into Airflow's UI, keys for lists, and printing: what a page inside Airflow's frame cannot do by HTML alone.
"use strict";
(() => {
  const framed = "framed" in document.documentElement.dataset;

  // Airflow's frame does not let a page replace the page around it; the page around it may follow a link of its own.
  const outside = (address, target) => {
    const link = window.parent.document.createElement("a");
    link.href = address;
    link.target = target;
    link.rel = "noopener";
    link.click();
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[target]");
    if (!link || !framed || event.defaultPrevented) return;
    event.preventDefault();
    outside(link.href, link.target === "_blank" ? "_blank" : "_self");
  });

  document.addEventListener("keydown", (event) => {
    const search = document.querySelector("[data-search]");
    if (event.key === "/" && search && !event.target.closest("input, select, textarea")) {
      event.preventDefault();
      search.focus();
    }
  });

  // What is on its way is asked for again until the server says that it has come.
  const again = async (part) => {
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
      if (found && found.innerHTML !== part.innerHTML) part.replaceChildren(...found.childNodes);
      if (found) part.dataset.again = found.dataset.again;
    } catch {
      // the server is away for a moment; the next time may be better
    }
    wait(part);
  };
  const wait = (part) => {
    const seconds = Number(part.dataset.again);
    if (seconds) setTimeout(again, seconds * 1000, part);
  };
  document.querySelectorAll("[data-again]").forEach(wait);

  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => (framed ? outside(`${location.href}`, "_blank") : window.print()));
  }
})();
