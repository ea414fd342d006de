// node decode_meshopt.mjs FOLDER: decodes each stream named in FOLDER/streams.json with the official
// decoder and writes what comes out beside it.
import { readFileSync, writeFileSync } from "node:fs";
import { MeshoptDecoder } from "meshoptimizer";

const folder = process.argv[2];
await MeshoptDecoder.ready;
for (const { name, mode, count, stride } of JSON.parse(readFileSync(`${folder}/streams.json`))) {
  const target = new Uint8Array(count * stride);
  MeshoptDecoder.decodeGltfBuffer(target, count, stride, new Uint8Array(readFileSync(`${folder}/${name}.enc`)), mode);
  writeFileSync(`${folder}/${name}.out`, target);
}
