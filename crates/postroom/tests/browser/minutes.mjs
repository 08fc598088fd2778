// The first ten minutes: from an empty directory to ten verdicts on the screen, why one of the ten did not get it, what is
// known of one of them, how another leaves, and what the next campaign says to that.

import { DESK, ask, holds, linkTo, step, until } from "./driver.mjs";
import keyboard from "./keyboard.mjs";

const DOMAIN = "letters.example";
/// Who lives nowhere, and who leaves.
const DEAD = "kim.left@northmail.test";
const LEAVES = "ines@lookmail.test";
const PEOPLE = [
  ["ada@northmail.test", "Ada"],
  [LEAVES, "Inês"],
  [DEAD, "Kim"],
  ["bo@openhouse.test", "Bo"],
  ["cy@papermill.test", "Cy"],
  ["dora@village-post.test", "Dora"],
  ["emil@two-doors.test", "Emil"],
  ["fay@orchard.test", "Fay"],
  ["gus@yonder.test", "Gus"],
  ["hedi@brightfield.test", "Hedi"],
];
const MESSAGE = `<p>Dear {{ first_name }},</p>
<p>The first crocuses are out.</p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a> · {{ postal_address }}</p>`;

export default async function story(browser) {
  const anna = await browser.owner();
  step("owner");
  await publishesKey(anna);
  await saysWhoWrites(anna);
  await bringsPeople(anna);
  const campaign = await writes(anna);
  await tries(anna, campaign);
  await begins(anna, campaign);
  // It can be taken back for some time; meanwhile somebody who has no mouse sends another.
  await keyboard(browser);
  await sees(anna, campaign);
  await investigates(anna, campaign);
  await unsubscribes(browser, anna);
  await skipsThem(anna, campaign);
}

async function publishesKey(anna) {
  await anna.goes("/domains");
  await anna.types("Domain", DOMAIN);
  await anna.presses("Make its key");
  holds(anna.at() === `/domains/${DOMAIN}`, anna.at());
  // What is to be published, as it stands on the page to be copied.
  const records = await anna.page.locator("section.card").evaluateAll((cards) => {
    const line = (card, name) => [...card.querySelectorAll("dt")].find((dt) => dt.textContent === name)?.nextElementSibling.textContent.trim();
    const records = cards.map((card) => ({ name: line(card, "Name"), value: line(card, "Value") }));
    return records.filter(({ name, value }) => name && value);
  });
  await ask("publish", { records });
  await anna.presses("Look into DNS");
  await anna.sees("DNS shows every key");
  await anna.sees("v=DMARC1; p=none");
  await anna.pictures("domain");
  step("domain", { records: records.map(({ name }) => name) });
}

async function saysWhoWrites(anna) {
  await anna.goes("/settings");
  await anna.types("Legal name and postal address", "Letters & Seeds, 12 Orchard Lane, 0150 Halden");
  await anna.sends("Legal name and postal address");
  step("postal address");
}

async function bringsPeople(anna) {
  await anna.goes("/imports/new");
  const rows = [["email", "first_name"], ...PEOPLE, ["nobody at nowhere", "Nobody"]];
  await anna.types("Or paste rows", rows.map((row) => row.join(",")).join("\n"));
  await anna.presses("Look at it");
  await anna.sees("What the columns mean");
  holds((await anna.page.getByLabel("email", { exact: true }).inputValue()) === "email", "the addresses are known for what they are");
  await anna.types("How did these people agree to be mailed?", "the paper form in the shop");
  await anna.pictures("import");
  await anna.presses("Try it without a trace");
  await anna.sees("What an import would come to now");
  await anna.sees("nobody at nowhere");
  await anna.presses("Import now");
  await anna.sees("The people are there");
  await anna.sees("11 = 11 new");
  step("import");
}

