// Measures CRDT maps of the JavaScript world with the suite's workload: n keys
// "item/%08d" in shuffled order, values of 32 random bytes. Prints a JSON object
// a line for each library that can be imported.
import { randomBytes } from "node:crypto";

const n = Number(process.argv[2] ?? 20000);
const keys = Array.from({ length: n }, (_, i) => "item/" + String(i).padStart(8, "0"));
for (let i = n - 1, seed = 1; i > 0; i--) {
  seed = (seed * 1103515245 + 12345) & 0x7fffffff;
  const j = seed % (i + 1);
  [keys[i], keys[j]] = [keys[j], keys[i]];
}
const values = keys.map(() => new Uint8Array(randomBytes(32)));
const now = () => Number(process.hrtime.bigint());
const each = (count, fn) => { const t = now(); fn(); return (now() - t) / count; };
const report = (r) => console.log(JSON.stringify(r));
const sum = (list) => list.reduce((a, b) => a + b.length, 0);

async function yjs() {
  const Y = await import("yjs");
  const a = new Y.Doc(), b = new Y.Doc();
  let out = [];
  a.on("update", (u) => out.push(u));
  const put = each(n, () => keys.forEach((k, i) => a.getMap("m").set(k, values[i])));
  const apply = each(n, () => out.forEach((u) => Y.applyUpdate(b, u)));
  const c = new Y.Doc();
  let batches = [];
  c.on("update", (u) => batches.push(u));
  for (let i = 0; i < n; i += 1000) c.transact(() => keys.slice(i, i + 1000).forEach((k, j) => c.getMap("m").set(k, values[i + j])));
  report({ name: "yjs", put, apply, bytes1: out[out.length - 1].length, bytes1000: sum(batches) / n, state: Y.encodeStateAsUpdate(a).length / n });
}

async function loro() {
  const { LoroDoc } = await import("loro-crdt");
  const a = new LoroDoc(), b = new LoroDoc();
  let version = a.version(), out = [];
  const put = each(n, () => keys.forEach((k, i) => {
    a.getMap("m").set(k, values[i]);
    a.commit();
    out.push(a.export({ mode: "update", from: version }));
    version = a.version();
  }));
  const apply = each(n, () => out.forEach((u) => b.import(u)));
  const c = new LoroDoc();
  let batches = [];
  for (let i = 0; i < n; i += 1000) {
    const from = c.version();
    keys.slice(i, i + 1000).forEach((k, j) => c.getMap("m").set(k, values[i + j]));
    c.commit();
    batches.push(c.export({ mode: "update", from }));
  }
  report({ name: "loro", put, apply, bytes1: out[out.length - 1].length, bytes1000: sum(batches) / n, state: a.export({ mode: "snapshot" }).length / n });
}

async function automerge() {
  const A = await import("@automerge/automerge");
  const few = Math.min(n, 2000); // it copies much at each change
  let a = A.init(), b = A.init(), out = [];
  const put = each(few, () => keys.slice(0, few).forEach((k, i) => {
    a = A.change(a, (d) => { d[k] = values[i]; });
    out.push(A.getLastLocalChange(a));
  }));
  const apply = each(few, () => out.forEach((u) => { [b] = A.applyChanges(b, [u]); }));
  let c = A.init(), batches = [];
  for (let i = 0; i < n; i += 1000) {
    c = A.change(c, (d) => { keys.slice(i, i + 1000).forEach((k, j) => { d[k] = values[i + j]; }); });
    batches.push(A.getLastLocalChange(c));
  }
  report({ name: "automerge", put, apply, bytes1: out[out.length - 1].length, bytes1000: sum(batches) / n, state: A.save(c).length / n });
}

for (const peer of [yjs, loro, automerge]) {
  try {
    await peer();
  } catch (err) {
    report({ name: peer.name, error: String(err.message ?? err) });
  }
}
