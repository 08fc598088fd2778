// Saves a draft while it is written and shows beside it what it says. Without it the form's own buttons do the same.
"use strict";

(() => {
  const form = document.querySelector("form[data-autosave]");
  const shown = document.getElementById("shown");
  const saved = document.getElementById("saved");
  const told = document.getElementById("told");
  if (!form || !shown || !saved || !told) return;

  const REST_MS = 1_500;
  // What could not be saved because nobody answered is tried again by itself, less and less often.
  const AGAIN_MS = 3_000;
  const AGAIN_MS_MAX = 60_000;
  let waits = AGAIN_MS;
  // Browsers send at most 64 KiB for a page that is gone (Fetch, "HTTP-network-or-cache fetch"), whoever asks.
  const PARTING_BYTES_MAX = 60_000;
  let timer = 0;
  let running = null;
  // What was typed since it was last saved, in counts of changes: of two saves the later knows more.
  let typed = 0;
  let kept = 0;
  // Somebody else changed it: nothing more is saved by itself.
  let overtaken = false;
  // So far it could not be saved: it was refused, nobody is signed in any more, nobody answers.
  let refused = -1;
  let counted = "";

  // Whom it would reach is counted anew when the groups are others.
  const reach = document.querySelector("[data-reach]");
  const groups = () => {
    const chosen = new FormData(form);
    return JSON.stringify([chosen.getAll("include"), chosen.getAll("exclude")]);
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

  const written = () => {
    const fields = new FormData(form);
    // A picture goes by its own button.
    fields.delete("picture");
    fields.set("quietly", "1");
    return new URLSearchParams(fields);
  };

  const send = async () => {
    const upTo = typed;
    try {
      const answer = await fetch(form.action, { method: "POST", body: written(), redirect: "manual" });
      // A page, whatever it says, is no piece of this one.
      const part = answer.headers.get("postroom-part");
      const place = part === "told" ? told : part === "shown" ? shown : null;
      if (place) {
        place.innerHTML = await answer.text();
        saved.textContent = "";
        waits = AGAIN_MS;
        const read = answer.headers.get("postroom-read");
        if (read) form.elements.read.value = read;
        overtaken = answer.status === 409;
        // What was overtaken is kept beside the draft; what came too late for it is nowhere but here.
        if (answer.status === 422 || place === told) refused = upTo;
        else kept = upTo;
        if (answer.status === 200) count();
        return;
      }
      // Whoever presses the button is asked to sign in, and what was typed is carried along.
      saved.textContent = answer.status === 401 ? saved.dataset.door : saved.dataset.failed;
      if (answer.status >= 500 || answer.status === 429) later();
    } catch {
      saved.textContent = saved.dataset.failed;
      later();
    }
    refused = upTo;
  };
  const later = () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(save, waits);
    waits = Math.min(waits * 2, AGAIN_MS_MAX);
  };

  const isOpen = () => typed > kept;
  // One save at a time, each with what stands there when it begins.
  const save = async () => {
    window.clearTimeout(timer);
    while (running) await running;
    if (overtaken || !isOpen()) return;
    running = send();
    await running;
    running = null;
  };

  document.addEventListener("input", (event) => {
    if (event.target.form !== form || event.target.name === "picture") return;
    // Whoever is chosen from the list is chosen, whatever address was typed before.
    if (event.target.id === "contact" && form.elements.who) form.elements.who.value = "";
    typed += 1;
    window.clearTimeout(timer);
    waits = AGAIN_MS;
    timer = window.setTimeout(save, event.target.matches("#contact, #as, #variant") ? 0 : REST_MS);
  });

  // Whoever leaves takes nothing along that is not saved: that comes first. Where it cannot be saved, they stay once, and
  // are told; who leaves again is asked by the browser.
  let stayed = -1;
  let leaving = false;
  const first = async (event, go) => {
    if (!isOpen() || stayed === typed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (leaving) return;
    leaving = true;
    // Whoever types on meanwhile is waited for.
    do await save();
    while (isOpen() && refused !== typed && !overtaken);
    leaving = false;
    if (isOpen()) {
      stayed = typed;
      saved.textContent ||= saved.dataset.stays;
      return;
    }
    go();
  };
  document.addEventListener(
    "click",
    (event) => {
      const link = event.target.closest("a[href]");
      const elsewhere = event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
      if (!link || elsewhere || link.target || link.getAttribute("href").startsWith("#")) return;
      first(event, () => window.location.assign(link.href));
    },
    true,
  );
  document.addEventListener(
    "submit",
    (event) => {
      const { target, submitter } = event;
      const again = () => target.requestSubmit(submitter);
      if (target !== form) {
        first(event, again);
        return;
      }
      window.clearTimeout(timer);
      if (!running) {
        // It takes everything along.
        kept = typed;
        return;
      }
      // What it was written over is another draft when that is done.
      event.preventDefault();
      event.stopImmediatePropagation();
      running.then(again);
    },
    true,
  );
  // Those who are gone at once, by the browser's own ways: what fits is sent after them.
  const fits = () => !overtaken && form.checkValidity() && refused !== typed && written().toString().length <= PARTING_BYTES_MAX;
  window.addEventListener("beforeunload", (event) => {
    if (isOpen() && !fits()) event.preventDefault();
  });
  window.addEventListener("pagehide", () => {
    if (!isOpen() || !fits()) return;
    kept = typed;
    fetch(form.action, { method: "POST", body: written(), redirect: "manual", keepalive: true }).catch(() => {});
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden" && isOpen()) save();
  });
  window.addEventListener("online", () => save());
  count();
})();
