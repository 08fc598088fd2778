// Something for every page to show, made over the API beside the campaign of `postroom demo`. Whatever has a name has a
// hostile one: if any of it were taken for markup, `hostile.mjs` and every page would see it run.

import { api, until } from "./driver.mjs";

/// Shows a dialog wherever it is not text, and a dialog is a complaint.
export const MARKUP = `"><img src=x onerror=alert(1)><script>alert(2)</script>`;
/// The same where it stands in an attribute.
export const IN_ATTRIBUTE = `' onmouseover='alert(3)' x='javascript:alert(3)`;

const named = (name) => `${name} ${MARKUP}`;
const FROM = `News <news@letters.example>`;
const SOURCE = `<h1>{{ city }}</h1><p>Dear {{ first_name }},</p>
<p><a href="https://letters.example/spring">Spring</a></p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a> <a href="{{ view_url }}">In the browser</a> {{ postal_address }}</p>`;

/// What the house has, by the name a page's address knows it by.
export async function furnish() {
  const has = {};
  await api("PUT", "/settings/postal_address", { value: "Letters & Seeds, 12 Orchard Lane, 0150 Halden" });
  const people = [];
  for (const [email, first_name] of [["rae@openhouse.test", named("Rae")], ["sol@openhouse.test", IN_ATTRIBUTE]]) {
    const person = { email, attributes: { first_name, city: MARKUP, [named("value")]: MARKUP }, lead_source: named("fair"), consent: { source: named("form") } };
    people.push((await api("POST", "/contacts", person)).id);
  }
  has.contact = people[0];
  const list = await api("POST", "/lists", { name: named("Weekly"), topic: "news", public: true, confirms: true, sender: FROM });
  has.list = list.id;
  await api("POST", `/lists/${list.id}/members`, { contacts: people, consent: { source: named("form") } });
  has.segment = (await api("POST", "/segments", { name: named("Gardeners"), text: `attr.city == "Halden" || opened` })).id;
  const letter = { from: FROM, subject: named("Welcome"), message: { format: "html", source: SOURCE } };
  const steps = [{ wait: { for: { days: 2 } } }, { branch: { when: `attr.plan == "pro"`, then: [{ send: "hello" }], else: ["end"] } }, "end"];
  has.sequence = (await api("POST", "/sequences", { name: named("Welcome"), definition: { entries: [{ by: "api" }], steps }, messages: { hello: letter } })).id;
  const bo = await api("POST", "/users", { email: "bo@letters.example", name: named("Bo"), role: "analyst" });
  Object.assign(has, { user: bo.user.id, welcome: bo.link });
  const made = await api("POST", "/keys", { name: named("shop"), scopes: ["events.read"] });
  has.key = made.key.id;
  await api("PUT", "/sources/second", { ehlo_name: "second.letters.example" });
  has.webhook = (await api("POST", "/webhooks", { url: "https://hooks.letters.example/in", events: ["*"], description: MARKUP })).webhook.id;
  has.workspace = (await api("GET", "/me")).workspace;
  await api("POST", "/suppressions", { target: "stop@letters.example", note: MARKUP });
  await api("POST", "/alerts/channels", { name: named("pager"), kind: "ntfy", url: "https://ntfy.letters.example/postroom" }).catch(() => null);
  await api("POST", "/holds", { domain: "wobbly-dns.test", why: MARKUP });
  Object.assign(has, await campaigns(people));
  return has;
}

/// A campaign for each state a campaign's page knows.
async function campaigns() {
  const groups = await api("GET", "/campaigns?limit=50");
  const done = groups.data.find((campaign) => campaign.name === "Spring news").id;
  const write = (name, include, subject, compare) => api("POST", "/campaigns", { name, from: FROM, subject, message: { format: "html", source: SOURCE }, audience: { include }, tracking: { mode: "full" }, compare });
  const others = [{ subject: named("Or this, {{ first_name }}"), preheader: MARKUP, from_name: IN_ATTRIBUTE }, { message: { format: "html", source: SOURCE } }];
  const draft = (await write(named("Draft"), ["everyone"], named("For {{ first_name }}"), { variants: others, sample_percent: 40 })).id;
  const planned = (await write(named("Planned"), ["everyone"], "Later")).id;
  await api("POST", `/campaigns/${planned}/start`, { at: new Date(Date.now() + 86_400_000).toISOString() });
  // Toward servers that do not answer, so that it is under way for as long as anybody looks.
  const sleepers = Array.from({ length: 12 }, (_, at) => `sleeper${at}@asleep.test`);
  const ids = [];
  for (const email of [...sleepers, "early@openhouse.test"]) ids.push((await api("POST", "/contacts", { email, consent: { source: "form" } })).id);
  const list = (await api("POST", "/lists", { name: "Sleepers" })).id;
  await api("POST", `/lists/${list}/members`, { contacts: ids, consent: { source: "form" } });
  const sending = (await write(named("Under way"), [list], "Sleep well", { variants: others, sample_percent: 100 })).id;
  await api("POST", `/campaigns/${sending}/start`, { cancel_window_seconds: 0 });
  await until("a letter is accepted", async () => (await api("GET", `/campaigns/${sending}`)).equation.accepted > 0);
  return { done, draft, planned, sending };
}
