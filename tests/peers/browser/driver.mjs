// Runs headless Chromium for `tests/peers/browser.py`: node driver.mjs NODE_MODULES CHROMIUM PROFILE
//
// Commands are JSON lines on standard input, events JSON lines on standard output. The end of standard input ends everything.
// `open` (page, and the arguments of `peer.start` in page.js) makes a page; `call` (page, function, argument) calls one
// of its functions; `screenshot` (page, path); `close` (page). Each is answered by `answer` (request, result or error).

import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const [, , modules, chromium, profile] = process.argv;
const playwright = createRequire(join(modules, "index.js"))("playwright-core");

const HERE = dirname(fileURLToPath(import.meta.url));
const API = join(modules, "gstwebrtc-api", "dist", "gstwebrtc-api-3.0.0.min.js");
const FILES = new Map([
  ["/page.html", join(HERE, "page.html")],
  ["/page.css", join(HERE, "page.css")],
  ["/page.js", join(HERE, "page.js")],
  ["/pattern.js", join(HERE, "pattern.js")],
  ["/data.js", join(HERE, "data.js")],
  ["/gstwebrtc-api.js", API],
]);
const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript" };
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];

const pages = new Map();

function emit(event, fields) {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

async function serveFiles() {
  const server = createServer((request, response) => {
    const file = FILES.get(request.url);
    if (file === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "Content-Type": TYPES[extname(file)] });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function launch() {
  return playwright.chromium.launchPersistentContext(profile, {
    executablePath: chromium,
    headless: true,
    args: FLAGS,
    viewport: { width: 800, height: 720 },
    // The program ends with its input. A Ctrl-C in the terminal would end it before the test has ended its sessions.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
}

async function open(context, origin, { page: number, ...options }) {
  const page = await context.newPage();
  pages.set(number, page);
  page.on("pageerror", (error) => console.error(`page ${number}: ${error.stack}`));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      console.error(`page ${number}: ${message.text()}`);
    }
  });
  await page.exposeFunction("tell", (event, fields) => emit(event, { page: number, ...fields }));
  await page.goto(`${origin}/page.html`);
  await page.waitForFunction(() => window.peer !== undefined);
  await page.evaluate((given) => window.peer.start(given), options);
}

async function obey(context, origin, { command, ...fields }) {
  if (command === "open") {
    return open(context, origin, fields);
  }
  const page = pages.get(fields.page);
  switch (command) {
    case "call":
      return page.evaluate(([name, argument]) => window.peer[name](argument), [fields.function, fields.argument]);
    case "screenshot":
      return void (await page.screenshot({ path: fields.path }));
    case "close":
      pages.delete(fields.page);
      return page.close();
    default:
      throw new Error(`no command ${command}`);
  }
}

async function answer(context, origin, { request, ...command }) {
  try {
    const result = await obey(context, origin, command);
    emit("answer", { request, result: result ?? null });
  } catch (error) {
    emit("answer", { request, error: String(error) });
  }
}

const server = await serveFiles();
const origin = `http://127.0.0.1:${server.address().port}`;
const context = await launch();
emit("browser", { version: context.browser()?.version() ?? null });
for await (const line of createInterface({ input: process.stdin })) {
  // Not awaited, because one page's command must not wait for another's.
  answer(context, origin, JSON.parse(line));
}
await context.close();
server.closeAllConnections();
server.close();
