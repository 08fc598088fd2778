// Tells a story: `node tell.mjs NAME JSON`. The last line is `{"end": …}`; an error is told in its place, with a picture of
// what was to be seen.

import { Browser, told } from "./driver.mjs";

const { default: story } = await import(`./${process.argv[2]}.mjs`);
let browser;
let end = { end: "well" };
try {
  browser = await Browser.start();
  await story(browser);
} catch (error) {
  end = { end: "badly", why: String(error?.stack ?? error) };
  const pages = browser?.started.contexts().flatMap((context) => context.pages()) ?? [];
  const looks = pages.map(async (page, index) => {
    await page.screenshot({ path: `${told.scratch}/failed-${index}.png` });
    return { at: page.url(), says: (await page.locator("body").innerText()).slice(0, 2_000) };
  });
  end.pages = await Promise.all(looks.map((look) => look.catch(String)));
}
end.complaints = [...new Set(browser?.complaints)];
await browser?.end().catch(() => {});
process.stdout.write(`${JSON.stringify(end)}\n`, () => process.exit(end.end === "well" ? 0 : 1));
