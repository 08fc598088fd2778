// Somebody at a browser, in plain verbs: what stories are told with.
//
// A story is a file with one function; `tell.mjs` runs it. What it finds it says as JSON lines on standard output, a line
// for each step; what it wants of the test beside it, it asks there and reads the answer from standard input. Nothing here
// sleeps for a guess: every wait is for something to be there, for as long as a busy machine may need.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { smaller } from "./png.mjs";

/// A browser that does not start is started again so often.
const LAUNCHES_MAX = 3;
const PASSWORD = "a kettle of nine herons";
/// A desk and a telephone.
export const DESK = { width: 1280, height: 900 };
export const PHONE = { width: 390, height: 844 };

/// What the test told: `base`, `link`, `key`, `chromium`, `modules`, `pictures`, and what a story needs besides.
export const told = JSON.parse(process.argv[3] ?? "{}");

/// Nothing that is waited for may take longer.
const PATIENCE_MS = told.patience_ms ?? 120_000;

const require = createRequire(`${told.modules}/`);
const { chromium } = require("playwright-core");

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/// A step of the story came to its end.
export const step = (name, facts = {}) => say({ step: name, ...facts });

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/// Asks the test beside the story for something only it can do.
export async function ask(what, facts = {}) {
  say({ ask: what, ...facts });
  const { value, done } = await answers.next();
  if (done) throw new Error(`nobody answered "${what}"`);
  return JSON.parse(value);
}

/// Fails the story unless it holds.
export function holds(is, otherwise) {
  if (!is) throw new Error(otherwise);
}

