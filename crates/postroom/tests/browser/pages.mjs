// Every page there is, as axe-core sees it: in light and dark, at a desk and on a telephone, in English and German. No rule
// is broken, nothing is wider than the window, no page complains, and no name that is markup is taken for it.
//
// The routes come from the server's own tables; a page that is not in [`PAGES`] fails the story.

import { DESK, PHONE, api, holds, linkTo, overhang, step, told, violations } from "./driver.mjs";
import { furnish } from "./furnish.mjs";
import hostile from "./hostile.mjs";

/// Routes that show nobody a page of ours.
const NO_PAGES = {
  "/campaigns/{id}/live": "a stream of parts of the page that has it",
  "/campaigns/{id}/audience": "a part of the composer",
  "/campaigns/{id}/preview": "a message in a frame, as its author wrote it; hostile.mjs looks at it",
  "/campaigns.csv": "a table to take out",
  "/campaigns/{id}/people.csv": "a table to take out",
  "/campaigns/{id}/causes.csv": "a table to take out",
  "/campaigns/{id}/did.csv": "a table to take out",
  "/campaigns/{id}/waits.csv": "a table to take out",
  "/campaigns/{id}/links.csv": "a table to take out",
  "/campaigns/{id}/brought.csv": "a table to take out",
  "/campaigns/{id}/variants.csv": "a table to take out",
  "/campaigns/{id}/curve.csv": "a table to take out",
  "/sequences/{id}/steps.csv": "a table to take out",
  "/sign-in/provider": "leads to the identity provider",
  "/first/sandbox/remove": "asks while there is a sandbox; leads to /first otherwise",
  "/assets/{mark}/{name}": "styles, scripts and icons",
  "/o/{file}": "a pixel",
  "/m/{file}": "a picture",
  "/c/{token}/{number}": "leads to where an author said",
  "/v/{token}": "a message as its author wrote it; hostile.mjs looks at it",
};