async function writes(anna) {
  await anna.goes("/campaigns");
  await anna.follows("New campaign");
  await anna.types("Name", "Crocuses");
  await anna.types("From", `Anna <news@${DOMAIN}>`);
  await anna.ticks("Everybody");
  await anna.presses("Begin to write");
  const campaign = anna.at().replace(/\/edit.*/, "");
  await anna.types("Subject", "The first crocuses, {{ first_name }}");
  await anna.types("Preheader", "They are out");
  await anna.types("Message", MESSAGE);
  await anna.page.getByLabel("With the values of").selectOption({ label: DEAD });
  await anna.sees("The first crocuses, Kim", "#shown");
  const mail = anna.page.frameLocator("#shown iframe");
  await mail.getByText("Dear Kim").waitFor();
  await isLaidOutAtADesk(anna);
  await anna.sees("10", "[data-reach]");
  await anna.pictures("composer");
  await losesNothing(anna, campaign);
  step("written", { reach: await anna.reads("[data-reach]") });
  return campaign;
}

// A message as on a desk is laid out as wide as it is there, and made smaller until it fits, however wide the window is.
async function isLaidOutAtADesk(anna) {
  const frame = anna.page.locator("#shown iframe.desktop");
  const measure = (one) => [one.offsetWidth, one.getBoundingClientRect().width, one.parentElement.clientWidth];
  for (const width of [360, 1024, 1280, 1920]) {
    await anna.page.setViewportSize({ width, height: DESK.height });
    const [laid, seen, place] = await frame.evaluate(measure);
    holds(laid >= 640 && seen <= place + 1, `at ${width} it is laid out ${laid} wide and seen ${seen} wide in ${place}`);
  }
  await anna.page.setViewportSize(DESK);
}

// Nobody waits until what they typed is saved: they go on to the next page, send in a picture, close the window.
async function losesNothing(anna, campaign) {
  const subject = () => anna.page.getByLabel("Subject", { exact: true }).first().inputValue();
  const typed = (words) => anna.types("Subject", words);
  await typed("The crocuses, {{ first_name }}");
  await anna.follows("Before it begins");
  await anna.goes(`${campaign}/edit`);
  holds((await subject()) === "The crocuses, {{ first_name }}", `after the tab it is ${await subject()}`);
  await typed("Crocuses, {{ first_name }}");
  await anna.page.getByLabel("A picture", { exact: true }).setInputFiles({ name: "cat.svg", mimeType: "image/svg+xml", buffer: Buffer.from("<svg/>") });
  anna.expects = 422;
  await anna.presses("Send in");
  await anna.sees("this is no PNG, JPEG, GIF or WebP picture", "#picture-wrong");
  holds((await subject()) === "Crocuses, {{ first_name }}", `after the picture it is ${await subject()}`);
  await typed("The first crocuses of all, {{ first_name }}");
  // To an address that was typed: nothing holds the browser up.
  await anna.goes(`${campaign}/versions`);
  await until("what was typed at the last moment arrives", async () => {
    await anna.goes(`${campaign}/edit`);
    return (await subject()) === "The first crocuses of all, {{ first_name }}";
  });
  // While nobody answers it says so, and as soon as somebody does it is saved, with no further key.
  const away = (route) => (route.request().method() === "POST" ? route.fulfill({ status: 503, body: "" }) : route.continue());
  await anna.page.route("**/edit", away);
  anna.expects = 503;
  await typed("Crocuses at last, {{ first_name }}");
  await anna.sees("Not saved just now", "#saved");
  await anna.page.unroute("**/edit", away);
  await until("what nobody took is taken", async () => (await anna.reads("#saved")) === "");
  anna.expects = 200;
  await anna.goes(`${campaign}/edit`);
  holds((await subject()) === "Crocuses at last, {{ first_name }}", `after nobody answered it is ${await subject()}`);
  // What cannot be saved keeps whoever typed it on the page, once, and says why.
  await typed("The first crocuses, {{ first_name }}");
  await anna.types("From", "nobody");
  anna.expects = 422;
  await anna.page.locator("#main").getByRole("link", { name: "Before it begins" }).first().click();
  await anna.sees("Not saved", "#saved");
  holds(anna.at().startsWith(`${campaign}/edit`), anna.at());
  anna.expects = 200;
  await anna.types("From", `Anna <news@${DOMAIN}>`);
  await anna.follows("Before it begins");
  await anna.goes(`${campaign}/edit`);
  holds((await subject()) === "The first crocuses, {{ first_name }}", `in the end it is ${await subject()}`);
  await anna.sees("10", "[data-reach]");
  step("left at once");
}

