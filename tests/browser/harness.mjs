// browser/harness: a server and a Chromium, both stopped by process id, and a count of what passed.
//
// run.sh has made SLUICE_DIR, with a routing.conf for SLUICE_PORT. A test is a function that throws
// where something is not as it must be; it gets a browser context of its own, and fails too if a
// page of it wrote an error to the console.
import { createRequire } from "node:module";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const require = createRequire(`${process.env.SLUICE_NODE}/package.json`);
const { chromium } = require("playwright-core");
export const WebSocket = require("ws");

export const directory = process.env.SLUICE_DIR;
export const base = `http://127.0.0.1:${process.env.SLUICE_PORT}`;
export const prefix = "运维咖啡吧:";

// -- The server --------------------------------------------------------------------------------

export const server = {
  process: null,

  async start() {
    const log = openSync(`${directory}/err`, "a");
    this.process = spawn(
      process.env.SLUICE,
      ["run", "-c", `${directory}/routing.conf`, "--no-supervise", "--watch"],
      { stdio: ["ignore", log, log] },
    );
    for (let i = 0; i < 100; i++) {
      if (this.process.exitCode !== null) break;
      try {
        await fetch(`${base}/`);
        return;
      } catch {
        await sleep(100);
      }
    }
    throw new Error("the server does not answer");
  },

  async end(signal) {
    const ended = this.process;
    if (!ended || ended.exitCode !== null || ended.signalCode !== null) return null;
    ended.kill(signal);
    if (signal !== "SIGSTOP") await once(ended, "exit");
    return ended.exitCode;
  },
};

// -- The browser -------------------------------------------------------------------------------

const browserServer = await chromium.launchServer({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: [
    "--no-sandbox", // the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
export const browser = await chromium.connect(browserServer.wsEndpoint());

// A context whose pages' errors and foreign requests are collected.
async function watchedContext(options) {
  const context = await browser.newContext(options);
  const faults = [];
  context.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  context.on("weberror", (error) => faults.push(String(error.error())));
  context.on("dialog", async (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  context.on("request", (request) => {
    if (!request.url().startsWith(`${base}/`)) faults.push(`a request to ${request.url()}`);
  });
  return { context, faults };
}

// -- Tests -------------------------------------------------------------------------------------

const tests = [];
let passed = 0;
let failed = 0;

// test(name, [options of the context,] async (context) => ...). `loses`: the test takes the server
// away, and the browser may say so on the console.
export function test(name, options, run = options) {
  tests.push({ name, options: options === run ? {} : options, run });
}

export async function runTests() {
  try {
    await server.start();
    for (const each of tests) await runTest(each);
  } catch (error) {
    failed++;
    console.log(`FAIL ${error.stack}`);
  } finally {
    await browser.close();
    await browserServer.close();
    await server.end("SIGKILL");
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}

async function runTest({ name, options: { loses = false, ...options }, run }) {
  const { context, faults } = await watchedContext(options);
  try {
    await run(context);
    if (faults.length && !loses) throw new Error(`the page complains: ${faults.join("; ")}`);
    passed++;
    console.log(`ok   ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}: ${error.stack}`);
  } finally {
    await context.close();
  }
}

// until(what, f): waits for f to give something true, and gives it back. Long enough for a browser on
// a machine that runs other tests under a sanitizer.
export async function until(what, f, timeout = 60000) {
  const end = Date.now() + timeout;
  for (;;) {
    const result = await f();
    if (result) return result;
    if (Date.now() > end) throw new Error(`not within ${timeout} ms: ${what}`);
    await sleep(20);
  }
}

export function equal(found, expected, what) {
  const [f, e] = [JSON.stringify(found), JSON.stringify(expected)];
  if (f !== e) throw new Error(`${what}: found ${f}, expected ${e}`);
}

export { sleep };
