// live: a WebSocket that comes back.
//
//     const room = live("/ws/chat/", { onstate, onmessage });
//     room.send("text");      // false: not connected, nothing was sent
//
// When the connection is lost it is tried again, after a second or so at first, then less and less
// often. The waits are random within bounds, so that a thousand pages that lost the same server do
// not all come back in the same instant. A network that returns, or a tab that is looked at, ends
// the wait at once.

const FIRST_WAIT = 1000; // milliseconds, all of them
const LONGEST_WAIT = 30000;
const TIMEOUT = 10000; // for a connection to stand
const STEADY = 5000; // a connection that lasted this long starts the waits anew

// onstate gets {name}, one of:
//     "connecting"                      the first time, or again: see `again`
//     "connected"
//     "lost", with seconds              until the next try; told anew each second
// onlost gets the code and the reason with which a connection that stood has ended.
export function live(path, { onstate, onmessage, onlost = () => {} }) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol.replace("http", "ws"); // https becomes wss

  let socket = null;
  let failures = 0; // in a row
  let ticker = 0; // runs while a try is waited for

  function open() {
    clearInterval(ticker);
    ticker = 0;
    onstate({ name: "connecting", again: failures > 0 });

    const mine = (socket = new WebSocket(url));
    const timeout = setTimeout(() => mine.close(), TIMEOUT);
    let steady = 0;
    let stood = false;

    mine.onopen = () => {
      clearTimeout(timeout);
      stood = true;
      steady = setTimeout(() => (failures = 0), STEADY);
      onstate({ name: "connected" });
    };
    mine.onmessage = (event) => onmessage(event.data);
    mine.onclose = (event) => {
      clearTimeout(timeout);
      clearTimeout(steady);
      failures++;
      if (stood) onlost(event.code, event.reason);
      wait();
    };
  }

  function wait() {
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failures - 1));
    const until = Date.now() + longest * (0.5 + Math.random() / 2);

    const tick = () => {
      const left = until - Date.now();
      if (left <= 0) open();
      else onstate({ name: "lost", seconds: Math.ceil(left / 1000) });
    };
    ticker = setInterval(tick, 250);
    tick();
  }

  function retry() {
    if (ticker) open();
  }

  window.addEventListener("online", retry);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") retry();
  });
  open();

  return {
    retry,
    send(text) {
      if (socket.readyState !== WebSocket.OPEN) return false;
      socket.send(text);
      return true;
    },
  };
}

// What a person reads of a state; the rest of it, that changes each second, apart.
export function describe(state) {
  switch (state.name) {
    case "connected":
      return ["Connected", ""];
    case "lost":
      return ["Connection lost, reconnecting", ` in ${state.seconds} s`];
    default:
      return [state.again ? "Reconnecting…" : "Connecting…", ""];
  }
}
