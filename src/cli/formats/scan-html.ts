import { createHash } from 'node:crypto';
import { causeOf } from '../../cause/causes.ts';
import { formatCount, MARKS, type Mark } from '../../report/blocks.ts';
import { RULES } from '../../rules/index.ts';
import { listNotes, markOf, toRow, type ScanRow } from '../../scan/format-scan.ts';
import type { ScanResult } from '../../scan/scan-cluster.ts';
import {
  LONGEST_REPORTED,
  MOST_SHOWN_FINDINGS,
  MOST_SHOWN_GROUPS,
  MOST_SHOWN_NOTES,
  MOST_SHOWN_WAITING,
} from '../../text/bounds.ts';
import { groupBy, listSome } from '../../text/list.ts';
import { escapeUnprintable, shorten } from '../../text/quote.ts';
import { redact, redactMessage } from '../../text/redact.ts';
import { linkToPage } from '../../text/repository.ts';
import { formatMinute } from '../../text/time.ts';
import { describeGroup, groupDiagnoses, type Diagnosed } from '../format-diagnosis.ts';

/** The result of a scan, and details of the scan. */
export type ScanReport = Readonly<{
  result: ScanResult;
  waiting: readonly Diagnosed[];
  /** `time` in milliseconds since 1970. `namespaces`: the requested ones; all if there are none. */
  about: Readonly<{ cluster: string; time: number; policy: string; version: string; namespaces: readonly string[] }>;
}>;

/**
 * One page that makes no requests: it contains its style and script, and its content security policy allows no others. Users who
 * may create objects in the cluster choose names and messages on this page, so every text goes through `html`, which escapes it.
 */