/// Where each route is looked at.
const PAGES = {
  "/": () => ["/"],
  "/first": () => ["/first"],
  "/sign-in": () => [guest("/sign-in?next=/campaigns")],
  "/welcome/{token}": (has) => [guest(has.welcome), guest("/welcome/nothing-of-ours", 404)],
  "/contacts": () => ["/contacts", "/contacts?q=rae@openhouse.test", "/contacts?q=nonsense", "/contacts?q=a&state=suppressed"],
  "/contacts/{id}": (has) => [`/contacts/${has.contact}`, `/contacts/${has.mailed}`],
  "/contacts/{id}/change": (has) => [`/contacts/${has.contact}/change`, `/contacts/${has.mailed}/change`],
  "/campaigns": () => ["/campaigns", "/campaigns?shelf=sent"],
  "/campaigns/new": () => ["/campaigns/new"],
  "/campaigns/{id}": (has) => ["sending", "draft", "planned", "done"].map((state) => `/campaigns/${has[state]}`),
  "/campaigns/{id}/edit": (has) => [`/campaigns/${has.draft}/edit`],
  "/campaigns/{id}/versions": (has) => [`/campaigns/${has.draft}/versions?version=1`],
  "/campaigns/{id}/test": (has) => [`/campaigns/${has.draft}/test`],
  "/campaigns/{id}/report": (has) => [`/campaigns/${has.sending}/report`, `/campaigns/${has.done}/report`],
  "/campaigns/{id}/people": (has) => [`/campaigns/${has.done}/people`, `/campaigns/${has.done}/people?did=clicked`],
  "/campaigns/{id}/investigate": (has) => [`/campaigns/${has.done}/investigate`, `/campaigns/${has.done}/investigate?cause=gone&person=${has.delivery}`],
  "/campaigns/{id}/resume": (has) => [`/campaigns/${has.sending}/resume`],
  "/campaigns/{id}/cancel": (has) => [`/campaigns/${has.sending}/cancel`],
  "/campaigns/{id}/resend": (has) => [`/campaigns/${has.done}/resend`],
  "/deliveries/{id}/doubt": (has) => [`/deliveries/${has.doubt}/doubt`],
  "/deliveries/{id}": (has) => [`/deliveries/${has.delivery}`],
  "/imports": () => ["/imports"],
  "/imports/new": () => ["/imports/new"],
  "/imports/files/{file}": (has) => [`/imports/files/${has.file}?name=people.csv`],
  "/imports/jobs/{id}": (has) => [`/imports/jobs/${has.job}`],
  "/imports/{id}/take-back": (has) => [`/imports/${has.import}/take-back`],
  "/segments": () => ["/segments"],
  "/segments/new": () => ["/segments/new", `/segments/new?text=${encodeURIComponent(`sent || (attr.a == "1" && opened)`)}&who=rae@openhouse.test`],
  "/segments/{id}": (has) => [`/segments/${has.segment}`],
  "/segments/new/people": () => [`/segments/new/people?text=${encodeURIComponent("!opened")}`],
  "/segments/{id}/people": (has) => [`/segments/${has.segment}/people`],
  "/segments/{id}/remove": (has) => [`/segments/${has.segment}/remove`],
  "/suppressions": () => ["/suppressions"],
  "/suppressions/lift": () => ["/suppressions/lift?target=stop@letters.example"],
  "/lanes": () => ["/lanes"],
  "/holds/{id}/cancel": (has) => [`/holds/${has.hold}/cancel`],
  "/sources": () => ["/sources"],
  "/sources/{name}": () => ["/sources/second"],
  "/domains": () => ["/domains"],
  "/domains/{domain}": () => ["/domains/letters.example"],
  "/lists": () => ["/lists"],
  "/lists/{id}": (has) => [`/lists/${has.list}`],
  "/lists/{id}/waiting": (has) => [`/lists/${has.list}/waiting`],
  "/sunsets": () => ["/sunsets"],
  "/sunsets/{id}/undo": () => ["/sunsets/su_1/undo"],
  "/sequences": () => ["/sequences"],
  "/sequences/new": () => ["/sequences/new", "/sequences/new?view=text"],
  "/sequences/{id}": (has) => [`/sequences/${has.sequence}`],
  "/sequences/{id}/people": (has) => [`/sequences/${has.sequence}/people?who=under_way&step=1`],
  "/sequences/{id}/edit": (has) => [`/sequences/${has.sequence}/edit`],
  "/sequences/{id}/archive": (has) => [`/sequences/${has.sequence}/archive`],
  "/events": () => ["/events", "/events?hand=yes"],
  "/alerts": () => ["/alerts?all=yes"],
  "/machine": () => ["/machine"],
  "/settings": () => ["/settings"],
  "/users": () => ["/users"],
  "/users/{id}": (has) => [`/users/${has.user}`],
  "/keys": () => ["/keys"],
  "/keys/{id}/revoke": (has) => [`/keys/${has.key}/revoke`],
  "/webhooks": () => ["/webhooks"],
  "/webhooks/{id}": (has) => [`/webhooks/${has.webhook}`],
  "/account": () => ["/account"],
  "/u/{token}": (has) => [guest(has.unsubscribe), guest("/u/nothing-of-ours", 404)],
  "/p/{token}": (has) => [guest(has.preferences)],
  "/confirm/{token}": (has) => [guest(has.confirm)],
  "/join/{workspace}/{list}": (has) => [guest(has.join)],
};

/// A page that nobody signs in for.
const guest = (path, status) => ({ path: path.replace(told.base, ""), status, isOpen: true });

export default async function story(browser) {
  const unknown = told.routes.filter((route) => !(route in PAGES) && !(route in NO_PAGES));
  holds(unknown.length === 0, `no story looks at ${unknown.join(", ")}: add it to PAGES in pages.mjs`);
  const gone = [...Object.keys(PAGES), ...Object.keys(NO_PAGES)].filter((route) => !told.routes.includes(route));
  holds(gone.length === 0, `there is no route ${gone.join(", ")} any more`);
  const anna = await browser.owner();
  const has = await furnish();
  Object.assign(has, await found(anna, has));
  await hostile(browser, has);
  // The ones under way first: they are over at some time.
  const routes = told.routes.filter((route) => route in PAGES).sort((a, b) => rank(a) - rank(b));
  const places = routes.flatMap((route) => PAGES[route](has).map((one) => (typeof one === "string" ? { path: one } : one)));
  const wrong = await Promise.all([looksAround(browser, places, atDesk), looksAround(browser, places, onTelephone)]);
  const broken = wrong.flat();
  step("pages", { looked: places.length, broken });
  holds(broken.length === 0, broken.join("\n"));
}

