// index: the start page's two forms: the way to a room, and the echo box.
import { live, describe } from "/static/live.js";

const byId = (id) => document.getElementById(id);

byId("room-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const room = byId("room-name").value.trim();
  if (room) location.href = `/chat/${encodeURIComponent(room)}/`;
});

const output = byId("echo-output");
let sent = null; // when the line went out that has not come back yet

const echo = live("/ws/echo/", {
  onstate(state) {
    byId("echo-state").dataset.state = state.name;
    byId("echo-state-text").textContent = describe(state).join("");
  },
  onmessage(text) {
    const took = sent === null ? "" : ` (${(performance.now() - sent).toFixed(1)} ms)`;
    sent = null;
    output.textContent = `“${text}” came back${took}`;
  },
});

byId("echo-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sent = performance.now();
  if (!echo.send(byId("echo-input").value)) {
    sent = null;
    output.textContent = "Not connected: nothing was sent.";
  }
});
