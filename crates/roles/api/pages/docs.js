"use strict";

/** Makes an element with attributes and children; text is never taken for markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A description; what stands between backticks is code. */
function prose(text) {
  return text.split("`").map((part, at) => (at % 2 ? make("code", {}, part) : part));
}

/** Follows `$ref` within the description. */
function resolve(api, schema) {
  if (!schema?.$ref) return schema;
  return schema.$ref.split("/").slice(1).reduce((at, part) => at?.[part], api);
}

/** The type of a schema in a few words. */
function typeName(api, schema) {
  if (!schema) return "";
  if (schema.$ref) return typeName(api, resolve(api, schema));
  const either = schema.oneOf ?? schema.anyOf;
  if (either) return [...new Set(either.map((one) => typeName(api, one)))].join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  if (schema.type === "array") return `list of ${typeName(api, schema.items)}`;
  const name = [schema.type ?? "object"].flat().join(" or ");
  return schema.format ? `${name} (${schema.format})` : name;
}

/** All properties of an object, those of its parts (`allOf`) among them. */
function properties(api, schema) {
  const found = resolve(api, schema) ?? {};
  const own = Object.entries(found.properties ?? {}).map(([name, property]) => ({
    name,
    property,
    required: (found.required ?? []).includes(name),
  }));
  return [...(found.allOf ?? []).flatMap((part) => properties(api, part)), ...own];
}

/** The fields of a schema. In what we answer every field is there; in what we are sent some may be absent. */
function schemaTable(api, schema, sent = false, depth = 0) {
  const rows = properties(api, schema);
  if (rows.length === 0) return make("p", {}, make("code", {}, typeName(api, schema)));
  const body = make("tbody");
  for (const { name, property, required } of rows) {
    const inner = resolve(api, property?.items ?? property);
    const nested = depth < 3 && properties(api, inner).length > 0;
    const described = property.description ?? inner?.description ?? "";
    const cell = make("td", {}, ...prose(described));
    if (nested) cell.append(schemaTable(api, inner, sent, depth + 1));
    const label = make("td", {}, make("code", {}, name), sent && !required ? " (optional)" : "");
    body.append(make("tr", {}, label, make("td", {}, typeName(api, property)), cell));
  }
  return make("table", {}, body);
}

function parameterTable(api, parameters) {
  if (!parameters?.length) return null;
  const rows = parameters.map((parameter) =>
    make(
      "tr",
      {},
      make("td", {}, make("code", {}, parameter.name), ` (${parameter.in})`),
      make("td", {}, typeName(api, parameter.schema)),
      make("td", {}, ...prose(parameter.description ?? "")),
    ),
  );
  return make("div", {}, make("h4", {}, "Parameters"), make("table", {}, make("tbody", {}, ...rows)));
}

function requestBody(api, body) {
  const schema = body?.content?.["application/json"]?.schema;
  return schema ? make("div", {}, make("h4", {}, "Body"), schemaTable(api, schema, true)) : null;
}

function responses(api, operation) {
  const part = make("div", {}, make("h4", {}, "Answers"));
  for (const [status, response] of Object.entries(operation.responses)) {
    part.append(make("p", {}, make("strong", {}, status), " ", ...prose(response.description)));
    const schema = Object.values(response.content ?? {})[0]?.schema;
    if (schema && status.startsWith("2")) part.append(schemaTable(api, schema));
  }
  return part;
}

/** A form that sends the request and shows the answer. */
function tryOut(path, method, operation) {
  const output = make("pre", { "aria-live": "polite", hidden: "" });
  const inputs = (operation.parameters ?? []).map((parameter) => {
    const input = make("input", { name: parameter.name });
    if (parameter.in === "path") input.required = true;
    return { parameter, input };
  });
  const body = operation.requestBody ? make("textarea", { rows: "4" }, "{}") : null;
  const form = make(
    "form",
    {},
    ...inputs.map(({ parameter, input }) => make("label", {}, parameter.name, input)),
    body ? make("label", {}, "Body", body) : null,
    make("button", {}, "Send"),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    output.hidden = false;
    output.textContent = "…";
    output.textContent = await send(path, method, inputs, body?.value);
  });
  return make("details", {}, make("summary", {}, "Try it"), form, output);
}

async function send(path, method, inputs, body) {
  const query = new URLSearchParams();
  let url = path;
  for (const { parameter, input } of inputs) {
    if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (input.value !== "") query.set(parameter.name, input.value);
  }
  const options = { method: method.toUpperCase(), credentials: "same-origin" };
  if (body !== undefined) {
    options.body = body;
    options.headers = { "content-type": "application/json" };
  }
  try {
    const response = await fetch(query.size ? `${url}?${query}` : url, options);
    const text = await response.text();
    const json = /json/.test(response.headers.get("content-type") ?? "");
    const shown = json ? JSON.stringify(JSON.parse(text), null, 2) : text;
    return `${response.status} ${response.statusText}\n\n${shown}`;
  } catch (error) {
    return `The server does not answer: ${error.message}`;
  }
}

function endpoint(api, path, method, operation) {
  const summary = make(
    "summary",
    {},
    operation.security ? make("span", { class: "lock" }, "signed in") : null,
    make("span", { class: `method ${method}` }, method.toUpperCase()),
    make("span", { class: "path" }, path),
    ` ${operation.summary ?? ""}`,
  );
  return make(
    "details",
    { id: operation.operationId },
    summary,
    operation.description ? make("p", {}, ...prose(operation.description)) : null,
    parameterTable(api, operation.parameters),
    requestBody(api, operation.requestBody),
    responses(api, operation),
    tryOut(path, method, operation),
  );
}

function show(api) {
  document.getElementById("about").textContent = `${api.info.description} Version ${api.info.version}.`;
  const contents = make("ul");
  const list = document.getElementById("endpoints");
  list.replaceChildren();
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  for (const tag of api.tags) {
    list.append(make("h2", { id: `tag-${tag.name}` }, tag.name), make("p", {}, tag.description));
    for (const { path, method, operation } of operations) {
      if (!operation.tags?.includes(tag.name)) continue;
      list.append(endpoint(api, path, method, operation));
      const link = make("a", { href: `#${operation.operationId}` }, `${method.toUpperCase()} ${path}`);
      contents.append(make("li", {}, link));
    }
  }
  document.getElementById("contents").append(contents);
  open(location.hash);
}

/** Opens the endpoint that the address names. */
function open(hash) {
  const target = hash.length > 1 ? document.getElementById(decodeURIComponent(hash.slice(1))) : null;
  if (target instanceof HTMLDetailsElement) target.open = true;
  target?.scrollIntoView();
}

window.addEventListener("hashchange", () => open(location.hash));
fetch("/api/openapi.json")
  .then((response) => response.json())
  .then(show)
  .catch((error) => {
    document.getElementById("endpoints").textContent = `The description cannot be read: ${error.message}`;
  });
