import { posix, relative, resolve } from 'node:path';
import ts from 'typescript';

/** The types of the library: what `src/index.ts` exports, and the declarations that these need. By path below `src/`. */
export function listTypes(root: string): ReadonlyMap<string, string> {
  const source = resolve(root, 'src');
  const { config } = ts.readConfigFile(resolve(root, 'tsconfig.json'), (file) => ts.sys.readFile(file)) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(
    { ...config.compilerOptions, noEmit: false, declaration: true, emitDeclarationOnly: true, rootDir: source },
    root,
  );
  const program = ts.createProgram([resolve(source, 'index.ts')], options);
  const written = new Map<string, string>();
  const { diagnostics } = program.emit(undefined, (file, text) => written.set(toName(source, file), text));
  if (diagnostics.length > 0) throw new Error(ts.formatDiagnostics(diagnostics, HOST));
  return keepReachable(written, 'index.d.ts');
}

/** The compiler writes a declaration for every file that the library loads; most of them are not used by exported types. */
function keepReachable(written: ReadonlyMap<string, string>, entry: string): ReadonlyMap<string, string> {
  const kept = new Map<string, string>();
  const visit = (name: string): void => {
    const text = written.get(name);
    if (text === undefined || kept.has(name)) return;
    kept.set(name, text);
    for (const [, path = ''] of text.matchAll(/\b(?:from |import\()['"](\.[^'"]+)\.[jt]s['"]/g)) {
      visit(posix.join(posix.dirname(name), `${path}.d.ts`));
    }
  };
  visit(entry);
  return kept;
}

function toName(source: string, file: string): string {
  return relative(source, file).replaceAll('\\', '/');
}

const HOST: ts.FormatDiagnosticsHost = {
  getCanonicalFileName: (name) => name,
  getCurrentDirectory: () => process.cwd(),
  getNewLine: () => '\n',
};
