// Makes a page that works without it move: parts that the server draws anew are put in their place, once a second.
"use strict";

(() => {
  const main = document.getElementById("main");
  const source = main?.querySelector("[data-stream]");
  const looks = main?.querySelector("[data-look]");
  if (!source && !looks) return;

  const STALE_MS = 10_000;
  const SPEAK_EVERY_MS = 30_000;
  const stale = document.getElementById("stale");
  const voice = document.getElementById("voice");
  let heard = Date.now();
  // When something was last said aloud, what is to be said next, and the timer that says it.
  let spoken = 0;
  let unsaid = "";
  let speaks = 0;
  // After so long a page without a stream is asked for again, in milliseconds.
  let every = Number(looks?.dataset.look ?? 0) * 1_000;

  const alive = () => {
    heard = Date.now();
    if (stale) stale.hidden = true;
  };
  const watch = window.setInterval(() => {
    const patience = Math.max(STALE_MS, 2 * every);
    if (stale && !document.hidden && Date.now() - heard > patience) stale.hidden = false;
  }, 1_000);

  // What somebody reads or has opened stays as it is under their hands.
  const put = (part, html) => {
    if (part.innerHTML === html) return;
    const open = [...part.querySelectorAll("details[open]")].map((one) => one.id);
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    part.innerHTML = html;
    for (const id of open) {
      const one = id && document.getElementById(id);
      if (one) one.open = true;
    }
    if (focused) document.getElementById(focused)?.focus();
  };

  // The latest is what is said, seldom enough to be heard out; what came too soon is said when its time has come.
  const speak = () => {
    speaks = 0;
    spoken = Date.now();
    if (voice.textContent !== unsaid) voice.textContent = unsaid;
  };

  // A page with a stream is told.
  const follow = () => {
    const stream = new EventSource(source.dataset.stream);
    for (const part of document.querySelectorAll("[data-part]")) {
      stream.addEventListener(part.dataset.part, (event) => {
        alive();
        put(part, event.data);
      });
    }
    stream.addEventListener("voice", (event) => {
      alive();
      unsaid = event.data;
      if (voice && !speaks) speaks = window.setTimeout(speak, Math.max(0, spoken + SPEAK_EVERY_MS - Date.now()));
    });
    stream.addEventListener("over", () => {
      stream.close();
      window.clearInterval(watch);
      // The page of a campaign that is over is another one.
      window.location.reload();
    });
    stream.addEventListener("open", alive);
  };

  // A page of several things that may move asks for itself again while it is looked at, seldom where none of them does.
  const look = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(window.location.href);
        const drawn = new DOMParser().parseFromString(await answer.text(), "text/html");
        const parts = answer.ok && !answer.redirected ? drawn.querySelectorAll("[data-part]") : [];
        for (const part of parts) {
          const place = document.querySelector(`[data-part="${part.dataset.part}"]`);
          // Where the keyboard is, nothing is taken away from under it.
          if (place && !place.contains(document.activeElement)) put(place, part.innerHTML);
        }
        if (parts.length > 0) {
          alive();
          every = Number(drawn.querySelector("#main [data-look]")?.dataset.look ?? 0) * 1_000 || every;
        }
      } catch {
        // The next time.
      }
    }
    window.setTimeout(look, every);
  };

  if (source) {
    if (window.EventSource) follow();
    else window.clearInterval(watch);
  } else {
    document.addEventListener("visibilitychange", alive);
    window.setTimeout(look, every);
  }
})();

