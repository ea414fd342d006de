// Says what the MapLibre style specification has against a style; one message a line, nothing if it is sound.
import { readFileSync } from 'node:fs';
import { validateStyleMin } from '@maplibre/maplibre-gl-style-spec';

for (const path of process.argv.slice(2)) {
  for (const found of validateStyleMin(JSON.parse(readFileSync(path, 'utf8')))) console.log(`${path}: ${found.message}`);
}
