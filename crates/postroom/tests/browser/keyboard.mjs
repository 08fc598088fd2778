// A campaign by Tab, Enter, the space bar, arrows and typing alone. Wherever the focus goes it can be seen, nothing holds it
// fast, and everything a page offers is reached.

import { holds, step } from "./driver.mjs";

/// More stops than any page has.
const TABS_MAX = 400;
/// A field of a day and an hour has a stop for each of its parts; whatever has more holds the focus.
const PARTS_MAX = 8;

export default async function story(browser) {
  const kim = await browser.somebody();
  const page = kim.page;
  await kim.goes("/");
  // From the top: the first stop jumps over the menu.
  await page.keyboard.press("Tab");
  const { name } = await focused(page);
  holds(name === "Skip to content", `the first stop is not the way to the content but "${name}"`);
  await page.keyboard.press("g");
  await kim.leaves(() => page.keyboard.press("c"));
  holds(kim.at() === "/campaigns", `g c leads to ${kim.at()}`);
  await goesDownTheRows(page);
  await walks(kim);
  await tabsTo(page, "New campaign");
  await kim.leaves(() => page.keyboard.press("Enter"));
  await walks(kim);
  await typesInto(page, "Name", "By keys alone");
  await typesInto(page, "From", "Anna <news@letters.example>");
  await tabsTo(page, "Everybody");
  await page.keyboard.press("Space");
  await tabsTo(page, "Begin to write");
  await kim.leaves(() => page.keyboard.press("Enter"));
  // What stands there before it is counted is a link.
  await kim.sees("attempted", "[data-reach]");
  await walks(kim);
  await typesInto(page, "Subject", "Typed");
  await typesInto(page, "Message", `<p>All of it was typed.</p><p><a href="{{ unsubscribe_url }}">Stop</a> {{ postal_address }}</p>`);
  await tabsTo(page, "Save and review");
  await kim.leaves(() => page.keyboard.press("Enter"));
  const campaign = kim.at();
  await kim.sees("It may begin");
  await walks(kim);
  await tabsTo(page, /^Send to 10 people/);
  await kim.leaves(() => page.keyboard.press("Enter"));
  await kim.sees("Until then it can be taken back");
  await walks(kim);
  step("begun by keyboard", { campaign });
  await kim.goesHome();
}

/// What has the focus, and whether one sees that it has.
const focused = (page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    if (!element || element === document.body) return { name: "", at: "body" };
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const inWindow = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
    const label = element.labels?.[0]?.innerText;
    const name = element.getAttribute("aria-label") ?? label ?? (element.innerText || element.title || element.value || "");
    return {
      name: name.replace(/\s+/g, " ").trim(),
      at: `${element.tagName.toLowerCase()}#${element.id}`,
      mark: element.dataset.walked,
      isMarked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
      isSeen: element.tagName === "IFRAME" || (inWindow && box.width > 0 && box.height > 0),
    };
  });

/// Goes on to the next stop, which must be seen.
async function tabs(page) {
  await page.keyboard.press("Tab");
  const here = await focused(page);
  if (here.at === "body") return here;
  const frame = here.at.startsWith("iframe");
  holds(frame || here.isMarked, `${page.url()}: nobody sees that ${here.at} “${here.name}” has the focus`);
  holds(here.isSeen, `${page.url()}: ${here.at} “${here.name}” has the focus outside the window`);
  return here;
}

/// Tabs until something has the focus.
async function tabsTo(page, name) {
  for (let pressed = 0; pressed < TABS_MAX; pressed++) {
    const here = await tabs(page);
    if (name instanceof RegExp ? name.test(here.name) : here.name === name) return;
  }
  throw new Error(`${page.url()}: “${name}” is not reached by Tab`);
}

async function typesInto(page, name, text) {
  await tabsTo(page, name);
  await page.keyboard.press("Control+A");
  await page.keyboard.type(text);
}

/// Goes once around the page: every stop is seen, none holds the focus, and everything is reached.
async function walks(somebody) {
  const page = somebody.page;
  const all = await page.evaluate(() => {
    const stops = "a[href], button, input:not([type=hidden]), select, textarea, summary, iframe, [tabindex='0']";
    const shown = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.disabled;
    // Of the ways one may choose between, one is a stop.
    const isStop = (element) => element.type !== "radio" || element.checked;
    const found = [...document.querySelectorAll(stops)].filter((element) => shown(element) && isStop(element));
    found.forEach((element, index) => (element.dataset.walked = String(index)));
    document.activeElement?.blur();
    return found.map((element) => `${element.tagName.toLowerCase()} “${(element.innerText || element.name || "").slice(0, 40)}”`);
  });
  const reached = new Set();
  let [before, times] = [undefined, 0];
  for (let pressed = 0; pressed < TABS_MAX && reached.size < all.length; pressed++) {
    const here = await tabs(page);
    times = here.mark !== undefined && here.mark === before ? times + 1 : 1;
    holds(times <= PARTS_MAX, `${page.url()}: ${here.at} holds the focus fast`);
    before = here.mark;
    if (here.mark !== undefined) reached.add(Number(here.mark));
  }
  const missed = all.filter((_, index) => !reached.has(index));
  holds(missed.length === 0, `${page.url()}: never reached by Tab: ${missed.join(", ")}`);
  await page.evaluate(() => document.activeElement?.blur());
  step("walked", { at: somebody.at().replace(/m_\w+/, "ID"), stops: all.length });
}

// j goes from row to row, whatever else has a link in them, and stays at the last.
async function goesDownTheRows(page) {
  const firsts = (all) => all.map((row) => row.querySelector("a[href]")?.getAttribute("href")).filter(Boolean);
  const rows = await page.locator("#main tbody tr").evaluateAll(firsts);
  for (const [at, href] of [...rows, rows.at(-1)].entries()) {
    await page.keyboard.press("j");
    const there = await page.evaluate(() => document.activeElement.getAttribute("href"));
    holds(rows.length === 0 || there === href, `j number ${at + 1} leads to ${there}, not to ${href}`);
  }
  // The walk begins at the top.
  await page.reload();
}
