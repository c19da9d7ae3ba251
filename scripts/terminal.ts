/**
 * Records what commands print on a terminal, as pictures for the docs: docs/images/*.svg. They follow the light or dark mode of
 * the reader's system. Several commands are played one after another, once. A test compares the pictures with the current output.
 *
 *     npm run docs:images
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PULLGUARD = join(ROOT, 'dist/main.js');

const COLUMNS = 96;
const CHARACTER = 8.4;
const LINE = 20;
const PADDING = 20;
/** Seconds that it takes to type a command, to show its output, and to read it. */
const TYPE = 0.8;
const APPEAR = 0.05;
const READ = 1.2;

/** ANSI codes that the commands use, each with the CSS class for it. */
const STYLES: Readonly<Record<string, string>> = { 1: 'b', 2: 'd', 31: 'r', 32: 'g', 33: 'y', 36: 'c', 90: 'd' };

/** A command, and what it prints. */
type Step = Readonly<{ command: string; output: string }>;
type Session = Readonly<{ title: string; steps: readonly Step[] }>;
/** Text in one style, which is a CSS class. */
type Span = Readonly<{ text: string; style: string }>;

/** The pictures by their path. Needs `npm run build`. */
export function drawSessions(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/images/demo.svg', drawTerminal(recordDemo())],
    ['docs/images/check.svg', drawTerminal(recordCheck())],
    ['docs/images/diagnose.svg', drawTerminal(recordDiagnose())],
  ]);
}

/** The first answer of the chapters about an image with a mirror, a missing pull secret, and denials. */
function recordDemo(): Session {
  const printed = run(['--import', 'tsx', 'demo/demo.ts'], ROOT);
  const steps = [1, 2, 4].map((chapter) => {
    const [, text = ''] = new RegExp(`^\\S*${chapter}\\. .*\\n([^]*?)\\n\\n`, 'm').exec(printed) ?? [];
    return toStep(text);
  });
  return {
    title: 'pullguard answers kubectl: it replaces an image, adds a pull secret, and denies an image that is not valid',
    steps,
  };
}

