// Saves a draft while it is written and shows beside it what it says. Without it the form's own buttons do the same.
"use strict";

(() => {
  const form = document.querySelector("form[data-autosave]");
  const shown = document.getElementById("shown");
  const saved = document.getElementById("saved");
  if (!form || !shown || !saved) return;

  const REST_MS = 1_500;
  let timer = 0;
  let running = false;
  let again = false;
  // Somebody else changed it: nothing more is saved by itself.
  let overtaken = false;
  let counted = "";

  // Whom it would reach is counted anew when the groups are others.
  const reach = document.querySelector("[data-reach]");
  const groups = () => {
    const typed = new FormData(form);
    return JSON.stringify([typed.getAll("include"), typed.getAll("exclude")]);
  };
  const count = async () => {
    const now = groups();
    if (!reach || now === counted) return;
    reach.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(reach.dataset.reach, { redirect: "manual" });
      if (answer.status === 200) {
        reach.innerHTML = await answer.text();
        counted = now;
      }
    } catch {
      // The link to the review is still there.
    }
    reach.removeAttribute("aria-busy");
  };

  const save = async () => {
    window.clearTimeout(timer);
    if (overtaken) return;
    if (running) {
      again = true;
      return;
    }
    running = true;
    const typed = new URLSearchParams(new FormData(form));
    typed.set("quietly", "1");
    try {
      const answer = await fetch(form.action, { method: "POST", body: typed, redirect: "manual" });
      if (answer.status === 200 || answer.status === 422 || answer.status === 409) {
        shown.innerHTML = await answer.text();
        saved.textContent = "";
        const read = answer.headers.get("postroom-read");
        if (read) form.elements.read.value = read;
        overtaken = answer.status === 409;
        if (answer.status === 200) count();
      } else {
        // Whoever presses the button is asked to sign in, and what was typed is carried along.
        saved.textContent = answer.status === 401 ? saved.dataset.door : saved.dataset.failed;
      }
    } catch {
      saved.textContent = saved.dataset.failed;
    }
    running = false;
    if (again) {
      again = false;
      save();
    }
  };

  document.addEventListener("input", (event) => {
    if (event.target.form !== form) return;
    window.clearTimeout(timer);
    timer = window.setTimeout(save, event.target.matches("#contact, #as, #variant") ? 0 : REST_MS);
  });
  form.addEventListener("submit", () => window.clearTimeout(timer));
  count();
})();
