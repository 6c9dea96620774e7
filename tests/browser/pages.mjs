// browser/pages: what a person meets on the demo's pages, done by a real browser.
import { copyFile, rename } from "node:fs/promises";
import {
  test, runTests, until, equal, sleep, server, base, directory, prefix, WebSocket,
} from "./harness.mjs";

// -- A page of the chat ------------------------------------------------------------------------

const state = (page) => page.textContent("#chat-state-text");
const connected = (page) => until("connected", async () => (await state(page)) === "Connected");
const lines = (page) => page.$$eval("#chat-log p", (all) => all.map((p) => p.firstChild.data));
const shows = (page, line) =>
  until(`the line ${JSON.stringify(line)}`, async () => (await lines(page)).includes(line));

async function open(context, path) {
  const page = await context.newPage();
  await page.goto(base + path);
  await connected(page);
  return page;
}

async function type(page, text) {
  await page.fill("#chat-message-input", text);
  await page.press("#chat-message-input", "Enter");
}

// A client without a page, to fill a room quickly.
async function say(path, texts) {
  const socket = new WebSocket(base.replace("http", "ws") + path);
  await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
  for (const message of texts) socket.send(JSON.stringify({ message }));
  socket.close();
  await new Promise((resolve) => socket.on("close", resolve));
}

// -- The chat ----------------------------------------------------------------------------------

test("two pages see each other's lines, with the prefix and with emoji", async (context) => {
  const [one, two] = [await open(context, "/chat"), await open(context, "/chat")];

  await type(one, "hello 😀 👩‍👩‍👧‍👦 🇨🇳");
  await shows(two, `${prefix}hello 😀 👩‍👩‍👧‍👦 🇨🇳`);
  await shows(one, `${prefix}hello 😀 👩‍👩‍👧‍👦 🇨🇳`);

  await two.fill("#chat-message-input", "你好，世界");
  await two.click("#chat-message-submit");
  await shows(one, `${prefix}你好，世界`);
  equal(await lines(one), await lines(two), "both logs");
  equal(await two.inputValue("#chat-message-input"), "", "the input after sending");
  equal(await two.evaluate(() => document.activeElement.id), "chat-message-input", "the focus");
});

test("rooms are apart, whatever they are called", async (context) => {
  const paths = ["/chat", "/chat/red/", "/chat/blue/", "/chat/运维/", "/chat/a%20b%3Fc/"];
  const pages = [];
  for (const path of paths) pages.push(await open(context, path));
  const second = await open(context, "/chat/运维/");

  for (const [i, page] of pages.entries()) await type(page, `line ${i}`);
  for (const [i, page] of pages.entries()) await shows(page, `${prefix}line ${i}`);
  await shows(second, `${prefix}line 3`);
  await sleep(300);
  for (const [i, page] of pages.entries())
    equal(await lines(page), [`${prefix}line ${i}`], `what is heard in ${paths[i]}`);
  equal(await second.textContent("h1"), "运维", "the room's name on the page");
});

test("what people type is text, never markup", async (context) => {
  const page = await open(context, "/chat");
  const texts = [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "&lt;b&gt; &amp; \\u0041 \"quotes\" 'and' %s %n",
    '"}); alert(1); ({"message":"',
  ];
  for (const text of texts) await type(page, text);
  for (const text of texts) await shows(page, prefix + text);
  equal(await page.$$eval("#chat-log p *", (all) => all.length), 0, "elements in the lines");
});

test("the longest line that can be typed arrives whole", async (context) => {
  const page = await open(context, "/chat");
  const text = "语".repeat(4000);
  await type(page, text);
  await shows(page, prefix + text);
});

test("what is said is compressed, if the server is not built without that", async (context) => {
  const page = await open(context, "/chat");
  const extensions = await page.evaluate(async () => {
    const socket = new WebSocket(`ws://${location.host}/ws/chat/`);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    const agreed = socket.extensions;
    socket.close();
    return agreed;
  });
  const expected = process.env.DEMO_PLAIN ? "" : "permessage-deflate";
  equal(extensions.split(";")[0], expected, "the extensions of a page's socket");
});

