// node validate_gltf.mjs FILES…: the official glTF validator on each file; prints its messages of
// severity error and warning, a JSON line each.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import validator from "gltf-validator";

for (const file of process.argv.slice(2)) {
  const report = await validator.validateBytes(new Uint8Array(readFileSync(file)), {
    externalResourceFunction: async (uri) => new Uint8Array(readFileSync(join(dirname(file), uri))),
  });
  for (const message of report.issues.messages.filter((m) => m.severity < 2))
    console.log(JSON.stringify({ file, ...message }));
}
