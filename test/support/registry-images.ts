import { createHash, randomBytes } from 'node:crypto';

/** Bytes that a registry keeps, by what they are. */
export type Blob = Readonly<{ mediaType: string; digest: string; bytes: Buffer }>;

/** A manifest and all that it needs; an index needs the images that are in it. */
export type TestImage = Blob &
  Readonly<{
    blobs: readonly Blob[];
    images: readonly TestImage[];
    /** Of all layers and the configuration; 0 for an index. */
    pulledBytes: number;
  }>;

type Flavour = 'oci' | 'docker';

const TYPES = {
  oci: {
    index: 'application/vnd.oci.image.index.v1+json',
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  },
  docker: {
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  },
} as const;

/** An image with layers of that many bytes each, of noise, or with these bytes; `settings` are added to its configuration. */
export function makeImage(
  layerBytes: readonly (number | Buffer)[],
  flavour: Flavour = 'oci',
  settings: object = {},
): TestImage {
  const types = TYPES[flavour];
  const noise = randomBytes(8).toString('hex');
  const config = toBlob(types.config, { architecture: 'amd64', os: 'linux', noise, ...settings });
  const layers = layerBytes.map((each) => toBlob(types.layer, typeof each === 'number' ? randomBytes(each) : each));
  const manifest = toBlob(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: describe(config),
    layers: layers.map((layer) => describe(layer)),
  });
  const blobs = [config, ...layers];
  return { ...manifest, blobs, images: [], pulledBytes: blobs.reduce((sum, { bytes }) => sum + bytes.length, 0) };
}

/** An index of images by platform, `linux/arm64/v8`. */
export function makeIndex(images: Readonly<Record<string, TestImage>>, flavour: Flavour = 'oci'): TestImage {
  const mediaType = TYPES[flavour].index;
  const manifests = Object.entries(images).map(([platform, image]) => {
    const [os, architecture, variant] = platform.split('/');
    return { ...describe(image), platform: { os, architecture, ...(variant !== undefined && { variant }) } };
  });
  return {
    ...toBlob(mediaType, { schemaVersion: 2, mediaType, manifests }),
    blobs: [],
    images: Object.values(images),
    pulledBytes: 0,
  };
}

function describe({ mediaType, digest, bytes }: Blob): Readonly<{ mediaType: string; digest: string; size: number }> {
  return { mediaType, digest, size: bytes.length };
}

function toBlob(mediaType: string, content: Buffer | object): Blob {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  return { mediaType, digest: digestOf(bytes), bytes };
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
