// A page of an origin that was granted to an app, with and without the app's password.
async function ask(name, path, options) {
  try {
    const answer = await fetch(BASE + path, options);
    return [name, answer.status, await answer.text()];
  } catch (error) {
    return [name, 0, String(error)];
  }
}

async function report() {
  const headers = { Authorization: PASSWORD, "Content-Type": "application/json" };
  const body = JSON.stringify({ Account: { AccountId: 3 }, AccountApplicationId: 9, Markings: [MARKING] });
  const results = [
    await ask("nodes", "/api/nodes", { headers }),
    await ask("sync", "/api/synchronization/synchronize", { method: "POST", headers, body }),
    await ask("without password", "/api/nodes", {}),
    await ask("wrong password", "/api/nodes", { headers: { Authorization: "Basic cmVhZGVyOng=" } }),
    await ask("status", "/v1/status", { headers }),
    await ask("page", "/", { headers }),
    await ask("help", "/help", {}),
    await ask("private header", "/api/nodes", { headers: { ...headers, "X-Other": "1" } }),
    await ask("cookies", "/api/nodes", { headers, credentials: "include" }),
  ];
  await fetch("/report", { method: "POST", body: JSON.stringify(results) });
}
report();
