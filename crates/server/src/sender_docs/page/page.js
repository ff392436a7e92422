// Shows the OpenAPI description of a workspace's hooks. Everything from it is put into the page as text, never as markup.

const workspace = decodeURIComponent(location.pathname.split("/")[2]);
const address = `/api/v1/workspaces/${encodeURIComponent(workspace)}/openapi.json`;
const at = (id) => document.getElementById(id);
let key = null;
let count = 0;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (attribute === "class") made.className = value;
    else if (typeof value === "function") made.addEventListener(attribute, value);
    else made.setAttribute(attribute, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// What a reference of the description leads to. Few deep: a description may refer to itself.
function follow(description, value) {
  for (let depth = 0; depth < 20 && value && typeof value.$ref === "string"; depth += 1) {
    const path = value.$ref.slice(2).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    value = path.reduce((inner, part) => (inner !== null && typeof inner === "object" ? inner[part] : undefined), description);
  }
  return value ?? {};
}

function say(text) {
  at("state").textContent = text;
  at("state").hidden = text === "";
}

async function load(cursor) {
  say("Loading…");
  const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  let response;
  try {
    response = await fetch(address + query, { headers, credentials: "omit", cache: "no-store" });
  } catch {
    say("The server cannot be reached. Try again.");
    return;
  }
  if (response.status === 401) {
    say(key ? "This key is not accepted." : "");
    key = null;
    at("sign-in").hidden = false;
    at("key").focus();
    return;
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    say(problem.detail ?? `The server answered with ${response.status}.`);
    return;
  }
  at("sign-in").hidden = true;
  at("key").value = "";
  say("");
  show(await response.json());
}

function show(description) {
  at("title").textContent = description.info.title;
  document.title = description.info.title;
  at("about").textContent = description.info.description;
  const paths = Object.entries(description.paths);
  if (paths.length === 0 && count === 0) say("No hook is described here.");
  const list = at("index").querySelector("ul") ?? at("index").appendChild(element("ul"));
  for (const [path, item] of paths) {
    count += 1;
    const [[, operation]] = operations(item);
    at("list").append(hook(description, path, item, `hook-${count}`));
    list.append(element("li", {}, element("a", { href: `#hook-${count}` }, operation.summary)));
  }
  at("index").hidden = count < 2;
  const next = description["x-hookmill-next"];
  at("more").hidden = !next;
  at("more").onclick = () => load(next);
}

// What senders do; what browsers ask first is told among the words.
function operations(item) {
  return Object.entries(item).filter(([method]) => method !== "options");
}

function hook(description, path, item, id) {
  const methods = operations(item).map(([method]) => method);
  const operation = item[methods[0]];
  const url = description.servers[0].url + path;
  const article = element("article", { id, "aria-labelledby": `${id}-title` });
  article.append(
    element("h2", { id: `${id}-title` }, operation.summary),
    element("p", { class: "soft" }, `Workflow: ${operation.tags.join(", ")}`),
    element(
      "div",
      { class: "call" },
      ...methods.map((method) => element("span", { class: "method" }, method.toUpperCase())),
      element("code", { class: "url" }, url),
      copy(() => url, `the URL of ${operation.summary}`),
    ),
    element("p", { class: "words" }, operation.description ?? ""),
  );
  article.append(...callers(description, operation), ...fields(description, operation));
  article.append(...example(operation, id), ...snippets(operation, id), ...answers(description, operation));
  return article;
}

function copy(text, what) {
  const button = element("button", { type: "button", "aria-label": `Copy ${what}` }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not possible";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return button;
}

function table(heads, rows) {
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  const body = rows.map((cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, cell))));
  const made = element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": heads.join(", ") }, made);
}

function callers(description, operation) {
  const ways = operation.security ?? [];
  if (ways.every((way) => Object.keys(way).length === 0)) {
    return [element("h3", {}, "Who may call"), element("p", {}, "Everyone who knows the URL.")];
  }
  const schemes = description.components.securitySchemes;
  const place = (scheme) => {
    if (scheme.type === "http") return `Authorization: ${scheme.scheme === "basic" ? "Basic" : "Bearer"} …`;
    return scheme.in === "query" ? `?${scheme.name}=…` : `${scheme.name}: …`;
  };
  const rows = ways.map((way) => {
    const names = Object.keys(way);
    const shown = names.flatMap((name, index) => [index ? element("br") : null, element("code", {}, place(schemes[name]))]);
    const words = [...new Set(names.map((name) => schemes[name].description))].join(" ");
    return [element("span", {}, ...shown.filter(Boolean)), words];
  });
  const title = ways.length > 1 ? "Who may call: one of these" : "Who may call";
  return [element("h3", {}, title), table(["Send", "What it is"], rows)];
}