export function formatScanHtml(report: ScanReport): string {
  const { result, waiting, about } = report;
  const entries = result.groups.map((group) => ({ row: toRow(group), mark: markOf(group) }));
  const title = `Image pulls in ${about.cluster}`;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${CONTENT_POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <meta name="generator" content="pullguard ${about.version}" />
        <title>${title}, ${formatMinute(about.time)}</title>
        <link rel="icon" href="data:," />
        ${raw(`<style>${STYLE}</style>`)}
      </head>
      <body>
        <a class="skip" href="#findings">Skip to the findings</a>
        <header>
          <h1>${title}</h1>
          <dl class="about">
            <div>
              <dt>Scanned</dt>
              <dd><time datetime="${formatMinute(about.time)}">${formatMinute(about.time)}</time></dd>
            </div>
            <div>
              <dt>Policy</dt>
              <dd>${about.policy}</dd>
            </div>
            <div>
              <dt>Namespaces</dt>
              <dd>${about.namespaces.length === 0 ? 'all' : listSome(about.namespaces, 'and')}</dd>
            </div>
            <div>
              <dt>pullguard</dt>
              <dd>${about.version}</dd>
            </div>
          </dl>
        </header>
        <main>
          ${renderSummary(report, entries)} ${renderFirst(waiting, entries)} ${renderCharts(waiting, entries)}
          ${renderWaiting(waiting)} ${renderFindings(entries)}
          ${renderNotes('Not checked', 'not-checked', listNotes(result))}
        </main>
        <footer>
          <p>
            Made by <code>pullguard scan -o html</code>. <code>pullguard scan -o json</code> has every finding, and
            <code>pullguard diagnose</code> says more of Pods that wait.
          </p>
        </footer>
        ${raw(`<script>${SCRIPT}</script>`)}
      </body>
    </html> `;
  return page.markup.trimStart();
}

type Entry = Readonly<{ row: ScanRow; mark: Mark }>;
type Entries = readonly [Entry, ...Entry[]];

// Markup

type Markup = Readonly<{ markup: string }>;
type Piece = string | number | Markup | readonly Markup[];

/**
 * Joins the parts of the template, without their indentation in this file, and the texts between them: escaped, shortened, and
 * without unprintable characters.
 */
function html(parts: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  const written = parts.map((part) => part.replaceAll(/\n\s*/g, '\n'));
  return { markup: written.reduce((page, part, at) => page + toMarkup(pieces[at - 1] ?? '') + part) };
}

function toMarkup(piece: Piece): string {
  if (typeof piece === 'number') return String(piece);
  if (typeof piece === 'string') return escape(piece);
  return 'markup' in piece ? piece.markup : piece.map(({ markup }) => markup).join('');
}

function escape(text: string): string {
  const shown = shorten(escapeUnprintable(shorten(text, LONGEST_REPORTED)), LONGEST_REPORTED);
  return shown.replaceAll(/[&<>"'`]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Only for our own style and script. */
function raw(markup: string): Markup {
  return { markup };
}

const NOTHING = raw('');

/** Shows how urgent something is by a word, and not by a color alone. */
function badge(level: Level): Markup {
  return html`<span class="badge ${level}">${level}</span>`;
}

/** A link to a page of the documentation, which is only loaded if the user clicks on it. */
function link(page: string, name: string): Markup {
  return html`<a href="${linkToPage(page)}" rel="noreferrer">${name}</a>`;
}

// The parts of the page

/** What a chart counts: Pods that wait now, and findings by their marks. Notices need no action, and are not in charts. */
const LEVELS = ['waiting', 'error', 'unfixed', 'warning', 'audit'] as const;
type Level = (typeof LEVELS)[number] | Mark;

function renderSummary({ result, waiting }: ScanReport, entries: readonly Entry[]): Markup {
  const { counts, errors } = result;
  const of = (mark: Mark): number => entries.filter((entry) => entry.mark === mark).length;
  const tiles: readonly (readonly [level: Level, count: number, noun: string, more: string])[] = [
    ['waiting', countPods(waiting), 'Pod', 'waiting for an image now'],
    ['error', of('error'), 'error', 'would be denied'],
    ['unfixed', counts.unfixedPods, 'Pod', 'unfixed: new ones get a fix that they lack'],
    ['warning', of('warning'), 'warning', 'may fail'],
    ['notice', of('notice'), 'notice', 'fixed or harmless'],
    ...(of('audit') > 0 ? ([['audit', of('audit'), 'audit finding', 'not shown to users']] as const) : []),
  ];
  return html`<section aria-labelledby="summary">
    <h2 id="summary">Summary</h2>
    <ul class="tiles">
      ${tiles.map(
        ([level, count, noun, more]) =>
          html`<li class="${count === 0 ? 'none' : level}">
            <b>${count.toLocaleString('en')}</b> <strong>${noun}${count === 1 ? '' : 's'}</strong>
            <small>${more}</small>
          </li>`,
      )}
    </ul>
    <p>
      ${formatCount(counts.workloads, 'workload')} and ${formatCount(counts.pods, 'Pod')}
      checked${counts.leftOut > 0 ? `, ${formatCount(counts.leftOut, 'object')} exempt` : ''}.${waiting.length + entries.length + errors.length === 0 ? ' No problems found.' : ''}
    </p>
    ${renderNotes(`This report is incomplete: ${formatCount(errors.length, 'problem')} reading the cluster`, 'incomplete', errors)}
  </section>`;
}

function renderNotes(title: string, id: string, notes: readonly string[]): Markup {
  if (notes.length === 0) return NOTHING;
  const left = notes.length - MOST_SHOWN_NOTES;
  return html`<section class="notes" aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    <ul>
      ${notes.slice(0, MOST_SHOWN_NOTES).map((note) => html`<li>${note}</li>`)}${left > 0 ? html`<li>${left} more</li>` : NOTHING}
    </ul>
  </section>`;
}

/** What fails now, and then what may fail, each with the most Pods or findings first. */
function renderFirst(waiting: readonly Diagnosed[], entries: readonly Entry[]): Markup {
  const groups = [...groupDiagnoses(waiting).map(renderDiagnosis), ...groupFindings(entries).map(renderGroup)];
  if (groups.length === 0) return NOTHING;
  const left = groups.length - MOST_SHOWN_GROUPS;
  return html`<section aria-labelledby="first">
    <h2 id="first">What to do first</h2>
    <ol class="first">
      ${groups.slice(0, MOST_SHOWN_GROUPS)}
    </ol>
    ${left > 0 ? html`<p class="left">${formatCount(left, 'more group')} not shown here: see the tables below.</p>` : NOTHING}
  </section>`;
}

const ROW_NAMES: Readonly<Record<string, string>> = {
  event: 'Event',
  do: 'Do',
  or: 'Or',
  not: 'Ruled out',
  found: 'Found',
  see: 'See',
};

function renderDiagnosis(group: ReturnType<typeof groupDiagnoses>[number]): Markup {
  const { head, rows } = describeGroup(group, true);
  return html`<li>
    <h3>${badge('waiting')} ${head}</h3>
    <dl>
      ${rows.map(
        ([name, value]) =>
          html`<div class="${name}">
            <dt>${ROW_NAMES[name] ?? capitalize(name)}</dt>
            <dd>${name === 'see' ? link(value, value) : value}</dd>
          </div>`,
      )}
    </dl>
  </li>`;
}

/** Groups findings with the same urgency, cause, registry and remedy, as these can be fixed together. */
function groupFindings(entries: readonly Entry[]): readonly Entries[] {
  const urgent = entries.filter(({ mark }) => mark !== 'notice' && mark !== 'audit');
  const groups = groupBy(urgent, ({ row, mark }) =>
    // The remedies of Pods that lack a fix differ, as they name the owner.
    JSON.stringify([mark, nameCause(row), row.registry, mark === 'unfixed' ? '' : row.remedy]),
  );
  const urgency = ([{ mark }]: Entries): number => MARKS.indexOf(mark);
  return groups.toSorted((a, b) => urgency(a) - urgency(b) || b.length - a.length);
}

function renderGroup(entries: Entries): Markup {
  const [{ row, mark }] = entries;
  const namespaces = [...new Set(entries.map((entry) => entry.row.namespace))];
  const owners = [...new Set(entries.map((entry) => nameOwner(entry.row)))];
  const where = row.registry === undefined ? '' : `${row.registry}: `;
  return html`<li>
    <h3>${badge(mark)} ${formatCount(entries.length, 'finding')}: ${where}${nameCause(row)}</h3>
    <dl>
      <div>
        <dt>Example</dt>
        <dd>${nameOwner(row)}: ${row.message}</dd>
      </div>
      <div>
        <dt>In</dt>
        <dd>
          ${listSome(owners, 'and')},
          ${namespaces.length === 1 ? `namespace ${namespaces[0] ?? ''}` : `${namespaces.length} namespaces`}
        </dd>
      </div>
      <div>
        <dt>Rule</dt>
        <dd>
          ${link(`docs/rules/${row.rule}.md`, row.rule)}: ${RULES.find(({ id }) => id === row.rule)?.description ?? ''}
        </dd>
      </div>
      <div class="do">
        <dt>Do</dt>
        <dd>${row.remedy}</dd>
      </div>
    </dl>
  </li>`;
}

/** The cause of the failure, if it is known, and the rule that found it. */
function nameCause({ cause, rule }: ScanRow): string {
  return cause === undefined ? rule : `${causeOf(cause).name} (${rule})`;
}

function nameOwner({ namespace, owner }: ScanRow): string {
  return `${namespace === '' ? '' : `${namespace}/`}${owner.kind}/${owner.name}`;
}

// Charts

type Bars = Map<string, Partial<Record<Level, number>>>;

function renderCharts(waiting: readonly Diagnosed[], entries: readonly Entry[]): Markup {
  const causes: Bars = new Map();
  const registries: Bars = new Map();
  const namespaces: Bars = new Map();
  const add = (bars: Bars, name: string | undefined, level: Level): void => {
    if (name === undefined || name === '') return;
    const bar = bars.get(name) ?? {};
    bars.set(name, { ...bar, [level]: (bar[level] ?? 0) + 1 });
  };
  for (const { report, diagnosis } of waiting) {
    add(causes, diagnosis.name, 'waiting');
    add(registries, diagnosis.registry, 'waiting');
    add(namespaces, report.namespace, 'waiting');
  }
  for (const { row, mark } of entries) {
    if (mark === 'notice') continue;
    add(causes, nameCause(row), mark);
    add(registries, row.registry, mark);
    add(namespaces, row.namespace, mark);
  }
  const charts = [
    renderBars('By cause', causes),
    renderBars('By registry', registries, 'registry'),
    renderBars('By namespace', namespaces, 'namespace'),
  ].filter((chart) => chart !== NOTHING);
  if (charts.length === 0) return NOTHING;
  return html`<section aria-labelledby="charts">
    <h2 id="charts">Where it is</h2>
    <p>Pods that wait, and findings, without notices.</p>
    <ul class="legend">
      ${LEVELS.filter((level) => [...namespaces.values()].some((counts) => level in counts)).map((level) => html`<li>${badge(level)}</li>`)}
    </ul>
    <div class="charts">${charts}</div>
  </section>`;
}

/** A row for each name, the worst first. `filter`: the field in the table of findings that has these names as values. */
function renderBars(title: string, bars: Bars, filter?: string): Markup {
  if (bars.size === 0) return NOTHING;
  const ordered = [...bars].toSorted(([, a], [, b]) => compareCounts(a, b));
  const most = ordered.reduce((longest, [, counts]) => Math.max(longest, sum(counts)), 0);
  const left = ordered.length - MOST_SHOWN_GROUPS;
  return html`<table class="bars">
    <caption>
      ${title}
    </caption>
    <thead class="hidden">
      <tr>
        <th scope="col">Name</th>
        <th scope="col">Share</th>
        <th scope="col">Number</th>
      </tr>
    </thead>
    <tbody>
      ${ordered.slice(0, MOST_SHOWN_GROUPS).map(
        ([name, counts]) =>
          html`<tr>
            <th scope="row">
              ${filter === undefined || sum(counts) === counts.waiting ? name : html`<a href="#findings" data-filter="${filter}" data-value="${name}">${name}</a>`}
            </th>
            <td class="bar">
              <svg width="100%" height="14" aria-hidden="true" focusable="false">${renderBar(counts, most)}</svg>
            </td>
            <td>${listCounts(counts)}</td>
          </tr>`,
      )}${
        left > 0
          ? html`<tr>
              <td colspan="3">${left} more</td>
            </tr>`
          : NOTHING
      }
    </tbody>
  </table>`;
}

function renderBar(counts: Partial<Record<Level, number>>, most: number): readonly Markup[] {
  let start = 0;
  return LEVELS.map((level) => {
    const width = (100 * (counts[level] ?? 0)) / most;
    if (width === 0) return NOTHING;
    const x = start;
    start += width;
    return html`<rect class="${level}" x="${x.toFixed(2)}%" width="${width.toFixed(2)}%" height="14"></rect>`;
  });
}

function listCounts(counts: Partial<Record<Level, number>>): string {
  return LEVELS.flatMap((level) => {
    const count = counts[level] ?? 0;
    if (count === 0) return [];
    return [level === 'error' || level === 'warning' ? formatCount(count, level) : `${count} ${level}`];
  }).join(', ');
}

/** Compares by the most urgent level first. */
function compareCounts(a: Partial<Record<Level, number>>, b: Partial<Record<Level, number>>): number {
  return LEVELS.map((level) => (b[level] ?? 0) - (a[level] ?? 0)).find((difference) => difference !== 0) ?? 0;
}

function sum(counts: Partial<Record<Level, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

// Tables. On a phone their cells are below each other, and browsers then no longer expose a table, unless it has roles.

function renderWaiting(waiting: readonly Diagnosed[]): Markup {
  if (waiting.length === 0) return NOTHING;
  const ordered = groupDiagnoses(waiting).flat();
  const left = ordered.length - MOST_SHOWN_WAITING;
  return html`<section aria-labelledby="waiting">
    <h2 id="waiting">Pods that wait now</h2>
    <table role="table" class="list pods">
      <thead role="rowgroup">
        <tr role="row">
          ${['Pod', 'Cause', 'Image', 'Since'].map((name) => html`<th role="columnheader" scope="col">${name}</th>`)}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${ordered.slice(0, MOST_SHOWN_WAITING).map(renderWaitingPod)}
      </tbody>
    </table>
    ${left > 0 ? html`<p class="left">${left.toLocaleString('en')} more not shown: see <code>pullguard scan -o json</code>.</p>` : NOTHING}
  </section>`;
}

function renderWaitingPod({ report, diagnosis }: Diagnosed): Markup {
  const { namespace = '', pod, owner, node, since } = report;
  const name = [namespace, pod ?? owner ?? ''].filter((part) => part !== '').join('/');
  const more = [pod === undefined ? undefined : owner, node === undefined ? undefined : `node ${node}`];
  return html`<tr role="row">
    <td role="cell" data-name="Pod">
      ${redactMessage(name)}${more.map((text) => (text === undefined ? NOTHING : html`<small>${redactMessage(text)}</small>`))}
    </td>
    <td role="cell" data-name="Cause">${diagnosis.name}<small>${diagnosis.says}</small></td>
    <td role="cell" data-name="Image">${diagnosis.image ?? '-'}</td>
    <td role="cell" data-name="Since">${since?.replace(/:\d\d(?:\.\d+)?Z$/, 'Z') ?? '-'}</td>
  </tr>`;
}

function renderFindings(entries: readonly Entry[]): Markup {
  const shown = chooseShown(entries);
  const left = entries.length - shown.length;
  const rows = html`<table role="table" class="list">
    <caption class="hidden">
      Findings, the most urgent first
    </caption>
    <thead role="rowgroup">
      <tr role="row">
        ${['Level', 'Where', 'Problem'].map((name) => html`<th role="columnheader" scope="col">${name}</th>`)}
      </tr>
    </thead>
    <tbody role="rowgroup" id="rows">
      ${shown.map(renderFinding)}
    </tbody>
  </table>`;
  return html`<section aria-labelledby="findings">
    <h2 id="findings" tabindex="-1">Findings</h2>
    ${
      shown.length === 0
        ? html`<p>None.</p>`
        : html`${renderFilter(shown)}
          ${left > 0 ? html`<p class="left">${shown.length.toLocaleString('en')} of ${entries.length.toLocaleString('en')} findings, the most urgent of each namespace: <code>pullguard scan -o json</code> has all.</p>` : NOTHING}
          ${rows}`
    }
  </section>`;
}

/**
 * Chooses the most urgent findings. Of equally urgent ones, each namespace gets one in turn, so that namespaces with many
 * findings do not displace the others.
 */
function chooseShown(entries: readonly Entry[]): readonly Entry[] {
  const turns = new Map<string, number>();
  const ranked = entries.map((entry) => {
    const key = `${entry.mark} ${entry.row.namespace}`;
    const turn = turns.get(key) ?? 0;
    turns.set(key, turn + 1);
    return { entry, rank: MARKS.indexOf(entry.mark), turn };
  });
  const kept = ranked.toSorted((a, b) => a.rank - b.rank || a.turn - b.turn).slice(0, MOST_SHOWN_FINDINGS);
  const isKept = new Set(kept.map(({ entry }) => entry));
  return ranked
    .filter(({ entry }) => isKept.has(entry))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ entry }) => entry);
}

