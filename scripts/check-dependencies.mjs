// Fails when a crate depends on what it must not know. Needs nothing but cargo and Node.js.
//
// Our own crates: the arrows of ARCHITECTURE.md. Outside crates: the lines under [bans] in deny.toml.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const TEST_ONLY = "hookmill-testkit";

// Who may know whom. A crate that is missing here fails too: a new one is a decision.
const ARROWS = {
  "hookmill-engine": [],
  "hookmill-signatures": [],
  "hookmill-store": ["hookmill-engine"],
  "hookmill-actions": ["hookmill-engine"],
  "hookmill-worker": ["hookmill-engine", "hookmill-store", "hookmill-actions"],
  "hookmill-server": [
    "hookmill-engine",
    "hookmill-store",
    "hookmill-actions",
    "hookmill-signatures",
    "hookmill-worker",
  ],
  "hookmill-testkit": [
    "hookmill-engine",
    "hookmill-store",
    "hookmill-actions",
    "hookmill-signatures",
    "hookmill-worker",
    "hookmill-server",
  ],
  "hookmill-bench": ["hookmill-engine", "hookmill-server", "hookmill-store", "hookmill-testkit"],
};

// What must not be reachable from a crate at all, however indirectly.
const OUT_OF_REACH = {
  "hookmill-engine": ["tokio", "hyper", "reqwest", "rusqlite", "tokio-postgres", "mio"],
  "hookmill-signatures": ["tokio", "hyper", "reqwest", "rusqlite", "tokio-postgres"],
  "hookmill-store": ["hyper", "reqwest", "axum"],
  "hookmill-actions": ["rusqlite", "tokio-postgres", "axum"],
  "hookmill-worker": ["axum"],
};

const metadata = JSON.parse(
  execFileSync("cargo", ["metadata", "--format-version", "1", "--locked"], {
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
  }),
);
const packages = new Map(metadata.packages.map((one) => [one.id, one]));
const nodes = new Map(metadata.resolve.nodes.map((node) => [node.id, node]));
const members = metadata.workspace_members.map((id) => packages.get(id));
const ours = new Set(members.map((member) => member.name));
const problems = [];

const isNormal = (edge) => edge.dep_kinds.some((kind) => kind.kind === null);

function checkArrows(member) {
  const allowed = ARROWS[member.name];
  if (!allowed) {
    problems.push(`${member.name} is not in scripts/check-dependencies.mjs: say there whom it may know`);
    return;
  }
  for (const dependency of member.dependencies) {
    if (!ours.has(dependency.name) || dependency.name === member.name) continue;
    if (dependency.kind === "dev" && dependency.name === TEST_ONLY) continue;
    if (!allowed.includes(dependency.name)) problems.push(`${member.name} must not depend on ${dependency.name}`);
  }
}

function checkReach(member) {
  const banned = new Set(OUT_OF_REACH[member.name] ?? []);
  const cameFrom = new Map([[member.id, null]]);
  const queue = [member.id];
  for (let id = queue.shift(); id; id = queue.shift()) {
    for (const edge of nodes.get(id).deps.filter(isNormal)) {
      if (cameFrom.has(edge.pkg)) continue;
      cameFrom.set(edge.pkg, id);
      queue.push(edge.pkg);
      if (banned.has(packages.get(edge.pkg).name)) {
        const way = [];
        for (let at = edge.pkg; at; at = cameFrom.get(at)) way.unshift(packages.get(at).name);
        problems.push(`${member.name} must not reach ${packages.get(edge.pkg).name}: ${way.join(" → ")}`);
      }
    }
  }
}

function checkWrappers(rules) {
  for (const { crate, wrappers } of rules) {
    for (const member of members) {
      const uses = member.dependencies.some((dependency) => dependency.name === crate);
      if (uses && !wrappers.includes(member.name)) problems.push(`${member.name} must not use ${crate} (deny.toml)`);
    }
  }
}

function readRules() {
  const line = /^\s*\{ crate = "([^"]+)"(?:, wrappers = \[([^\]]*)\])? \},$/;
  const rules = readFileSync(new URL("../deny.toml", import.meta.url), "utf8")
    .split("\n")
    .map((text) => text.match(line))
    .filter(Boolean)
    .map(([, crate, wrappers]) => ({ crate, wrappers: [...(wrappers ?? "").matchAll(/"([^"]+)"/g)].map((w) => w[1]) }));
  if (rules.length === 0) throw new Error("no rules found under [bans] in deny.toml");
  return rules;
}

members.forEach(checkArrows);
members.forEach(checkReach);
checkWrappers(readRules());
for (const problem of problems) console.error(`dependencies: ${problem}`);
if (problems.length > 0) process.exit(1);
console.log(`dependencies: ${members.length} crates, all arrows point down`);
