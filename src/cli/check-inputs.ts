import { describeCause, readPieces, readText, type FoundFile } from '../manifest/files.ts';
import { findInputs } from '../manifest/find-inputs.ts';
import type { Io } from './io.ts';
import { createTrace, renderAll, type Rendered, type RenderOptions, type Trace } from './render.ts';

/** The name of standard input in reports. */
export const STDIN = '<stdin>';

/** A text, or why it could not be read. */
export type ReadText = Readonly<{ file: string; text?: string; problem?: string }>;

/** What `check` is about. `parts`: files that kustomizations are made of, which are fixed, and checked as they are rendered. */
export type Inputs = Readonly<{
  stdin: readonly ReadText[];
  files: readonly FoundFile[];
  parts: readonly FoundFile[];
  rendered: readonly Rendered[];
}>;

/** Finds the files that paths mean, reads standard input for `-`, and renders kustomizations and charts. */
export async function readInputs(
  paths: readonly string[],
  options: RenderOptions & Readonly<{ render?: boolean }>,
  io: Io,
  isLeftOut: (file: string) => boolean,
): Promise<Inputs> {
  const stdin = paths.includes('-') ? [await readStdin(io)] : [];
  const named = paths.filter((path) => path !== '-');
  const { files, units, parts } = findInputs(named, options.render !== false, isLeftOut);
  return { stdin, files, parts, rendered: await renderAll(units, options) };
}

async function readStdin(io: Io): Promise<ReadText> {
  const file = STDIN;
  try {
    return { file, text: await io.readStdin() };
  } catch (error) {
    return { file, problem: describeCause(error) };
  }
}

export function readFound({ file, problem }: FoundFile): ReadText {
  if (problem !== undefined) return { file, problem };
  try {
    return { file, text: readText(file) };
  } catch (error) {
    return { file, problem: describeCause(error) };
  }
}

/**
 * A text that is read in pieces, as often as it is needed: of a text with a hundred thousand objects one at a time is held.
 * `problem`: why it could not be read, which is known once it was. `trace`: where something of a rendered text stands in the
 * files that it was made of.
 */
export type Source = Readonly<{ file: string; pieces: () => Iterable<string>; trace?: Trace }> & { problem?: string };

export function openText({ file, text = '', problem }: ReadText): Source {
  return { file, pieces: () => [text], ...(problem !== undefined && { problem }) };
}

export function openFile({ file, problem }: FoundFile): Source {
  if (problem !== undefined) return { file, problem, pieces: () => [] };
  const source: Source = {
    file,
    *pieces() {
      try {
        yield* readPieces(file);
      } catch (error) {
        source.problem = describeCause(error);
      }
    },
  };
  return source;
}

export function openRendered({ unit }: Rendered, text: () => string, options: RenderOptions): Source {
  return {
    file: `${unit.folder} (rendered)`,
    pieces: () => [dropDefinitions(text()).kept],
    trace: createTrace(unit, text, options),
  };
}

/**
 * Definitions of custom kinds have no images, and megabytes that take seconds to parse. The lines around them stay where they
 * are.
 */
export function dropDefinitions(text: string): Readonly<{ kept: string; dropped: number }> {
  let dropped = 0;
  const documents = text.split(/^(?=---\n)/m).map((document) => {
    if (!/^kind: CustomResourceDefinition$/m.test(document)) return document;
    dropped++;
    return `---${document.replaceAll(/[^\n]+/g, '')}`;
  });
  return { kept: documents.join(''), dropped };
}