function kind(schema) {
  const types = [schema.type ?? []].flat().filter((type) => type !== "null");
  return types.join(" or ") || "anything";
}

// The members of a schema, nested ones by their path.
function members(description, schema, before, rows, depth) {
  const whole = follow(description, schema);
  for (const part of whole.allOf ?? []) members(description, part, before, rows, depth);
  for (const [name, inner] of Object.entries(whole.properties ?? {})) {
    const member = follow(description, inner);
    rows.push([before + name, "body", member, (whole.required ?? []).includes(name)]);
    if (depth > 0) {
      members(description, member, `${before}${name}.`, rows, depth - 1);
      if (member.items) members(description, member.items, `${before}${name}[].`, rows, depth - 1);
    }
  }
}

function fields(description, operation) {
  const rows = (operation.parameters ?? []).map((parameter) => [
    parameter.name,
    parameter.in,
    { ...parameter.schema, description: parameter.description },
    parameter.required,
  ]);
  const content = operation.requestBody?.content ?? {};
  const schema = content["application/json"]?.schema;
  if (schema) members(description, schema, "", rows, 4);
  // A body that is a list.
  const { items } = follow(description, schema);
  if (items) members(description, items, "[].", rows, 4);
  if (rows.length === 0) return [element("h3", {}, "Fields"), element("p", {}, "Whatever is sent is taken.")];
  const cells = rows.map(([name, place, schema, required]) => [
    element("code", {}, name),
    place,
    kind(schema),
    required ? "required" : "optional",
    schema.description ?? "",
  ]);
  return [element("h3", {}, "Fields"), table(["Name", "In", "Type", "Needed", "Meaning"], cells)];
}

function code(text, label) {
  return element("pre", { tabindex: "0", role: "group", "aria-label": label }, element("code", {}, text));
}

function example(operation, id) {
  const body = operation.requestBody?.content?.["application/json"]?.example;
  if (body === undefined) return [];
  const text = JSON.stringify(body, null, 2);
  const bar = element("div", { class: "bar" }, element("h3", {}, "Example"), copy(() => text, "the example"));
  return [bar, code(text, `Example of ${operation.summary}, ${id}`)];
}

function snippets(operation, id) {
  const samples = operation["x-codeSamples"] ?? [];
  if (samples.length === 0) return [];
  let chosen = samples[0];
  const shown = element("code", {}, chosen.source);
  const panel = element("pre", { id: `${id}-panel`, role: "tabpanel", tabindex: "0", "aria-labelledby": `${id}-tab-0` }, shown);
  const tabs = samples.map((sample, index) => {
    const tab = element("button", { type: "button", role: "tab", id: `${id}-tab-${index}`, "aria-controls": `${id}-panel` }, sample.label);
    tab.addEventListener("click", () => choose(index));
    return tab;
  });
  function choose(index) {
    chosen = samples[index];
    shown.textContent = chosen.source;
    panel.setAttribute("aria-labelledby", tabs[index].id);
    tabs.forEach((tab, other) => {
      tab.setAttribute("aria-selected", String(other === index));
      tab.tabIndex = other === index ? 0 : -1;
    });
  }
  choose(0);
  const list = element("div", { role: "tablist", "aria-label": `Language for ${operation.summary}` }, ...tabs);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const index = (tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length;
    choose(index);
    tabs[index].focus();
  });
  const bar = element("div", { class: "bar" }, list, copy(() => chosen.source, "the call"));
  return [element("h3", {}, "Call it"), bar, panel];
}

function answers(description, operation) {
  const shown = Object.entries(operation.responses).map(([status, reference]) => {
    const response = follow(description, reference);
    const bodies = Object.values(response.content ?? {}).flatMap((body) => Object.values(body.examples ?? {}));
    const texts = bodies.map(({ value }) => (typeof value === "string" ? value : JSON.stringify(value, null, 2)));
    const summary = element("summary", {}, element("code", {}, status), ` ${response.description}`);
    const headers = Object.entries(response.headers ?? {}).map(([name, { description: what }]) =>
      element("li", {}, element("code", {}, name), what ? ` ${what}` : ""),
    );
    const list = headers.length > 0 ? [element("ul", { class: "headers", "aria-label": `Headers of ${status}` }, ...headers)] : [];
    return element("details", {}, summary, ...list, ...texts.map((text) => code(text, `Answer ${status}`)));
  });
  return [element("h3", {}, "Answers"), ...shown];
}

at("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  key = at("key").value.trim();
  load();
});
load();
