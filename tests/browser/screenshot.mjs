// browser/screenshot: makes the README's picture, of a real conversation: two people in one room,
// one at a desk, one on a phone in the dark.
//
//     tests/browser/run.sh screenshot.mjs        writes docs/chat.png
import { browser, test, runTests, until, base } from "./harness.mjs";

const TALK = [
  ["desk", "morning! is the deploy through? ☕️"],
  ["phone", "reloaded a minute ago, with SIGHUP"],
  ["phone", "同学们都还在线 👍"],
  ["desk", "nobody was disconnected?"],
  ["phone", "nobody 🎉"],
];

async function person(options) {
  const context = await browser.newContext({ deviceScaleFactor: 2, ...options });
  const page = await context.newPage();
  await page.goto(`${base}/chat`);
  await until("connected", async () => (await page.textContent("#chat-state-text")) === "Connected");
  return page;
}

// Both pictures in frames on one sheet.
async function sheet(desk, phone) {
  const source = async (page) =>
    `data:image/png;base64,${(await page.screenshot()).toString("base64")}`;
  const page = await browser.newPage({ viewport: { width: 1000, height: 520 } });
  await page.setContent(`
    <style>
      body { margin: 0; padding: 20px; display: flex; gap: 24px; align-items: center; background: #dfe7e5; }
      img { display: block; border-radius: 12px; box-shadow: 0 2px 18px #0003; }
      .desk { width: 640px; height: 440px; }
      .phone { width: 270px; height: 480px; border: 5px solid #222; border-radius: 28px; }
    </style>
    <img class="desk" src="${await source(desk)}"><img class="phone" src="${await source(phone)}">`);
  await page.screenshot({ path: process.argv[2] });
}

test("the picture", async () => {
  const people = {
    desk: await person({ viewport: { width: 640, height: 440 }, colorScheme: "light" }),
    phone: await person({
      viewport: { width: 340, height: 604 }, colorScheme: "dark", isMobile: true, hasTouch: true,
    }),
  };
  for (const [i, [who, text]] of TALK.entries()) {
    await people[who].fill("#chat-message-input", text);
    await people[who].press("#chat-message-input", "Enter");
    for (const page of Object.values(people))
      await until("the line", async () => (await page.locator("#chat-log p").count()) > i);
  }
  await people.desk.fill("#chat-message-input", "let me try that here");
  await sheet(people.desk, people.phone);
});

await runTests();
