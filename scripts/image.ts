/**
 * Writes the image as an OCI layout, without a container engine: the last stage of the Dockerfile, on a base with the Node.js of
 * this machine and the libraries that it needs. For the tests, which start it, and for inspecting the contents of the image.
 *
 *     npm run build && npx tsx scripts/image.ts /tmp/pullguard-image [path of a Node.js binary …]
 *
 * With binaries of several architectures, it writes an index with one image for each. The libraries of other architectures come
 * from Debian's packages for cross compilation: libc6-arm64-cross, libstdc++6-arm64-cross. Released images are built from the
 * Dockerfile itself, on the base that it names.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readDockerfile, type Stage } from './dockerfile.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TAG = 'pullguard';

const OCI = 'application/vnd.oci.image';
const OWN = process.arch === 'x64' ? 'amd64' : process.arch;
const SYSROOTS: Readonly<Record<string, string>> = { amd64: '/usr/x86_64-linux-gnu', arm64: '/usr/aarch64-linux-gnu' };

type Descriptor = Readonly<{ mediaType: string; digest: string; size: number; platform?: object }>;

const [, , out, ...given] = process.argv;
if (out === undefined) throw new Error('usage: tsx scripts/image.ts FOLDER [NODE …]');
const stage = readDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')).at(-1);
if (stage === undefined) throw new Error('the Dockerfile has no stage');

mkdirSync(join(out, 'blobs/sha256'), { recursive: true });
const ours = addLayer((folder) => {
  copyFiles(folder, stage);
});
const images = (given.length > 0 ? given : [process.execPath]).map((node) => addImage(node, stage));
const [image, ...others] = images;
const tagged = others.length === 0 ? image : addList(`${OCI}.index.v1+json`, { manifests: images });
const annotations = { 'org.opencontainers.image.ref.name': TAG };
writeFileSync(join(out, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [{ ...tagged, annotations }] }));
writeFileSync(join(out, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');

function addImage(node: string, final: Stage): Descriptor {
  const architecture = architectureOf(node);
  const base = addLayer((folder) => {
    copyBase(folder, node, architecture);
  });
  const layers = [base, ours];
  const config = addBlob(`${OCI}.config.v1+json`, JSON.stringify(toConfig(final, architecture, layers)));
  const [first, second] = layers.map(({ size }) => `${(size / 1e6).toFixed(1)} MB`);
  console.log(
    `${out ?? ''}:${TAG} ${architecture}: Node.js and its libraries ${first ?? ''}, pullguard ${second ?? ''}`,
  );
  return { ...addList(`${OCI}.manifest.v1+json`, { config, layers }), platform: { os: 'linux', architecture } };
}

function addList(mediaType: string, content: object): Descriptor {
  return addBlob(mediaType, JSON.stringify({ schemaVersion: 2, mediaType, ...content }));
}

/** A layer with what `fill` puts into an empty folder. The same files always result in the same bytes. */
function addLayer(fill: (folder: string) => void): Descriptor {
  const folder = mkdtempSync(join(tmpdir(), 'pullguard-layer-'));
  const [files, tar] = [join(folder, 'files'), join(folder, 'layer.tar')];
  try {
    mkdirSync(files);
    fill(files);
    const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX'];
    execFileSync('tar', ['--create', '--file', tar, ...same, '--directory', files, '.']);
    return addBlob(`${OCI}.layer.v1.tar`, readFileSync(tar));
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

/** Read from the header of the program. */
function architectureOf(binary: string): string {
  const header = readFileSync(binary).subarray(0, 20);
  const machine = header.toString('latin1', 1, 4) === 'ELF' ? header.readUInt16LE(18) : 0;
  const architecture = { 0x3e: 'amd64', 0xb7: 'arm64' }[machine];
  if (architecture === undefined) throw new Error(`${binary} is no program of Linux for amd64 or arm64`);
  return architecture;
}

/** The parts of distroless that Node.js needs: the binary at the same path, its libraries, and certificates of public CAs. */
function copyBase(folder: string, binary: string, architecture: string): void {
  const copy = (from: string, to: string): void => {
    mkdirSync(dirname(join(folder, to)), { recursive: true });
    cpSync(realpathSync(from), join(folder, to));
  };
  copy(binary, '/nodejs/bin/node');
  for (const [from, to] of listLibraries(binary, architecture)) copy(from, to);
  const bundle = '/etc/ssl/certs/ca-certificates.crt';
  if (statSync(bundle, { throwIfNoEntry: false }) !== undefined) copy(bundle, bundle);
}

function listLibraries(binary: string, architecture: string): readonly (readonly [from: string, to: string])[] {
  if (architecture === OWN) {
    const lines = execFileSync('ldd', [binary], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g);
    return [...lines].map(([, library = '']) => [library, library]);
  }
  const sysroot = join(SYSROOTS[architecture] ?? '', 'lib');
  const names = readdirSync(sysroot).filter((name) => name.includes('.so.'));
  return names.map((name) => [join(sysroot, name), `/lib/${name}`]);
}

/** Copies what the stage copies: from the repository, and from the build stage, whose /app is this repository after its build. */
function copyFiles(folder: string, { copies }: Stage): void {
  for (const { from, sources, target } of copies) {
    for (const source of sources) {
      const path = join(ROOT, from === undefined ? source : source.replace(/^\/app\//, ''));
      // Like COPY: the content of a folder goes into the target, and a file goes there under its own name.
      cpSync(path, join(folder, target.endsWith('/') ? join(target, source) : target), { recursive: true });
    }
  }
}

function toConfig(
  { env, labels, user, ports, entrypoint, command }: Stage,
  architecture: string,
  layers: readonly Descriptor[],
): unknown {
  return {
    architecture,
    os: 'linux',
    config: {
      User: user,
      ExposedPorts: Object.fromEntries(ports.map((port) => [`${port}/tcp`, {}])),
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...env],
      Entrypoint: entrypoint,
      Cmd: command,
      Labels: labels,
    },
    // Layers are not compressed, so the digest of each is that of its content.
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  };
}