function renderFinding({ row, mark }: Entry): Markup {
  const { namespace, owner, part, pods, rule, registry = '', message, remedy } = row;
  const where = [
    ...(pods === undefined || owner.kind === 'Pod' ? [] : [formatCount(pods, 'Pod')]),
    ...((part ?? []).length ? [part ?? ''] : []),
  ];
  return html`<tr
    role="row"
    data-level="${mark}"
    data-namespace="${namespace}"
    data-rule="${rule}"
    data-registry="${registry}"
  >
    <td role="cell" data-name="Level">${badge(mark)}</td>
    <td role="cell" data-name="Where">
      ${owner.kind}/${owner.name}<small>${namespace === '' ? 'no namespace' : `namespace ${namespace}`}</small>${where.map((text) => html`<small>${redact(text)}</small>`)}
    </td>
    <td role="cell" data-name="Problem">
      ${message}<small>${rule}</small>${mark === 'notice' || mark === 'audit' ? NOTHING : html`<small class="do">${remedy}</small>`}
    </td>
  </tr>`;
}

/** Hidden until the script that it needs runs. */
function renderFilter(shown: readonly Entry[]): Markup {
  const values = (pick: (entry: Entry) => string | undefined): readonly string[] =>
    [...new Set(shown.flatMap((entry) => pick(entry) ?? []))].filter((value) => value !== '').sort();
  const select = (name: string, label: string, options: readonly string[]): Markup =>
    html`<label
      >${label}
      <select name="${name}">
        <option value="">all</option>
        ${options.map((value) => html`<option value="${value}">${value}</option>`)}
      </select></label
    >`;
  return html`<form id="filter" role="search" aria-label="Findings" hidden>
      <label>Search <input type="search" name="search" autocomplete="off" placeholder="name, image, message" /></label>
      ${select(
        'level',
        'Level',
        MARKS.filter((mark) => shown.some((entry) => entry.mark === mark)),
      )}
      ${select(
        'namespace',
        'Namespace',
        values(({ row }) => row.namespace),
      )}
      ${select(
        'registry',
        'Registry',
        values(({ row }) => row.registry),
      )}
      ${select(
        'rule',
        'Rule',
        values(({ row }) => row.rule),
      )}
      <button type="reset">Show all</button>
    </form>
    <p id="count" role="status"></p>`;
}

