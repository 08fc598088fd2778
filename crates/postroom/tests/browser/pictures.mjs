// The three pages of a campaign that people are shown first: under way, reported, looked into.

import { api, told, until } from "./driver.mjs";

const SOURCE = `<p>Dear {{ first_name }},</p><p>Summer is here.</p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a> {{ postal_address }}</p>`;

/// Draws them, if pictures are wanted.
export default async function story(anna) {
  if (!told.pictures) return;
  const known = await api("GET", "/campaigns?limit=50");
  const done = `/campaigns/${known.data.find((campaign) => campaign.name === "Spring news").id}`;
  await anna.goes(`${done}/report`);
  await anna.pictures("report");
  await anna.goes(`${done}/investigate`);
  await anna.leaves(() => anna.page.locator(".causes a", { hasText: "mailbox full" }).first().click());
  await anna.pictures("investigation");
  await api("PUT", "/settings/postal_address", { value: "Letters & Seeds, 12 Orchard Lane, 0150 Halden" });
  const message = { format: "html", source: SOURCE };
  const written = { name: "Summer news", from: "Mira at Letters <mira@letters.example>", subject: "Summer", message, audience: { include: ["everyone"] } };
  const { id } = await api("POST", "/campaigns", written);
  await api("POST", `/campaigns/${id}/start`, { cancel_window_seconds: 0 });
  await until("mail moves", async () => (await api("GET", `/campaigns/${id}`)).equation.accepted > 40);
  await anna.goes(`/campaigns/${id}`);
  await anna.page.locator("[data-part=lanes] tbody tr").first().waitFor();
  await anna.pictures("machine-room");
}