test("a line of blanks is not sent", async (context) => {
  const page = await open(context, "/chat");
  await type(page, "   ");
  await type(page, "");
  await type(page, "after");
  await shows(page, `${prefix}after`);
  equal(await lines(page), [`${prefix}after`], "the log");
});

test("Enter that picks a word in an input method does not send", async (context) => {
  const page = await open(context, "/chat");
  const devtools = await context.newCDPSession(page);
  const compose = (text) =>
    devtools.send("Input.imeSetComposition", {
      text, selectionStart: text.length, selectionEnd: text.length,
    });

  await page.focus("#chat-message-input");
  await compose("ni");
  await compose("你");
  await page.keyboard.press("Enter");
  await sleep(200);
  equal(await lines(page), [], "the log while composing");
  await devtools.send("Input.insertText", { text: "你" });
  equal(await page.inputValue("#chat-message-input"), "你", "the input after composing");

  // Safari ends the composition first, then tells of the Enter.
  await page.$eval("#chat-message-input", (input) =>
    input.dispatchEvent(
      new KeyboardEvent("keydown", { key: "Enter", keyCode: 229, bubbles: true, cancelable: true }),
    ));
  await sleep(200);
  equal(await lines(page), [], "the log after Safari's Enter");

  await page.keyboard.press("Enter");
  await shows(page, `${prefix}你`);
});

// -- The log -----------------------------------------------------------------------------------

const fromEnd = (page) =>
  page.$eval("#chat-log", (log) => log.scrollHeight - log.scrollTop - log.clientHeight);

test("the log follows what comes, unless somebody reads further up", async (context) => {
  const page = await open(context, "/chat/scroll/");
  await say("/ws/chat/scroll/", Array.from({ length: 100 }, (_, i) => `line ${i}`));
  await shows(page, `${prefix}line 99`);
  await until("the log at its end", async () => (await fromEnd(page)) < 2);

  await page.$eval("#chat-log", (log) => (log.scrollTop = 100));
  await sleep(100);
  await type(page, "one more");
  await shows(page, `${prefix}one more`);
  equal(await page.$eval("#chat-log", (log) => log.scrollTop), 100, "the place in the log");

  await page.click("#chat-newer");
  await until("the log at its end", async () => (await fromEnd(page)) < 2);
  await until("the button gone", async () => !(await page.isVisible("#chat-newer")));
});

test("the log keeps its last 1,000 lines", async (context) => {
  const page = await open(context, "/chat/long/");
  await say("/ws/chat/long/", Array.from({ length: 1100 }, (_, i) => `line ${i}`));
  await shows(page, `${prefix}line 1099`);
  const all = await lines(page);
  equal([all.length, all[0]], [1000, `${prefix}line 100`], "the log");
});

// -- Losing the connection ---------------------------------------------------------------------

test("a server that goes away and comes back: nothing typed is lost", { loses: true },
  async (context) => {
    const [one, two] = [await open(context, "/chat"), await open(context, "/chat")];

    await server.end("SIGKILL");
    await until("the page says that it is lost", async () => (await state(one)).includes("lost"));
    await until("and in how many seconds", async () =>
      /in \d+ s/.test(await one.textContent("#chat-state")));
    await type(one, "typed meanwhile");
    equal(await one.inputValue("#chat-message-input"), "typed meanwhile", "the input");
    equal(await one.isVisible("#chat-hint"), true, "a word about it");

    await server.start();
    await Promise.all([connected(one), connected(two)]);
    equal(await one.isVisible("#chat-hint"), false, "the word about it");
    await one.press("#chat-message-input", "Enter");
    await shows(two, `${prefix}typed meanwhile`);
  });

