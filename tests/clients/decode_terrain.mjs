// node decode_terrain.mjs FILES…: quantized-mesh tiles decoded by @here/quantized-mesh-decoder, a JSON line each.
import { readFileSync } from "node:fs";
import module from "@here/quantized-mesh-decoder";

const decode = module.default ?? module;
for (const file of process.argv.slice(2)) {
  const bytes = new Uint8Array(readFileSync(file));
  const mesh = decode(bytes.buffer, { maxDecodingStep: 4 });
  console.log(JSON.stringify({
    vertices: Array.from(mesh.vertexData), triangles: Array.from(mesh.triangleIndices),
    edges: [mesh.westIndices, mesh.southIndices, mesh.eastIndices, mesh.northIndices].map((each) => Array.from(each)),
    normals: Array.from(mesh.extensions.vertexNormals), metadata: mesh.extensions.metadata ?? null,
  }));
}