// The keys: g and a letter goes somewhere, j and k go down and up the rows, f goes to the search.
(() => {
  const root = document.body.dataset.root ?? "";
  const places = { h: `${root}/`, c: `${root}/campaigns`, p: `${root}/contacts` };
  let wentTo = 0;
  const typing = (element) => element.closest("input, textarea, select, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "g") {
      wentTo = Date.now();
      return;
    }
    const place = Date.now() - wentTo < 1_500 && places[event.key];
    if (place) window.location.assign(place);
    if (event.key === "j" || event.key === "k") {
      const rows = [...document.querySelectorAll("#main :is(tbody tr, .pick li, .todo li)")]
        .map((row) => row.querySelector("a[href]"))
        .filter((link) => link);
      // Whoever is anywhere in a row goes on from it.
      const here = document.activeElement?.closest("tr, .pick li, .todo li")?.querySelector("a[href]");
      const at = rows.indexOf(here ?? document.activeElement);
      const next = rows[Math.max(0, Math.min(rows.length - 1, at + (event.key === "j" ? 1 : -1)))];
      next?.focus();
    }
    if (event.key === "f") {
      const filter = document.querySelector("#main [data-filter]");
      if (filter) {
        event.preventDefault();
        filter.focus();
      }
    }
  });
  // The current place of the menu and of the tabs is brought into view where they are a strip. Not by scrollIntoView: browsers
  // begin there with the next Tab, and whoever has no mouse would never get to the top.
  for (const here of document.querySelectorAll(".side [aria-current], .tabs [aria-current]")) {
    const strip = here.closest("ul, .tabs");
    const before = here.getBoundingClientRect().left - strip.getBoundingClientRect().left;
    strip.scrollLeft += before - (strip.clientWidth - here.offsetWidth) / 2;
  }
  // One press sends a form once, those that came later with a part of the page as well.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !form.matches("form[method=post]")) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
})();

// A rule is asked while it is made; a page that waits for a job looks again.
(() => {
  const again = document.querySelector("[data-again]");
  if (again) window.setTimeout(() => window.location.reload(), Number(again.dataset.again) * 1_000);

  const QUIET_MS = 600;
  // The lines and the text are two views of one rule: what changed in one is drawn anew in both, and the keyboard stays where it is.
  const follow = (form, drawn) => {
    for (const view of form.querySelectorAll("[data-view]")) {
      const now = drawn.querySelector(`[data-view=${view.dataset.view}]`);
      if (!now) continue;
      const at = view.contains(document.activeElement) ? document.activeElement.name : "";
      view.replaceChildren(...now.childNodes);
      if (at) view.querySelector(`[name="${at}"]`)?.focus();
    }
    const was = drawn.querySelector("input[name=was]");
    if (was) form.elements.was.value = was.value;
  };
  for (const form of document.querySelectorAll("form[data-ask]")) {
    const place = form.querySelector(`[data-answer=${form.dataset.ask}]`);
    const typed = () => new URLSearchParams(new FormData(form)).toString();
    const looked = async (what) => {
      const asked = new URLSearchParams(what);
      asked.set("do", "look");
      const answer = await fetch(form.action, { method: "POST", body: asked });
      return new DOMParser().parseFromString(await answer.text(), "text/html");
    };
    let waits = 0;
    let latest = 0;
    let asked = typed();
    // While not everybody was asked, the same is looked at again. What is typed beside it stays as it is.
    const goOn = () => {
      const counted = place.querySelector("[data-counted]");
      const going = counted?.querySelector("[data-going]");
      if (!going) return;
      const mine = latest;
      window.setTimeout(async () => {
        if (mine !== latest) return;
        try {
          const now = document.hidden ? null : (await looked(asked)).querySelector("[data-counted]");
          if (mine !== latest) return;
          if (now) counted.replaceChildren(...now.childNodes);
        } catch {
          // The next time.
        }
        goOn();
      }, Number(going.dataset.going) * 1_000);
    };
    goOn();
    form.addEventListener("change", (event) => {
      if (place.contains(event.target) || event.target.name === "add" || event.target.name === "name") return;
      window.clearTimeout(waits);
      waits = window.setTimeout(async () => {
        const mine = ++latest;
        const before = typed();
        asked = before;
        place.setAttribute("aria-busy", "true");
        try {
          const drawn = await looked(before);
          const found = drawn.querySelector(`[data-answer=${form.dataset.ask}]`);
          // What was asked before and comes later is stale.
          if (mine === latest && found) {
            if (typed() === before) follow(form, drawn);
            place.replaceChildren(...found.childNodes);
            goOn();
          }
        } catch {
          // The button asks as well.
        } finally {
          place.removeAttribute("aria-busy");
        }
      }, QUIET_MS);
    });
  }
})();

// How long something can still be taken back. The server's clock is the one that counts.
(() => {
  for (const left of document.querySelectorAll("[data-until]")) {
    const ends = Date.now() + Number(left.dataset.until) - Number(left.dataset.now);
    const tell = () => {
      const seconds = Math.round((ends - Date.now()) / 1_000);
      left.textContent = seconds > 0 && seconds < 600 ? `(${seconds} s)` : "";
      if (seconds > 0) window.setTimeout(tell, 1_000);
    };
    tell();
  }
})();
