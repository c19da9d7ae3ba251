type TableOptions = Readonly<{
  /** Columns of the terminal; the last cell of a row then goes on below itself. Without it a row is a line. */
  width?: number;
  /** Colours a cell of any column but the last; what it adds must have no width. */
  paint?: (cell: string, column: number) => string;
}>;

type Row = readonly string[];

/** A narrower last column would be a word a line: rather leave it to the terminal. */
const MIN_LAST_COLUMN = 32;

const GAP = '   ';

/** A table as kubectl prints it: columns three spaces apart and as wide as they need to be, no lines. */
export function formatTable(head: Row, rows: readonly Row[], { width, paint }: TableOptions = {}): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const before = widths.slice(0, -1).reduce((sum, each) => sum + each + GAP.length, 0);
  const last = width === undefined || width - before < MIN_LAST_COLUMN ? Infinity : width - before;
  const formatRow = (row: Row): string => {
    const [first = '', ...more] = wrapText(row.at(-1) ?? '', last);
    const cells = row.slice(0, -1).map((text, column) => {
      const cell = paint?.(text, column) ?? text;
      return cell + ' '.repeat((widths[column] ?? 0) - text.length);
    });
    const lines = [[...cells, first].join(GAP), ...more.map((line) => ' '.repeat(before) + line)];
    return lines.map((line) => `${line.trimEnd()}\n`).join('');
  };
  return [head, ...rows].map((row) => formatRow(row)).join('');
}

/** Breaks a text between words; a word that is too long, as image addresses are, behind a slash or wherever it has to. */
export function wrapText(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const slash = rest.lastIndexOf('/', width - 1);
    const end = space > 0 ? space : slash > 0 ? slash + 1 : width;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}
