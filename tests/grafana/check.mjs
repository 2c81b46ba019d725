// Checks dashboards against Grafana's own types: node check.mjs FOLDER DASHBOARD.json…
//
// FOLDER is where package.json was installed. Each dashboard is written as a literal of the type `Dashboard` of
// @grafana/schema, and each panel's options and custom field settings as literals of the types of its kind, so that
// TypeScript names whatever is missing, misspelt or of a wrong type. The query of the Prometheus data source is the one
// type that the package does not carry: the fields used of it are declared here.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const [folder, ...dashboards] = process.argv.slice(2);
const ts = createRequire(path.resolve(folder, 'package.json'))('typescript');
const work = fs.mkdtempSync(path.join(path.resolve(folder), 'checked-'));
const types = path.join(work, 'types');
fs.cpSync(path.join(folder, 'node_modules/@grafana/schema/dist/types'), types, { recursive: true });

// JSON holds the values of enumerations, TypeScript wants their names: each becomes the union of its values.
const union = (text) =>
  text.replace(/^(export )?(?:declare )?(?:const )?enum (\w+) \{([^}]*)\}/gm, (_, visible = '', name, body) => {
    const members = [...body.replace(/\/\*[^]*?\*\//g, '').matchAll(/(\w+) = ("[^"]*"|-?\d+)/g)];
    const values = members.map(([, , value]) => value).join(' | ') || 'never';
    const named = members.map(([, member, value]) => `type ${member} = ${value};`).join(' ');
    return `${visible}type ${name} = ${values};\n${visible}declare namespace ${name} { ${named} }`;
  });
for (const file of fs.readdirSync(types, { recursive: true })) {
  const place = path.join(types, file);
  if (file.endsWith('.d.ts')) fs.writeFileSync(place, union(fs.readFileSync(place, 'utf8')));
}

const composable = path.join(types, 'raw/composable');
const kinds = new Map();
for (const kind of fs.readdirSync(composable)) {
  const place = path.join(composable, kind, 'panelcfg/x');
  const file = fs.existsSync(place) && fs.readdirSync(place).find((name) => name.endsWith('.gen.d.ts'));
  if (file) kinds.set(kind, path.join(place, file));
}

const complaints = [];
const sources = [];
for (const dashboard of dashboards) {
  const board = JSON.parse(fs.readFileSync(dashboard, 'utf8'));
  const lines = [
    `import type { DataQuery } from '@grafana/schema';`,
    `import type { Dashboard } from '${types}/raw/dashboard/x/dashboard_types.gen';`,
    `interface Query extends DataQuery { expr: string; legendFormat: string; editorMode: 'code' | 'builder';`,
    `  instant: boolean; range: boolean; format: 'time_series' | 'table' | 'heatmap' }`,
    `const dashboard: Dashboard = ${JSON.stringify(board)};`,
  ];
  const ids = new Set();
  board.panels.forEach((panel, n) => {
    const say = (text) => complaints.push(`${dashboard}: ${panel.title}: ${text}`);
    const { x, y, w, h } = panel.gridPos;
    if (x < 0 || w < 1 || x + w > 24 || h < 1 || y < 0) say('outside the grid of 24 columns');
    if (ids.has(panel.id)) say(`the id ${panel.id} is another's`);
    ids.add(panel.id);
    const file = kinds.get(panel.type.replaceAll('-', ''));
    if (!file) return say(`Grafana has no panel ${panel.type}`);
    const text = fs.readFileSync(file, 'utf8');
    lines.push(`import type * as kind${n} from '${file.replace(/\.d\.ts$/, '')}';`);
    lines.push(`const options${n}: kind${n}.Options = ${JSON.stringify(panel.options)};`);
    const custom = panel.fieldConfig.defaults.custom;
    if (/interface FieldConfig\b/.test(text)) {
      if (custom) lines.push(`const custom${n}: kind${n}.FieldConfig = ${JSON.stringify(custom)};`);
    } else if (custom) say('this kind has no field settings of its own');
    lines.push(`const queries${n}: Query[] = ${JSON.stringify(panel.targets)};`);
  });
  const source = path.join(work, path.basename(dashboard).replace('.json', '.ts'));
  fs.writeFileSync(source, lines.join('\n') + '\n');
  sources.push(source);
}

const program = ts.createProgram(sources, {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: [],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  target: ts.ScriptTarget.ES2022,
  paths: { '@grafana/schema': [path.join(types, 'index.d.ts')] },
});
for (const found of ts.getPreEmitDiagnostics(program)) {
  const { line } = found.file ? found.file.getLineAndCharacterOfPosition(found.start) : { line: 0 };
  const at = found.file?.text.split('\n')[line].slice(0, 60) ?? '';
  const excerpt = found.file?.text.slice(found.start, found.start + 120) ?? '';
  complaints.push(`${found.file?.fileName}: ${at}… ${ts.flattenDiagnosticMessageText(found.messageText, '\n')}\n    ${excerpt}`);
}
fs.rmSync(work, { recursive: true });
if (complaints.length) {
  console.error(complaints.join('\n'));
  process.exit(1);
}
console.log(`${dashboards.length} dashboards are as Grafana's types want them`);
