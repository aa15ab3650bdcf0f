// Shows what the daemon says of itself. Everything is put on the page as text: names come from other devices.
"use strict";

const AGAIN_AFTER_MS = 3000;

const STATUS = [
  ["Name", "name"],
  ["Device", "deviceId"],
  ["Version", "version"],
  ["API", "api"],
  ["Peers call", "peer"],
  ["Spaces", "spaces"],
  ["Discovery", "discovery"],
];

const text = (value) => {
  if (value === null || value === undefined) return "";
  if (value === true) return "yes";
  if (value === false) return "no";
  return String(value);
};

function row(cells) {
  const line = document.createElement("tr");
  for (const cell of cells) {
    const field = document.createElement("td");
    field.textContent = text(cell);
    line.append(field);
  }
  return line;
}

function put(id, rows) {
  document.getElementById(id).replaceChildren(...rows);
}

async function ask(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (answer.status === 401) throw new Error("This page is no longer signed in. Run `quire open` again.");
  if (!answer.ok) throw new Error(`The daemon answers ${answer.status} to ${path}.`);
  return answer.json();
}

async function show() {
  const [status, peers, conflicts] = await Promise.all([ask("/v1/status"), ask("/v1/peers"), ask("/v1/conflicts")]);
  put("status", STATUS.map(([label, member]) => row([label, status[member]])));
  const told = (peer) => [peer.name, peer.connected, peer.address, peer.behindBy, peer.setAside, peer.lastError];
  put("peers", peers.peers.map((peer) => row(told(peer))));
  const count = conflicts.conflicts.length;
  document.getElementById("conflicts").textContent = count === 0 ? "None." : `${count} open. See them with \`quire conflicts\`.`;
  document.getElementById("said").textContent = peers.peers.length === 0 ? "No other device is paired yet: `quire pair`." : "";
}

async function keepShowing() {
  try {
    await show();
  } catch (error) {
    document.getElementById("said").textContent = error.message;
  }
  setTimeout(keepShowing, AGAIN_AFTER_MS);
}

keepShowing();
