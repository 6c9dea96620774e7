// chat: the page of a room. /chat talks to /ws/chat/, /chat/red/ to /ws/chat/red/.
//
// A line that is typed is not shown here by itself: it goes to the server, which sends it to
// everybody in the room, this page included. So what stands in the log is what the others have
// seen. A line that has not come back when the connection is lost may be lost too: it is shown as
// such, with a button that sends it again.
import { live, describe } from "/static/live.js";

const LINES = 1000; // that the log keeps

const byId = (id) => document.getElementById(id);
const log = byId("chat-log");
const form = byId("chat-form");
const input = byId("chat-message-input");
const hint = byId("chat-hint");
const newer = byId("chat-newer");

const unconfirmed = []; // lines that were sent and have not come back, oldest first
let follows = true; // the log shows what comes last; else somebody reads further up
let end = 0; // where it was scrolled to when it followed last
let frame = 0; // that will scroll it: however many lines come meanwhile, it is laid out once

const room = location.pathname.match(/^\/chat\/([^/]+)\/$/)?.[1]; // percent-encoded
const chat = live(room ? `/ws/chat/${room}/` : "/ws/chat/", {
  onstate: showState,
  onmessage: receive,
  onlost: lose,
});

follow(true);
showRoom();

function showRoom() {
  if (!room) return;
  let name = room;
  try {
    name = decodeURIComponent(room);
  } catch {
    // not UTF-8: shown as it stands
  }
  byId("chat-room").textContent = name;
  document.title = `${name} · Chat`;
}

function showState(state) {
  const [text, wait] = describe(state);
  const status = byId("chat-state-text");

  byId("chat-state").dataset.state = state.name;
  if (status.textContent !== text) status.textContent = text; // a screen reader reads each change
  byId("chat-state-wait").textContent = wait;
  byId("chat-retry").hidden = state.name !== "lost";
  if (state.name === "connected") hint.textContent = "";
}

// -- Lines that come ---------------------------------------------------------------------------

function receive(data) {
  let message;
  try {
    ({ message } = JSON.parse(data));
  } catch {
    return; // not from a chat
  }
  if (typeof message !== "string") return;

  // The server put its prefix before what was typed.
  const own = unconfirmed.findIndex((text) => message.endsWith(text));
  if (own >= 0) unconfirmed.splice(own, 1);
  append(element("p", message, own >= 0 ? "mine" : ""));
}

function lose(code, reason) {
  const why = code === 1005 || code === 1006 ? "" : `: ${code} ${reason}`; // those say nothing
  append(element("p", `Connection lost${why}`, "note"));

  for (const text of unconfirmed.splice(0)) {
    const line = element("p", `Perhaps not delivered: ${text}`, "unsent");
    const again = element("button", "Send again", "quiet");
    again.addEventListener("click", () => send(text) && line.remove());
    line.append(again);
    append(line);
  }
}

function element(tag, text, style) {
  const made = document.createElement(tag);
  made.textContent = text; // never innerHTML: other people wrote this
  if (style) made.className = style;
  return made;
}

function append(line) {
  line.dataset.time = new Date().toTimeString().slice(0, 5); // 20:38, shown by the style sheet
  log.append(line);
  while (log.childElementCount > LINES) log.firstElementChild.remove();
  if (follows) frame ||= requestAnimationFrame(toEnd);
  else newer.hidden = false;
}

function follow(does) {
  follows = does;
  log.classList.toggle("follows", does);
  if (does) newer.hidden = true;
}

function toEnd() {
  frame = 0;
  if (!follows) return;
  log.scrollTop = log.scrollHeight;
  end = log.scrollTop;
}

// Lines that came since the last frame are no reason to stop: only somebody who scrolls up is.
log.addEventListener("scroll", () => {
  const left = log.scrollHeight - log.scrollTop - log.clientHeight;
  follow((follows && log.scrollTop >= end - 1) || left < 40);
});

// A phone's keyboard makes the log shorter: what was at the end stays there.
new ResizeObserver(toEnd).observe(log);

newer.addEventListener("click", () => {
  follow(true);
  toEnd();
  input.focus();
});

// -- Lines that go -----------------------------------------------------------------------------

function send(text) {
  if (!chat.send(JSON.stringify({ message: text }))) {
    hint.textContent = "Not connected. Your line stays here: send it when the connection is back.";
    return false;
  }
  unconfirmed.push(text);
  return true;
}

function submit() {
  if (input.value.trim() !== "" && send(input.value)) input.value = "";
  input.focus();
}

// Enter that picks a word in an input method (Chinese, Japanese, Korean) is not for us. Safari
// says so only by the key code.
input.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  if (!event.isComposing && event.keyCode !== 229) submit();
});

// The button; and the "send" key of a phone, which may press no Enter.
form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});

byId("chat-retry").addEventListener("click", () => chat.retry());
