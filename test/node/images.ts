import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { digestOf, makeImage, type TestImage } from '../support/registry-images.ts';

/** How Go, and so images, call what this machine runs. */
export const NODE_ARCH = process.arch === 'x64' ? 'amd64' : process.arch;
const OTHER_ARCH = NODE_ARCH === 'amd64' ? 'arm64' : 'amd64';
export const NODE_PLATFORM = `linux/${NODE_ARCH}`;
export const OTHER_PLATFORM = `linux/${OTHER_ARCH}`;

/** The command of a container that ends at once, and well. */
export const END = ['/busybox', 'true'];

/** Makes images that run: all have the one layer, and each its own digest. */
export type ImageMaker = (platform?: 'node' | 'other') => TestImage;

export function createImageMaker(folder: string): ImageMaker {
  const root = join(folder, 'root');
  mkdirSync(root, { recursive: true });
  copyFileSync(findBusybox(), join(root, 'busybox'));
  const { layer, rootfs } = packLayer(root, 'busybox');
  return (platform = 'node') =>
    makeImage([layer], 'oci', {
      architecture: platform === 'node' ? NODE_ARCH : OTHER_ARCH,
      config: { Cmd: ['/busybox', 'sleep', '1000000'] },
      rootfs,
    });
}

/** An image of zeros: small to download, and of that many bytes once it is unpacked. */
export function makeLargeImage(folder: string, bytes: number): TestImage {
  const file = join(folder, 'zeros');
  writeFileSync(file, '');
  truncateSync(file, bytes);
  const { layer, rootfs } = packLayer(folder, 'zeros');
  return makeImage([layer], 'oci', { architecture: NODE_ARCH, rootfs });
}

/** An image that can be downloaded and not unpacked; no other has its layer, so that a node does pull it. */
export function makeNoise(): TestImage {
  const rootfs = { type: 'layers', diff_ids: [`sha256:${'0'.repeat(64)}`] };
  return makeImage([2 ** 20], 'oci', { architecture: NODE_ARCH, rootfs });
}

function packLayer(root: string, name: string): Readonly<{ layer: Buffer; rootfs: object }> {
  const tar = execFileSync('tar', ['-C', root, '-c', name], { maxBuffer: 2 ** 28 });
  const diffId = `sha256:${createHash('sha256').update(tar).digest('hex')}`;
  return { layer: gzipSync(tar), rootfs: { type: 'layers', diff_ids: [diffId] } };
}

/** One that is linked statically, as there is nothing else in the image. */
function findBusybox(): string {
  return execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
}

/** Writes an image as an archive that `ctr images import` reads. */
export function writeArchive(folder: string, name: string, image: TestImage): string {
  const layout = join(folder, 'layout');
  mkdirSync(join(layout, 'blobs', 'sha256'), { recursive: true });
  for (const { digest, bytes } of [image, ...image.blobs]) {
    writeFileSync(join(layout, 'blobs', digest.replace(':', '/')), bytes);
  }
  const { mediaType, digest, bytes } = image;
  const annotations = { 'io.containerd.image.name': name };
  const manifests = [{ mediaType, digest, size: bytes.length, annotations }];
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  const archive = join(folder, `${digestOf(Buffer.from(name)).slice(7, 19)}.tar`);
  execFileSync('tar', ['-C', layout, '-cf', archive, '.']);
  return archive;
}

/** A Helm chart, as `helm push` makes one. */
export function makeChart(): TestImage {
  const chart = makeImage([readFileSync(import.meta.filename)]);
  const manifest = JSON.parse(chart.bytes.toString()) as { config: object; layers: object[] };
  const bytes = Buffer.from(
    JSON.stringify({
      ...manifest,
      config: { ...manifest.config, mediaType: 'application/vnd.cncf.helm.config.v1+json' },
      layers: manifest.layers.map((layer) => ({
        ...layer,
        mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip',
      })),
    }),
  );
  return { ...chart, bytes, digest: digestOf(bytes) };
}