test("a line that the server took and did not send back is shown as such", { loses: true },
  async (context) => {
    const page = await open(context, "/chat");

    await server.end("SIGSTOP");
    await type(page, "into the void");
    await server.end("SIGKILL");
    await shows(page, "Perhaps not delivered: into the void");

    await server.start();
    await connected(page);
    await page.click("text=Send again");
    await shows(page, `${prefix}into the void`);
    equal((await lines(page)).filter((line) => line.startsWith("Perhaps")), [], "the complaint");
  });

test("the waits grow, and end when the network returns or the button is pressed", { loses: true },
  async (context) => {
    const page = await open(context, "/chat");
    const seconds = async () => Number((await page.textContent("#chat-state")).match(/in (\d+) s/)?.[1] ?? 0);

    await server.end("SIGKILL");
    await until("a wait of more than 2 s", async () => (await seconds()) > 2, 15000);
    await server.start();
    await page.evaluate(() => window.dispatchEvent(new Event("online")));
    await until("connected at once", async () => (await state(page)) === "Connected", 1500);

    await server.end("SIGKILL");
    await until("a wait of more than 2 s", async () => (await seconds()) > 2, 30000);
    await server.start();
    await page.click("#chat-retry");
    await until("connected at once", async () => (await state(page)) === "Connected", 1500);
  });

test("a server that stops says so, and is gone in time", { loses: true }, async (context) => {
  const page = await open(context, "/chat");
  const began = Date.now();

  equal(await server.end("SIGTERM"), 0, "the status of the server");
  if (Date.now() - began > 6000) throw new Error("it took more than 5 s");
  await until("the code in the log", async () => (await lines(page)).some((line) => line.includes("1001")));
  await server.start();
  await connected(page);
});

// -- Live code ---------------------------------------------------------------------------------

// What a build does, with a ticker.so that run.sh has made.
async function install(version) {
  await copyFile(`${directory}/ticker-${version}.so`, `${directory}/consumers/ticker.new`);
  await rename(`${directory}/consumers/ticker.new`, `${directory}/consumers/ticker.so`);
}

const ticker = (page, what) => page.textContent(`#ticker-${what}`);
const ticks = async (page) => Number(await ticker(page, "ticks"));
const happened = (page) => page.$$eval("#ticker-log li", (all) => all.map((li) => li.textContent));

test("the code changes behind an open page, and back: the same connection goes on", async (context) => {
  const page = await context.newPage();
  let sockets = 0;
  page.on("websocket", () => sockets++);
  await page.goto(`${base}/ticker`);
  await until("two ticks", async () => (await ticks(page)) > 1);
  equal(await ticker(page, "version"), "1", "the version at first");
  const before = await ticks(page);

  await install(2);
  await until("the new version", async () => (await ticker(page, "version")) === "2");
  if ((await ticks(page)) <= before) throw new Error("it counts anew");
  equal(await ticker(page, "says"), "Second.", "what the new code says");
  const [line, ...more] = await happened(page);
  if (!/The code changed from version 1 to 2, over the same connection: (\d+) ticks/.test(line))
    throw new Error(`the page says: ${line}`);
  equal(more, [], "what else happened");

  await install(1);
  await until("the old version again", async () => (await ticker(page, "version")) === "1");
  equal((await happened(page)).length, 2, "changes");
  equal([sockets, await ticker(page, "connections")], [1, "once"], "connections");
});

test("a ticker whose server went away says that it counts anew", { loses: true }, async (context) => {
  const page = await context.newPage();
  await page.goto(`${base}/ticker`);
  await until("a tick", async () => (await ticks(page)) > 0);
  await server.end("SIGKILL");
  await until("the loss", async () => (await happened(page)).some((line) => line.includes("lost")));
  await server.start();
  await until("a connection", async () => (await ticker(page, "connections")) === "2 times");
  equal((await happened(page)).filter((line) => line.includes("code changed")), [], "changes");
});

// -- The pages themselves ----------------------------------------------------------------------

