// Checks objects of the Prometheus operator (a JSON list) against its schemas, as @kubernetes-models carries them.
//
//     node operator.mjs TOOLS OBJECTS.json
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [tools, file] = process.argv.slice(2);
const index = resolve(tools, "node_modules/@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/index.js");
const models = await import(pathToFileURL(index));
const objects = JSON.parse(readFileSync(file, "utf8"));
for (const object of objects) {
    // Throws where the schema is broken.
    new models[object.kind](object).validate();
}
if (objects.length !== 2) throw new Error(`${objects.length} objects of the operator, not 2`);
