// A message and names that try to act: nothing of them runs, wherever the workspace shows them: in the composer's frame in
// each of its ways, alone in the window, in the message of one person, in the browser of whoever got it.

import { DESK, api, holds, linkTo, step, told } from "./driver.mjs";
import { MARKUP } from "./furnish.mjs";

/// Each would be seen: by a dialog, by `data-ran` on some document, by another page in the window, by a request for `/ran`.
const HOSTILE = `<!doctype html><html><head><title>Spring</title><meta http-equiv="refresh" content="0;url=/ran?refresh"><base href="/ran/">
<link rel="stylesheet" href="/ran.css"><script>document.documentElement.dataset.ran=1;alert(1);top.document.documentElement.dataset.ran=1;top.location="/ran?script"</script><script src="/ran.js"></script></head>
<body onload="alert(2);document.documentElement.dataset.ran=2"><h1>Hello {{ first_name }}</h1>
<img src="/ran-not-there.png" onerror="alert(3);parent.document.documentElement.dataset.ran=3"><svg onload="alert(4)"><script>alert(5)</script></svg>
<iframe src="javascript:alert(6)"></iframe><iframe srcdoc="<script>alert(7);top.document.documentElement.dataset.ran=7</script>"></iframe>
<object data="/ran.html"></object><embed src="/ran.html"><video><source onerror="alert(8)"></video>
<form action="/ran" id="f"><input name="x" autofocus onfocus="alert(9)"><button>Go</button></form><script>document.getElementById("f").submit()</script>
<a id="lure" href="javascript:alert(10);document.documentElement.dataset.ran=10">A lure</a> <a href="https://letters.example/">Out</a>
<details open ontoggle="alert(11)"><summary>x</summary></details><marquee onstart="alert(12)">x</marquee>
<p>${MARKUP}</p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a> <a href="{{ view_url }}">In the browser</a> {{ postal_address }}</p></body></html>`;

/// The only thing of a message that is fetched.
const FETCHED = "image";

export default async function story(browser, has) {
  const mia = await browser.somebody();
  const strays = [];
  mia.page.on("response", (answer) => {
    const kind = answer.request().resourceType();
    if (answer.url().includes("/ran") && kind !== FETCHED) strays.push(`${kind} ${answer.url()}`);
  });
  const audience = { include: [has.list] };
  const written = { name: `Hostile ${MARKUP}`, from: "News <news@letters.example>", subject: `Hi {{ first_name }} ${MARKUP}`, message: { format: "html", source: HOSTILE, preheader: MARKUP }, audience };
  const { id } = await api("POST", "/campaigns", written);
  const before = browser.complaints.length;
  let ways = 0;
  await mia.goes(`/campaigns/${id}/edit`);
  const kinds = await mia.page.getByLabel("As", { exact: true }).locator("option").evaluateAll((options) => options.map((one) => one.value));
  for (const kind of kinds) {
    for (const address of [`/campaigns/${id}/edit?as=${kind}&contact=${has.contact}`, `/campaigns/${id}/preview?as=${kind}&contact=${has.contact}`]) {
      await mia.goes(address);
      await settles(mia, address);
      ways++;
    }
  }
  for (const address of [has.view.replace(told.base, ""), `/campaigns/${id}`, `/campaigns/${id}/versions?version=1`, "/campaigns"]) {
    await mia.goes(address);
    await settles(mia, address);
    ways++;
  }
  await mia.page.setViewportSize(DESK);
  // What a browser says of what it did not do is not what a page does: those are its policies at work.
  const refused = browser.complaints.splice(before);
  const dialogs = refused.filter((complaint) => complaint.includes("a dialog"));
  holds(dialogs.length === 0, `dialogs: ${dialogs}`);
  holds(refused.some((complaint) => /Blocked script|Refused to|violates/i.test(complaint)), `nothing was refused: ${refused}`);
  holds(strays.length === 0, `fetched: ${strays}`);
  await mia.goesHome();
  step("hostile", { ways, refused: refused.length });
}

/// Everything came that will come; nothing ran, and the page is where it was.
async function settles(somebody, address) {
  const { page } = somebody;
  await page.waitForLoadState("load");
  const frame = page.frames().find((one) => one !== page.mainFrame() && one.url().includes("/preview"));
  const shown = frame ?? page.mainFrame();
  const lure = shown.locator("#lure");
  if (await lure.count()) await lure.click({ noWaitAfter: true });
  // Frames that the message tried to open never began; nothing can be asked of them.
  for (const one of new Set([page.mainFrame(), shown])) {
    holds((await one.locator("html[data-ran]").count()) === 0, `${address}: it ran`);
  }
  holds(page.url() === told.base + address, `${address}: the window went to ${page.url()}`);
}
