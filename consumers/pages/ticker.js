// ticker: shows which code is behind an open socket, and when it changes under it.
//
// Each tick of the server names the version of the code that sent it. Where two that came over the
// same socket name different ones, the code has changed and the socket has not.
import { live, describe } from "/static/live.js";

const LINES = 50; // that the log keeps

const byId = (id) => document.getElementById(id);
let connections = 0; // that this page has had
let last = null; // the tick before, over the same socket

live("/ws/ticker/", { onstate: showState, onmessage: receive, onlost: lose });

function showState(state) {
  const [text, wait] = describe(state);
  const status = byId("ticker-state-text");

  byId("ticker-state").dataset.state = state.name;
  if (status.textContent !== text) status.textContent = text; // a screen reader reads each change
  byId("ticker-state-wait").textContent = wait;
  if (state.name !== "connected") return;

  last = null;
  connections++;
  byId("ticker-connections").textContent = connections === 1 ? "once" : `${connections} times`;
  if (connections > 1) note("A new connection. It begins to count anew.");
}

function lose() {
  note("The connection was lost.");
}

function receive(data) {
  let tick;
  try {
    tick = JSON.parse(data);
  } catch {
    return; // not from a ticker
  }
  const { version, says, ticks } = tick ?? {};
  if (typeof version !== "string" || typeof ticks !== "number") return;

  byId("ticker-version").textContent = version;
  byId("ticker-ticks").textContent = ticks;
  byId("ticker-says").textContent = typeof says === "string" ? says : "";
  if (last && last.version !== version)
    note(`The code changed from version ${last.version} to ${version}, over the same connection: ` +
      `${last.ticks} ticks before, ${ticks} now.`);
  last = { version, ticks };
}

function note(text) {
  const line = document.createElement("li");
  const time = document.createElement("time");
  const log = byId("ticker-log");

  time.textContent = new Date().toTimeString().slice(0, 8);
  line.append(time, ` ${text}`);
  log.append(line);
  while (log.childElementCount > LINES) log.firstElementChild.remove();
}
