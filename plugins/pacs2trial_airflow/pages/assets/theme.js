// Light or dark as Airflow's UI has it: the frame around this page where there is one, else what the UI remembers.
"use strict";
(() => {
  const root = document.documentElement;
  const framed = () => {
    try {
      return window.parent === window ? null : window.parent.document.documentElement;
    } catch {
      return null;
    }
  };
  const remembered = () => {
    try {
      return window.localStorage.getItem("theme");
    } catch {
      return null;
    }
  };
  const around = framed();
  const follow = () => {
    const kept = remembered();
    const system = window.matchMedia("(prefers-color-scheme: dark)").matches;
    const dark = around ? around.classList.contains("dark") : kept === "dark" || (kept !== "light" && system);
    root.dataset.theme = dark ? "dark" : "light";
  };
  follow();
  if (around) {
    new MutationObserver(follow).observe(around, { attributes: true, attributeFilter: ["class"] });
    root.dataset.framed = "";
  }
  window.addEventListener("storage", follow);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", follow);
})();
