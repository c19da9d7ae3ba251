/**
 * Writes the image as an OCI layout, without a container engine: what the last stage of the Dockerfile says, on a base of this
 * machine's own Node.js and the libraries that it needs. For the tests, which start it, and for a look at what an image has in it.
 *
 *     npm run build && npx tsx scripts/image.ts /tmp/pullguard-image [path of a Node.js binary]
 *
 * Released images are built from the Dockerfile itself, on the base that it names.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readDockerfile, type Stage } from './dockerfile.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TAG = 'pullguard';

type Descriptor = Readonly<{ mediaType: string; digest: string; size: number }>;

const [, , out, node = process.execPath] = process.argv;
if (out === undefined) throw new Error('usage: tsx scripts/image.ts FOLDER [NODE]');
const stage = readDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')).at(-1);
if (stage === undefined) throw new Error('the Dockerfile has no stage');

mkdirSync(join(out, 'blobs/sha256'), { recursive: true });
const layers = [
  addLayer((folder) => {
    copyBase(folder, node);
  }),
  addLayer((folder) => {
    copyFiles(folder, stage);
  }),
];
const config = addBlob('application/vnd.oci.image.config.v1+json', JSON.stringify(toConfig(stage, layers)));
const manifest = addBlob(
  'application/vnd.oci.image.manifest.v1+json',
  JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers }),
);
const annotations = { 'org.opencontainers.image.ref.name': TAG };
writeFileSync(join(out, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }));
writeFileSync(join(out, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
const [base, ours] = layers.map(({ size }) => `${(size / 1e6).toFixed(1)} MB`);
console.log(`${out}:${TAG}: Node.js and its libraries ${base ?? ''}, pullguard ${ours ?? ''}`);

/** A layer of what is put into an empty folder; of the same files always the same bytes. */
function addLayer(fill: (folder: string) => void): Descriptor {
  const folder = mkdtempSync(join(tmpdir(), 'pullguard-layer-'));
  const [files, tar] = [join(folder, 'files'), join(folder, 'layer.tar')];
  try {
    mkdirSync(files);
    fill(files);
    const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX'];
    execFileSync('tar', ['--create', '--file', tar, ...same, '--directory', files, '.']);
    return addBlob('application/vnd.oci.image.layer.v1.tar', readFileSync(tar));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function addBlob(mediaType: string, content: string | Buffer): Descriptor {
  const bytes = Buffer.from(content);
  const hex = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(join(out ?? '', 'blobs/sha256', hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}

/** What distroless has, as far as Node.js needs it: the binary in its place, what `ldd` finds, and certificates of public CAs. */
function copyBase(folder: string, binary: string): void {
  const copy = (from: string, to: string): void => {
    mkdirSync(dirname(join(folder, to)), { recursive: true });
    cpSync(realpathSync(from), join(folder, to));
  };
  copy(binary, '/nodejs/bin/node');
  const libraries = execFileSync('ldd', [binary], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g);
  for (const [, library = ''] of libraries) copy(library, library);
  const bundle = '/etc/ssl/certs/ca-certificates.crt';
  if (statSync(bundle, { throwIfNoEntry: false }) !== undefined) copy(bundle, bundle);
}

/** What the stage copies: from the repository, and from the stage that builds, which works in /app as `npm run build` does here. */
function copyFiles(folder: string, { copies }: Stage): void {
  for (const { from, sources, target } of copies) {
    for (const source of sources) {
      const path = join(ROOT, from === undefined ? source : source.replace(/^\/app\//, ''));
      // Like COPY: what is in a folder goes into the target, and a file goes there under its own name.
      cpSync(path, join(folder, target.endsWith('/') ? join(target, source) : target), { recursive: true });
    }
  }
}

function toConfig({ env, labels, user, ports, entrypoint, command }: Stage, layers: readonly Descriptor[]): unknown {
  return {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: {
      User: user,
      ExposedPorts: Object.fromEntries(ports.map((port) => [`${port}/tcp`, {}])),
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...env],
      Entrypoint: entrypoint,
      Cmd: command,
      Labels: labels,
    },
    // Not compressed, so the digest of each is that of its content.
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  };
}