test("the start page links to the demos, and its echo comes back", async (context) => {
  const page = await context.newPage();
  await page.goto(`${base}/`);
  await until("connected", async () => (await page.textContent("#echo-state-text")) === "Connected");
  await page.fill("#echo-input", "回声 🔊");
  await page.press("#echo-input", "Enter");
  await until("the echo", async () =>
    /^“回声 🔊” came back \(\d+\.\d ms\)$/.test(await page.textContent("#echo-output")));

  await page.fill("#room-name", "no/room"); // a slash would end the name
  await page.press("#room-name", "Enter");
  await page.fill("#room-name", "红 room?");
  await page.press("#room-name", "Enter");
  await page.waitForURL(`${base}/chat/%E7%BA%A2%20room%3F/`);
  await connected(page);

  await page.goto(`${base}/`);
  await page.click("text=Open the chat");
  await page.waitForURL(`${base}/chat`);
  await connected(page);

  await page.goto(`${base}/`);
  await page.click("text=Watch it change");
  await page.waitForURL(`${base}/ticker`);
  await until("a tick", async () => (await ticks(page)) > 0);
});

test("every page and file has a strict Content-Security-Policy", async () => {
  for (const path of ["/", "/chat", "/chat/red/", "/ticker", "/static/chat.js", "/static/style.css"]) {
    const answer = await fetch(base + path);
    const policy = answer.headers.get("content-security-policy") ?? "";
    equal(answer.status, 200, path);
    if (!policy.includes("default-src 'self'") || policy.includes("unsafe"))
      throw new Error(`${path} has the policy ${JSON.stringify(policy)}`);
  }
});

test("the policy holds: a script in the page does not run", { loses: true }, async (context) => {
  const page = await open(context, "/chat");
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.body.append(script);
  });
  equal(await page.evaluate(() => window.ran ?? false), false, "the script ran");
});

const phone = { viewport: { width: 320, height: 568 }, isMobile: true, hasTouch: true };

test("a phone needs no sideways scrolling", phone, async (context) => {
  const width = (page) => page.evaluate(() => document.scrollingElement.scrollWidth);
  const start = await context.newPage();
  await start.goto(`${base}/`);
  equal(await width(start), 320, "the width of the start page");
  await start.goto(`${base}/ticker`);
  await until("a tick", async () => (await ticks(start)) > 0);
  equal(await width(start), 320, "the width of the page of live code");

  const page = await open(context, "/chat/a-room-with-quite-a-long-name-that-does-not-fit/");
  await page.fill("#chat-message-input", "W".repeat(300));
  await page.tap("#chat-message-submit");
  await shows(page, prefix + "W".repeat(300));
  equal(await width(page), 320, "the width of the chat");

  const size = await page.$eval("#chat-message-input", (input) => parseFloat(getComputedStyle(input).fontSize));
  if (size < 16) throw new Error(`the input has ${size}px: the phone would zoom in`);
  const button = await page.locator("#chat-message-submit").boundingBox();
  if (button.y + button.height > 568 || button.height < 44)
    throw new Error(`the button is at ${JSON.stringify(button)}`);
});

test("dark where the person wants it dark", { colorScheme: "dark" }, async (context) => {
  const page = await open(context, "/chat");
  const brightness = (property) =>
    page.$eval("body", (body, p) =>
      getComputedStyle(body)[p].match(/\d+/g).slice(0, 3).reduce((sum, n) => sum + Number(n), 0), property);
  if ((await brightness("backgroundColor")) > 150 || (await brightness("color")) < 500)
    throw new Error("the page is bright");
});

test("those who don't see the page, or use no mouse, find their way", async (context) => {
  const page = await open(context, "/chat");
  equal(await page.getByRole("log", { name: "Messages" }).getAttribute("aria-live"), "polite", "the log");
  equal(await page.getByRole("status").first().textContent(), "Connected", "the state");
  equal(await page.evaluate(() => document.activeElement.id), "chat-message-input", "the focus at first");
  await page.getByLabel("Message", { exact: true }).fill("by keyboard");
  await page.keyboard.press("Tab");
  equal(await page.evaluate(() => document.activeElement.textContent), "Send", "after a tab");
  await page.keyboard.press("Space");
  await shows(page, `${prefix}by keyboard`);
});

await runTests();