async function tries(anna, campaign) {
  await anna.presses("Save and test…");
  holds(anna.at() === `${campaign}/test`, anna.at());
  await anna.types("To", "anna@openhouse.test");
  await anna.presses("Send the test");
  await anna.page.locator('#main a[href^="/deliveries/"]').first().waitFor();
  await anna.leaves(() => anna.page.locator('#main a[href^="/deliveries/"]').first().click());
  await until("the test arrives", async () => {
    await anna.page.reload();
    return (await anna.reads("h1")).includes("accepted");
  });
  step("test arrived");
}

async function begins(anna, campaign) {
  await anna.goes(campaign);
  await anna.sees("It may begin");
  await anna.pictures("review");
  await anna.presses("Send to 10 people");
  await anna.sees("Until then it can be taken back");
  step("begun");
}

async function sees(anna, campaign) {
  await anna.goes(campaign);
  // The page moves by itself: from the countdown to the machine room, and from there to the report.
  await anna.sees("These totals are final");
  const equation = await anna.reads(".card .eq");
  const second = await anna.reads("[data-eq=attempted]");
  await anna.goes(`${campaign}/people`);
  const verdicts = await anna.page.locator("#main tbody tr").evaluateAll((rows) => rows.map((row) => row.innerText.replace(/\s+/g, " ")));
  await anna.pictures("verdicts");
  step("verdicts", { equation, second, verdicts });
}

async function investigates(anna, campaign) {
  await anna.goes(`${campaign}/investigate`);
  await anna.sees("mailbox does not exist");
  await anna.leaves(() => anna.page.locator(".causes a").first().click());
  await anna.leaves(() => anna.page.locator(".pick.people a", { hasText: DEAD }).click());
  await anna.sees("the address", ".detail");
  await anna.page.locator(".detail summary", { hasText: "The conversation" }).first().click();
  const said = await anna.reads(".detail pre");
  step("investigation", { said, advice: await anna.reads(".detail") });
  await anna.leaves(() => anna.page.locator(".detail a.mono").click());
  await anna.sees("Timeline");
  step("timeline", { told: await anna.reads("ol.time"), note: await anna.reads(".note.skip") });
}

async function unsubscribes(browser, anna) {
  const url = await linkTo("u", LEAVES);
  const reader = await browser.somebody({ asGuest: true });
  await reader.goes(url);
  const before = await reader.reads("body");
  await reader.pictures("unsubscribe");
  await reader.leaves(() => reader.page.getByRole("button", { name: "Unsubscribe" }).click());
  await reader.sees("You are unsubscribed", "body");
  await reader.goesHome();
  await anna.goes(`/contacts?q=${LEAVES}`);
  await anna.leaves(() => anna.page.locator("#main tbody a").first().click());
  step("unsubscribed", { before, badge: await anna.reads("h1 .badge"), told: await anna.reads("ol.time") });
}

async function skipsThem(anna, campaign) {
  await anna.goes(campaign);
  await anna.presses("Duplicate");
  await anna.goes(anna.at().replace(/\/edit.*/, ""));
  await anna.sees("Who would be skipped");
  step("skipped", { equation: await anna.reads(".card .eq"), why: await anna.reads("#main details ul") });
}