function countPods(waiting: readonly Diagnosed[]): number {
  return new Set(waiting.map(({ report }) => JSON.stringify([report.namespace, report.pod, report.owner]))).size;
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// Style and script

const STYLE = `
:root{--back:#fff;--fore:#1b1f24;--soft:#57606a;--line:#d0d7de;--panel:#f6f8fa;--link:#0550ae;--waiting:#a3136b;--error:#b42318;--unfixed:#a34300;--warning:#7d5700;--notice:#57606a;--audit:#5925b8}
@media screen and (prefers-color-scheme:dark){:root{--back:#0d1117;--fore:#e6edf3;--soft:#a3adb8;--line:#3a424c;--panel:#161b22;--link:#79b8ff;--waiting:#ff8ac2;--error:#ff8a80;--unfixed:#f7a55b;--warning:#e3c04b;--notice:#a3adb8;--audit:#bfaaff}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:1rem}
body{margin:0 auto;max-width:75rem;padding:1.5rem;background:var(--back);color:var(--fore);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
h1{margin:0 0 .5rem;font-size:1.75rem;line-height:1.2}
h2{margin:2.5rem 0 .75rem;font-size:1.3rem;border-bottom:1px solid var(--line);padding-bottom:.25rem}
h3{margin:0;font-size:1rem}
code{font:.9em ui-monospace,monospace}
small{display:block;color:var(--soft);font-size:.85rem}
dl,dd{margin:0}
ul,ol{padding:0;list-style:none}
.skip{position:absolute;left:-100rem}
.skip:focus{position:static}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.about{display:flex;flex-wrap:wrap;gap:.25rem 2rem}
.about dt{display:inline;color:var(--soft)}
.about dt::after{content:':'}
.about dd{display:inline}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin:0}
.tiles strong{font-weight:600}
.tiles li{border:1px solid var(--line);border-top:4px solid var(--tone,var(--line));border-radius:6px;padding:.5rem .75rem;background:var(--panel)}
.tiles b{display:block;font-size:2rem;line-height:1.2;color:var(--tone,var(--soft))}
.waiting{--tone:var(--waiting)}.error{--tone:var(--error)}.unfixed{--tone:var(--unfixed)}.warning{--tone:var(--warning)}.notice{--tone:var(--notice)}.audit{--tone:var(--audit)}
.badge{display:inline-block;min-width:4.6rem;padding:0 .4rem;border:1px solid var(--tone);border-left-width:6px;border-radius:4px;color:var(--tone);font-size:.85rem;font-weight:600}
.notes{border:1px solid var(--line);border-left:4px solid var(--warning);border-radius:6px;margin-top:1.5rem;padding:.25rem 1rem}
.notes h2{border:0;margin:.5rem 0 0;font-size:1rem}
.notes ul{margin:.25rem 0 .5rem;padding-left:1.2rem;list-style:disc}
.first{counter-reset:group;margin:0;display:grid;gap:.75rem}
.first li{border:1px solid var(--line);border-radius:6px;padding:.75rem 1rem}
.first dl{margin-top:.5rem}
.first dl div{display:grid;grid-template-columns:5.5rem 1fr;gap:.5rem}
.first dt{color:var(--soft)}
.first .do{margin-top:.25rem}
.first .do dt{color:var(--fore);font-weight:700}
.first .do dd{border-left:3px solid var(--link);padding-left:.6rem}
.legend{display:flex;flex-wrap:wrap;gap:.5rem;margin:.5rem 0 1rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,32rem),1fr));gap:1.5rem 2.5rem}
.bars{width:100%;border-collapse:collapse;align-self:start;table-layout:fixed}
.bars caption{text-align:left;font-weight:600;padding-bottom:.25rem}
.bars th{width:38%;text-align:left;font-weight:400;padding:.15rem .75rem .15rem 0;font-size:.9rem}
.bars td{padding:.15rem 0;font-size:.85rem;color:var(--soft)}
.bars .bar{width:32%;padding-right:.75rem}
.bars svg{display:block;background:var(--panel);border-radius:2px}
rect{fill:var(--tone);stroke:var(--back);stroke-width:1}
#filter{display:flex;flex-wrap:wrap;gap:.75rem;align-items:end;margin-bottom:1rem}
#filter[hidden]{display:none}
#filter label{display:grid;color:var(--soft);font-size:.85rem}
#filter input,#filter select,#filter button{font:inherit;color:var(--fore);background:var(--back);border:1px solid var(--soft);border-radius:4px;padding:.35rem .5rem;min-height:2.5rem;max-width:16rem}
#count{margin:.75rem 0 .25rem;color:var(--soft)}
#count:empty{display:none}
.list{width:100%;border-collapse:collapse;table-layout:fixed}
.list th:first-child{width:7rem}
.list th:nth-child(2){width:32%}
.pods th:first-child{width:26%}
.pods th:nth-child(3){width:26%}
.pods th:nth-child(4){width:16%}
.list th{text-align:left;border-bottom:2px solid var(--line);padding:.4rem .75rem .4rem 0;color:var(--soft);font-size:.9rem}
.list td{vertical-align:top;border-bottom:1px solid var(--line);padding:.5rem .75rem .5rem 0}
.list .do::before{content:'Do: ';font-weight:600}
footer{margin-top:3rem;border-top:1px solid var(--line);color:var(--soft);font-size:.9rem}
@media screen and (max-width:48rem){
body{padding:1rem}
.list,.list tbody,.list tr,.list td{display:block}
.list thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.list tr{border:1px solid var(--line);border-radius:6px;padding:.5rem .75rem;margin-bottom:.75rem}
.list tr[hidden]{display:none}
.list td{border:0;padding:.15rem 0}
.list td[data-name=Image]::before,.list td[data-name=Since]::before{content:attr(data-name) ': ';color:var(--soft)}
.first dl div{grid-template-columns:4.5rem 1fr}
.first li{padding:.75rem}
#filter label,#filter button{flex:1 1 9rem}
#filter input,#filter select{max-width:none;width:100%}
.bars tr{display:grid;grid-template-columns:1fr 1fr;border-bottom:1px solid var(--line);padding:.25rem 0}
.bars th{width:auto;grid-column:1/3}
.bars .bar{width:auto;align-self:center}
}
@media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
@media print{
html{font-size:9pt}
body{max-width:none;padding:0}
#filter,.skip,#count:empty{display:none}
a{color:inherit;text-decoration:none}
h2,h3,caption{break-after:avoid}
tr,.tiles li,.notes,.first dl div{break-inside:avoid}
.first{display:block}
.first li{margin-bottom:.75rem}
.tiles{grid-template-columns:repeat(5,1fr)}
h2{margin-top:1.5rem}
.charts{display:block}
.bars{margin-bottom:1rem}
*{print-color-adjust:exact}
}
`;

const SCRIPT = `
(() => {
  const form = document.getElementById('filter');
  if (form === null) return;
  const count = document.getElementById('count');
  const rows = [...document.querySelectorAll('#rows tr')].map((row) => ({ row, text: row.textContent.toLowerCase() }));
  const show = () => {
    const { search, ...fields } = Object.fromEntries(new FormData(form));
    const words = search.toLowerCase().split(/\\s+/);
    const wanted = Object.entries(fields).filter(([, value]) => value !== '');
    let shown = 0;
    for (const { row, text } of rows) {
      const fits = words.every((word) => text.includes(word)) && wanted.every(([name, value]) => row.dataset[name] === value);
      row.hidden = !fits;
      shown += Number(fits);
    }
    count.textContent = shown === rows.length ? '' : shown + ' of ' + rows.length + ' shown';
  };
  form.hidden = false;
  form.addEventListener('input', show);
  form.addEventListener('reset', () => setTimeout(show));
  form.addEventListener('submit', (event) => event.preventDefault());
  document.addEventListener('click', ({ target }) => {
    const link = target.closest('a[data-filter]');
    if (link === null) return;
    form.reset();
    form.elements[link.dataset.filter].value = link.dataset.value;
    setTimeout(show);
  });
})();
`;

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

const CONTENT_POLICY = `default-src 'none'; style-src ${hashOf(STYLE)}; script-src ${hashOf(SCRIPT)}; img-src data:; base-uri 'none'; form-action 'none'`;