const rank = (route) => (route.startsWith("/campaigns/{id}") ? 0 : 1);

/// What only a page or a letter leads to.
async function found(anna, has) {
  const hrefs = (selector) => anna.page.locator(selector).evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  const found = {};
  const people = await api("GET", `/deliveries?campaign=${has.done}&state=hard&limit=1`);
  found.delivery = people.data[0].id;
  found.mailed = people.data[0].contact;
  // Where nobody is in doubt, the page of whoever is asked for is shown.
  const doubted = await api("GET", `/deliveries?campaign=${has.done}&state=in_doubt&limit=1`);
  found.doubt = doubted.data[0]?.id ?? found.delivery;
  const placed = await api("POST", "/holds", { campaign: has.sending, domain: "nobody.test", why: "they asked" });
  found.hold = placed.hold.id;
  await anna.goes("/imports");
  found.import = (await hrefs('#main a[href$="/take-back"]'))[0].split("/")[2];
  await anna.goes("/imports/new");
  await anna.types("Or paste rows", "email,first_name\nzoe@openhouse.test,<b>Zoe</b>");
  await anna.presses("Look at it");
  found.file = anna.at().split(/[/?]/)[3];
  await anna.types("How did these people agree to be mailed?", "form");
  await anna.presses("Try it without a trace");
  found.job = anna.at().split(/[/?]/)[3];
  found.join = `/join/${has.workspace}/${has.list}`;
  found.confirm = await linkTo("confirm", "rae@openhouse.test");
  found.unsubscribe = await linkTo("u", "early@openhouse.test");
  found.view = await linkTo("v", "early@openhouse.test");
  await anna.goes(found.unsubscribe);
  found.preferences = (await hrefs("a[href^='/p/']"))[0];
  return found;
}

/// Goes to every page; what is wrong with them.
async function looksAround(browser, places, looks) {
  const more = looks.as;
  const [inside, outside] = [await browser.somebody(more), await browser.somebody({ ...more, asGuest: true })];
  const wrong = [];
  for (const { path, status, isOpen } of places) {
    holds(path && !path.includes("undefined"), `nothing to look at: ${path}`);
    const somebody = isOpen ? outside : inside;
    await somebody.goes(path, status);
    wrong.push(...(await looks(somebody.page)).map((what) => `${path}: ${what}`));
  }
  return wrong;
}

/// At a desk, light and dark. What a dark page has more is other colours.
async function atDesk(page) {
  await page.emulateMedia({ colorScheme: "light" });
  const light = await violations(page);
  await page.emulateMedia({ colorScheme: "dark" });
  return [...light, ...(await violations(page, ["color-contrast"])), ...(await tooWide(page))];
}
atDesk.as = { viewport: DESK };

/// On a telephone, in German, whose words are longer: pages speak the language a browser asks for.
async function onTelephone(page) {
  const wrong = [...(await violations(page)), ...(await tooWide(page)), ...(await outOfSight(page))];
  return wrong.map((what) => `on a telephone: ${what}`);
}
onTelephone.as = { viewport: PHONE, locale: "de-DE" };

/// The tab one is at, where the row of tabs is wider than the window and it is not in it.
async function outOfSight(page) {
  const here = await page.evaluate(() => {
    const tab = document.querySelector(".tabs [aria-current]");
    const { left, right } = tab?.getBoundingClientRect() ?? { left: 0, right: 0 };
    return { left, right, window: innerWidth };
  });
  return here.left < 0 || here.right > here.window + 1 ? [`the tab one is at is out of sight: ${JSON.stringify(here)}`] : [];
}

async function tooWide(page) {
  const pixels = await overhang(page);
  return pixels > 0 ? [`wider than the window by ${pixels} pixels`] : [];
}