/// A request of the API, as a program makes it.
export async function api(method, path, body) {
  const headers = { authorization: `Bearer ${told.key}`, "content-type": "application/json" };
  const answer = await fetch(`${told.base}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  holds(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

/// Looks until `what` gives something.
export async function until(name, what, patience = PATIENCE_MS) {
  const ends = Date.now() + patience;
  for (;;) {
    const found = await what();
    if (found) return found;
    holds(Date.now() < ends, `waited in vain: ${name}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/// A link of the latest letter to somebody, by the door it leads to (`u` to unsubscribe, `confirm`, …), once it came.
export async function linkTo(door, address) {
  const link = new RegExp(`${told.base}/${door}/[\\w-]+`);
  return until(`a letter to ${address} with a link to /${door}/`, async () => {
    const { letter } = await ask("letter", { to: address });
    // Of a body in quoted-printable (RFC 2045 section 6.7) only its soft line ends and signs stand in the way.
    return letter?.replace(/=\r?\n/g, "").replace(/=3D/g, "=").match(link)?.[0];
  });
}

/// The browser, and what went wrong in it.
export class Browser {
  static async start() {
    const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--force-color-profile=srgb"];
    let why;
    for (let launch = 1; launch <= LAUNCHES_MAX; launch++) {
      try {
        const started = await chromium.launch({ executablePath: told.chromium, args, timeout: PATIENCE_MS });
        return new Browser(started);
      } catch (error) {
        why = error;
      }
    }
    throw why;
  }

  constructor(started) {
    this.started = started;
    /// Whatever a page complains of: exceptions, errors of its console (breaches of its policy are among them), dialogs.
    this.complaints = [];
    this.state = undefined;
  }

  /// Somebody with a window of their own; signed in, if somebody did and `asGuest` is not said.
  async somebody({ asGuest = false, ...more } = {}) {
    const storageState = asGuest ? undefined : this.state;
    const context = await this.started.newContext({ viewport: DESK, reducedMotion: "reduce", locale: "en-GB", storageState, ...more });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const somebody = new Somebody(this, context, page);
    const complain = (what) => this.complaints.push(`${somebody.at()}: ${what}`);
    page.on("pageerror", (error) => complain(String(error)));
    page.on("console", (message) => {
      // A browser says itself that a page was not found; whoever looks for that knows.
      const isExpected = message.text().includes(`status of ${somebody.expects}`);
      if (message.type() === "error" && !isExpected) complain(message.text());
    });
    page.on("dialog", async (dialog) => {
      complain(`a dialog: ${dialog.message()}`);
      await dialog.dismiss();
    });
    return somebody;
  }

  /// The owner of an installation that nobody owns yet, by the link that the server printed.
  async owner() {
    const { link } = await ask("link");
    const anna = await this.somebody();
    await anna.goes(link);
    await anna.types("Your name", "Anna");
    await anna.types("E-mail address", "anna@letters.example");
    await anna.types("Password", PASSWORD);
    await anna.presses("Begin");
    holds(!anna.at().startsWith("/welcome"), `the owner is left at ${anna.at()}`);
    await anna.sees("Campaigns", "header.side");
    await anna.isKnown();
    return anna;
  }

  async end() {
    await this.started.close();
  }
}

/// Somebody who looks, types and presses.
export class Somebody {
  constructor(browser, context, page) {
    Object.assign(this, { browser, context, page, expects: 200 });
  }

  /// Where they are, without the server.
  at() {
    return this.page.url().replace(told.base, "");
  }

  /// Goes to a page that is answered with `status`.
  async goes(path, status = 200) {
    this.expects = status;
    const answer = await this.page.goto(path.startsWith("http") ? path : told.base + path);
    holds(answer.status() === status, `${path} is answered with ${answer.status()}`);
  }

  async types(label, text) {
    await this.page.getByLabel(label, { exact: true }).first().fill(text);
  }

  async chooses(label, option) {
    await this.page.getByLabel(label, { exact: true }).first().selectOption(option);
  }

  async ticks(label) {
    await this.page.getByLabel(label, { exact: true }).first().check();
  }

  /// Presses a button, and is where it leads.
  async presses(name) {
    await this.leaves(() => this.page.locator("#main").getByRole("button", { name }).first().click());
  }

  /// Sends the form that has this field.
  async sends(label) {
    const form = this.page.locator("form").filter({ has: this.page.getByLabel(label, { exact: true }) });
    await this.leaves(() => form.getByRole("button").first().click());
  }

  /// Follows a link of the page, and is where it leads.
  async follows(name) {
    await this.leaves(() => this.page.locator("#main").getByRole("link", { name }).first().click());
  }

  /// Does what leads elsewhere.
  async leaves(act) {
    const gone = this.page.waitForEvent("framenavigated", (frame) => frame === this.page.mainFrame());
    await Promise.all([gone, act()]);
    await this.page.waitForLoadState("load");
  }

  /// What the page says.
  async reads(selector = "#main") {
    const text = await this.page.locator(selector).first().innerText();
    return text.replace(/\s+/g, " ").trim();
  }

  /// Waits for words.
  async sees(words, selector = "#main") {
    await this.page.locator(selector).filter({ hasText: words }).first().waitFor({ state: "attached" });
  }

  /// Whoever signed in here is signed in wherever somebody comes from now on.
  async isKnown() {
    this.browser.state = await this.context.storageState();
  }

  /// Keeps pictures of what is there, light and dark, at a desk and on a telephone, if pictures are wanted.
  async pictures(name) {
    if (!told.pictures) return;
    mkdirSync(told.pictures, { recursive: true });
    for (const [size, viewport] of [["desk", DESK], ["phone", PHONE]]) {
      for (const colorScheme of ["light", "dark"]) {
        await this.page.setViewportSize(viewport);
        await this.page.emulateMedia({ colorScheme });
        await this.page.evaluate(() => window.scrollTo(0, 0));
        const drawn = await this.page.screenshot({ animations: "disabled" });
        writeFileSync(`${told.pictures}/${name}-${size}-${colorScheme}.png`, smaller(drawn));
      }
    }
    await this.page.setViewportSize(DESK);
    await this.page.emulateMedia({ colorScheme: "light" });
  }

  async goesHome() {
    await this.context.close();
  }
}

const rules = () => readFileSync(`${told.modules}/node_modules/axe-core/axe.min.js`, "utf8");

/// What axe-core finds wrong with the page, in words; with `only`, by these rules alone.
export async function violations(page, only) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(rules());
  const runOnly = only ?? ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  return page.evaluate(async (runOnly) => {
    const found = await window.axe.run(document, { runOnly, iframes: false, resultTypes: ["violations"] });
    const nodes = (one) => one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ");
    return found.violations.map((one) => `${one.id}: ${nodes(one)}`);
  }, runOnly);
}

/// By how many pixels the page is wider than the window.
export async function overhang(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}
