// A thousand people in the sandbox: their campaign is begun and watched in the machine room to its end, its report is read,
// its failures are looked into, and so is one of the people. It is what people are shown first, so its pictures are kept.

import { holds, step, until } from "./driver.mjs";

/// Readings of the room that must differ; a room that is drawn once a second has many more.
const READINGS_MIN = 3;
/// A thousand people take a minute; a busy machine may need some.
const PATIENCE_MS = 420_000;
/// Pictures of the room are taken when so many are accepted: then every part of it has something to show.
const SHOWN_FROM = 150;

export default async function story(browser) {
  const anna = await browser.owner();
  await anna.goes("/first");
  await anna.leaves(() => anna.page.locator("#open-sandbox").click());
  holds(anna.at() === "/sandbox/", anna.at());
  await anna.goes("/sandbox/campaigns");
  await anna.leaves(() => anna.page.locator("#main tbody a").first().click());
  const campaign = anna.at();
  const reach = await anna.reads(".card .eq");
  await anna.presses(/^Send to/);
  step("begun", { reach });
  await watches(anna);
  await reads(anna, campaign);
  await investigates(anna, campaign);
}

/// The page moves by itself: from the countdown to the machine room, and from there to the report.
async function watches(anna) {
  const room = anna.page.locator("[data-part=equation]");
  await room.waitFor();
  const readings = [];
  let isShown = false;
  // Home stands open beside it, and moves as well.
  const home = await anna.page.context().newPage();
  await home.goto(new URL("/sandbox/", anna.page.url()).href);
  const rows = [];
  await until("the totals are final", async () => {
    // Between two pages there is nothing to be read.
    const read = await figures(anna).catch(() => null);
    if (read && JSON.stringify(read) !== JSON.stringify(readings.at(-1))) readings.push(read);
    const row = await home.locator("[data-part=last] tbody tr").first().innerText();
    if (row !== rows.at(-1)) rows.push(row);
    if (!isShown && read?.accepted > SHOWN_FROM) {
      isShown = true;
      await anna.pictures("machine-room");
      await speaks(anna);
    }
    return anna.at().endsWith("/report");
  }, PATIENCE_MS);
  holds(readings.length >= READINGS_MIN, `the room was seen to move ${readings.length} times`);
  holds(rows.length >= READINGS_MIN, `home was seen to move ${rows.length} times`);
  await home.close();
  step("watched", { readings });
}

/// The line for screen readers: what comes too soon after the last is said when its time has come, and only the latest of it.
async function speaks(anna) {
  const room = await anna.page.context().newPage();
  await room.clock.install();
  await room.addInitScript(() => {
    window.tells = {};
    window.EventSource = class {
      addEventListener(name, hears) {
        window.tells[name] = hears;
      }

      close() {}
    };
  });
  await room.goto(anna.page.url());
  const tell = (data) => room.evaluate((data) => window.tells.voice({ data }), data);
  const says = () => room.locator("#voice").textContent();
  await tell("0 accepted");
  await room.clock.runFor(1_000);
  holds((await says()) === "0 accepted", "the first is said at once");
  await tell("150 accepted");
  await tell("151 accepted");
  await room.clock.runFor(10_000);
  holds((await says()) === "0 accepted", "the next is not said too soon");
  await room.clock.runFor(30_000);
  holds((await says()) === "151 accepted", `what stands still is said all the same: ${await says()}`);
  await room.close();
}

/// The terms of what was attempted, by their names, as they stand on the page at one moment.
const figures = (anna) =>
  anna.page.evaluate(() => {
    const terms = [...document.querySelectorAll("[data-part=equation] [data-eq=attempted] a")];
    if (!terms.length) return null;
    const read = (term) => [new URL(term.href).searchParams.get("state") ?? "attempted", Number(term.querySelector("b").textContent.replace(/\D/g, ""))];
    return Object.fromEntries(terms.map(read));
  });

async function reads(anna, campaign) {
  await anna.sees("These totals are final");
  const [first, second] = [await anna.reads(".card .eq"), await anna.reads("[data-eq=attempted]")];
  // What people do with it comes later than the last verdict.
  await until("somebody clicks", async () => {
    await anna.goes(`${campaign}/report`);
    return !(await anna.reads(".tiles.inner dd.big")).startsWith("0");
  }, PATIENCE_MS);
  await anna.pictures("report");
  step("report", { first, second, causes: await anna.reads("section[aria-labelledby=causes]") });
}

async function investigates(anna, campaign) {
  await anna.goes(`${campaign}/investigate`);
  const causes = anna.page.locator(".causes a");
  const count = await causes.count();
  await anna.leaves(() => causes.filter({ hasText: "mailbox full" }).first().click());
  await anna.sees("mailbox full", ".detail");
  const advice = await anna.reads(".detail ol.do");
  await anna.pictures("investigation");
  await anna.leaves(() => anna.page.locator(".detail a.mono").click());
  await anna.sees("Timeline");
  await anna.pictures("contact");
  step("investigated", { causes: count, advice, told: await anna.reads("ol.time") });
}