/** `$ command   # remark`, and its output below. */
function toStep(text: string): Step {
  const [command = '', ...output] = text.split('\n');
  return {
    command: stripStyles(command)
      .replace(/^\$ /, '')
      .replace(/ {3}#.*$/, ''),
    output: output.join('\n'),
  };
}

/** The example of the README. */
function recordCheck(): Session {
  const folder = mkdtempSync(join(tmpdir(), 'pullguard-terminal-'));
  try {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    for (const name of ['shop.yaml', 'policy.yaml']) {
      const [text = ''] = new RegExp(`^# ${name}\\n[^]*?(?=^\`\`\`$)`, 'm').exec(readme) ?? [];
      writeFileSync(join(folder, name), text);
    }
    const args = ['check', '--config', 'policy.yaml', 'shop.yaml'];
    return {
      title: 'pullguard check finds an image that is not valid in a manifest, and says what Pods get',
      steps: [{ command: `pullguard ${args.join(' ')}`, output: run([PULLGUARD, ...args], folder) }],
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A registry with a typo. */
function recordDiagnose(): Session {
  const event =
    'Failed to pull image "harbor.exmaple.com/team/app:v1": dial tcp: lookup harbor.exmaple.com on 10.0.0.2:53: no such host';
  return {
    title: 'pullguard diagnose reads an event, and says why the image pull failed and what to do',
    steps: [
      {
        command: 'kubectl describe pod web-1 | pullguard diagnose -',
        output: run([PULLGUARD, 'diagnose', '-'], ROOT, event),
      },
    ],
  };
}

/** What a command prints in colors, whatever its exit code. */
function run(args: readonly string[], cwd: string, input = ''): string {
  try {
    return execFileSync(process.execPath, args, {
      cwd,
      input,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '', FORCE_COLOR: '1' },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

export function drawTerminal({ title, steps }: Session): string {
  const rows: string[] = [];
  // A single command is below other text. Browsers would start to play it only when it is visible, and show nothing before.
  const isPlayed = steps.length > 1;
  let height = PADDING;
  let seconds = 0;
  const add = (spans: readonly Span[], how: 'type' | 'show'): void => {
    const length = spans.reduce((sum, { text }) => sum + text.length, 0);
    const place = `x="${PADDING}" y="${height + 14}" textLength="${round(length * CHARACTER)}"`;
    const play = isPlayed ? ` class="${how}" style="animation-delay:${round(seconds)}s"` : '';
    if (length > 0) rows.push(`<text ${place}${play}>${spans.map(drawSpan).join('')}</text>`);
    height += LINE;
    seconds += how === 'type' ? TYPE : APPEAR;
  };
  for (const { command, output } of steps) {
    const prompt = [{ text: '$ ', style: 'd' }, ...readStyles(`\u001b[1m${command}`)];
    add(prompt, 'type');
    for (const spans of output
      .trimEnd()
      .split('\n')
      .flatMap((line) => wrap(readStyles(line))))
      add(spans, 'show');
    seconds += READ;
    height += LINE;
  }
  return frame(title, rows, round(2 * PADDING + COLUMNS * CHARACTER), height - LINE + PADDING - 4);
}

function frame(title: string, rows: readonly string[], width: number, height: number): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title">
<title id="title">${escape(title)}</title>
<style>
:root{--back:#fff;--edge:#d1d9e0;--text:#1f2328;--r:#cf222e;--g:#116329;--y:#8a4600;--c:#0550ae;--d:#59636e}
@media(prefers-color-scheme:dark){:root{--back:#151b23;--edge:#3d444d;--text:#e6edf3;--r:#ff7b72;--g:#7ee787;--y:#e3b341;--c:#79c0ff;--d:#9198a1}}
rect{fill:var(--back);stroke:var(--edge)}
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;fill:var(--text);white-space:pre}
.b{font-weight:600}.d{fill:var(--d)}.r{fill:var(--r)}.g{fill:var(--g)}.y{fill:var(--y)}.c{fill:var(--c)}
.show{animation:show .1s backwards}.type{animation:type ${TYPE}s steps(30) backwards}
@keyframes show{from{opacity:0}}
@keyframes type{from{clip-path:inset(0 100% 0 0)}}
@media print,(prefers-reduced-motion:reduce){text{animation:none!important}}
</style>
<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8"/>
<g xml:space="preserve">
${rows.filter((row) => row !== '').join('\n')}
</g>
</svg>
`;
}

function drawSpan({ text, style }: Span): string {
  return style === '' ? escape(text) : `<tspan class="${style}">${escape(text)}</tspan>`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** A line with ANSI codes as spans. */
function readStyles(line: string): readonly Span[] {
  let style = '';
  return line.split(/(\u001b\[\d+m)/).flatMap((part) => {
    const [, code] = /^.\[(\d+)m$/s.exec(part) ?? [];
    if (code === undefined) return part === '' ? [] : [{ text: part, style }];
    style = STYLES[code] ?? '';
    return [];
  });
}

function stripStyles(line: string): string {
  return readStyles(line)
    .map(({ text }) => text)
    .join('');
}

/** Wraps a line to fit, at spaces if there are any. The following lines are indented a little more than the first. */
function wrap(spans: readonly Span[]): readonly (readonly Span[])[] {
  const text = spans.map((span) => span.text).join('');
  const indent = ' '.repeat(Math.min(text.length - text.trimStart().length + 2, COLUMNS / 2));
  const lines: (readonly Span[])[] = [];
  let from = 0;
  do {
    const before = lines.length === 0 ? '' : indent;
    const end = from + COLUMNS - before.length;
    const space = text.length <= end ? text.length : text.lastIndexOf(' ', end);
    const to = space > from ? space : end;
    lines.push([{ text: before, style: '' }, ...cut(spans, from, to)].filter((span) => span.text !== ''));
    from = text[to] === ' ' ? to + 1 : to;
  } while (from < text.length);
  return lines;
}

/** The part of a line between two characters. */
function cut(spans: readonly Span[], from: number, to: number): readonly Span[] {
  let start = 0;
  return spans.map(({ text, style }) => {
    const part = text.slice(Math.max(0, from - start), Math.max(0, to - start));
    start += text.length;
    return { text: part, style };
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, picture] of drawSessions()) writeFileSync(join(ROOT, path), picture);
}
