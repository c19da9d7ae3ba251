import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { folder, ROOT, take, type Taken } from './processes.ts';

/** What `check` took of a file, and of how much processor time that is the share that reading the same file as YAML takes. */
export type CheckedFile = Readonly<{ file: string; taken: Taken; ratio: number }>;

/** All that a program does that reads a file with the YAML parser as its documentation shows it. */
const SIMPLE = `
  import { readFileSync } from 'node:fs';
  import { parseAllDocuments } from 'yaml';
  for (const document of parseAllDocuments(readFileSync(process.argv.at(-1), 'utf8'))) document.toJS();
`;

/** Files of one Deployment after another, without findings and with one in each; the simple reading of the first one is the measure. */
export async function measureCheck(counts: readonly number[], rounds: number): Promise<readonly CheckedFile[]> {
  const [first = 0] = counts;
  const measured: CheckedFile[] = [];
  for (const image of ['registry.example.com/team/app', 'registry.example.com/Team/app']) {
    const base = writeDeployments(first, image);
    const simple: Taken[] = [];
    const checked: Taken[] = [];
    for (let round = 0; round < rounds; round++) {
      simple.push(await take(['--input-type=module', '--eval', SIMPLE, base]));
      checked.push(await checkFile(base));
    }
    const bySimple = median(simple.map(({ cpuSeconds }) => cpuSeconds)) / first;
    const add = (count: number, taken: Taken): void => {
      const finding = image.includes('Team') ? ', each with a finding' : '';
      const ratio = taken.cpuSeconds / (bySimple * count);
      measured.push({ file: `${count} Deployments${finding}`, taken, ratio: Math.round(ratio * 100) / 100 });
    };
    const middle = median(checked.map(({ cpuSeconds }) => cpuSeconds));
    for (const taken of checked.filter(({ cpuSeconds }) => cpuSeconds === middle).slice(0, 1)) add(first, taken);
    for (const count of counts.slice(1)) add(count, await checkFile(writeDeployments(count, image)));
  }
  return measured;
}

function checkFile(file: string): Promise<Taken> {
  return take([join(ROOT, 'dist/main.js'), 'check', file]);
}

/** Of 640 bytes each. */
function writeDeployments(count: number, image: string): string {
  const file = join(folder, `deployments-${count}${image.includes('Team') ? '-bad' : ''}.yaml`);
  const descriptor = openSync(file, 'w');
  for (let at = 0; at < count; at++) writeSync(descriptor, deployment(at, image));
  closeSync(descriptor);
  return file;
}

function deployment(at: number, image: string): string {
  return `---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-${at}
  namespace: team-${at % 50}
  labels:
    app: app-${at}
    tier: backend
spec:
  replicas: 2
  selector:
    matchLabels:
      app: app-${at}
  template:
    metadata:
      labels:
        app: app-${at}
    spec:
      containers:
        - name: web
          image: ${image}-${at % 200}:v1.${at}.0
          ports:
            - containerPort: 8080
          resources:
            requests:
              cpu: 100m
              memory: 128Mi
            limits:
              memory: 256Mi
          env:
            - name: LOG_LEVEL
              value: "info"
`;
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}
